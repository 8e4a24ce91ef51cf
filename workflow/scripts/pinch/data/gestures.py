"""The gestures of HaGRID, by the names of their annotation files.

Source: https://github.com/hukenovs/hagrid (branches Hagrid_v1, Hagrid_v2, Hagrid_v2-1M).
"""

IDLE = "no_gesture"
"""The class of idle hands. In v1 and v2.0 it is only a label of hands in the files of other gestures."""

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
    IDLE,
)
"""All of v2-1M, in its order. v1 and v2.0 have 18 of them, and idle hands."""
