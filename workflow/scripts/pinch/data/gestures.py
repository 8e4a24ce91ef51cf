"""HaGRID's gestures: their names, in the order of upstream's class numbers, and which version has which."""

GESTURES = (
    "grabbing",
    "grip",
    "holy",
    "point",
    "call",
    "three3",
    "timeout",
    "xsign",
    "hand_heart",
    "hand_heart2",
    "little_finger",
    "middle_finger",
    "take_picture",
    "dislike",
    "fist",
    "four",
    "like",
    "mute",
    "ok",
    "one",
    "palm",
    "peace",
    "peace_inverted",
    "rock",
    "stop",
    "stop_inverted",
    "three",
    "three2",
    "two_up",
    "two_up_inverted",
    "three_gun",
    "thumb_index",
    "thumb_index2",
    "no_gesture",
)
"""All 34 targets, as in `constants.py` of https://github.com/hukenovs/hagrid."""

IDLE = "no_gesture"
"""The class of hands that show no gesture. In v1 and v2.0 it has no pictures and no annotation file of its own: it is
only the label of a second, idle hand in the files of other gestures."""

_FIRST = (
    *("call", "dislike", "fist", "four", "like", "mute", "ok", "one", "palm", "peace", "peace_inverted", "rock"),
    *("stop", "stop_inverted", "three", "three2", "two_up", "two_up_inverted"),
)

PICTURED = {"v1": _FIRST, "v2": _FIRST, "v2-1M": GESTURES}
"""Version -> the gestures that have pictures and an annotation file of their own."""
