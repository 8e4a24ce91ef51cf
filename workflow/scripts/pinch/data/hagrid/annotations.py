"""Read the annotation files of HaGRID, of every version.

    {stem: {"bboxes": [[x, y, width, height], ...], "labels": [...], ...}}

Boxes are given by their top-left corner and size, as fractions of the image. Version 1 adds `landmarks`, `leading_hand`
and `leading_conf`. Version 2.0 adds only `user_id`. v2-1M adds `hand_landmarks`, `meta`, `united_bbox` and
`united_label`; the last two are null (or lists with null) except for gestures of two hands. A file may mix versions:
each entry is read by the keys that it has.
Format: https://github.com/hukenovs/hagrid (branches Hagrid_v1, Hagrid_v2, Hagrid_v2-1M).
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pinch.core.errors import PinchError
from pinch.core.files import read_json

Box = tuple[float, float, float, float]
# Keys that are not needed, and take nine tenths of the memory.
_DROPPED = ("landmarks", "hand_landmarks", "meta", "leading_hand", "leading_conf")


class Annotation(NamedTuple):
    """The hands of one image, as (label, (x, y, width, height)) with top-left corners in fractions, and its user."""

    stem: str
    hands: list[tuple[str, Box]]
    user: str | None


class _WrongError(ValueError):
    """An entry cannot be used; the text says why."""


def read_annotations(path: Path, mode: str = "gestures") -> tuple[list[Annotation], dict[str, list[str]]]:
    """Read the annotations of one gesture in one phase.

    Args:
        path: the file.
        mode: "gestures" replaces the two boxes of a two-handed gesture by its united box; any other keeps each hand.

    Returns:
        The annotations, and the stems of the entries that cannot be used, by what is wrong with them.

    Raises:
        PinchError: it is not JSON with an entry for each image.
    """
    entries = read_entries(path, object_hook=_without_dropped)
    found, wrong = [], defaultdict(list)
    for stem, entry in entries.items():
        try:
            found.append(_annotation(stem, entry, mode))
        except _WrongError as error:
            wrong[str(error)].append(stem)
    return found, dict(wrong)


def read_entries(path: Path, object_hook: Callable[[dict[str, Any]], Any] | None = None) -> dict[str, Any]:
    """Stem -> what a file says of each image, as it stands there; for `object_hook` see `json.loads`.

    Raises:
        PinchError: it is not JSON with an entry for each image.
    """
    entries = read_json(path, object_hook=object_hook)
    if not isinstance(entries, dict):
        raise PinchError(f"{path} is not a HaGRID annotation file: it must be one object with an entry per image")
    return entries


def _without_dropped(entry: dict[str, Any]) -> dict[str, Any]:
    """An object of the file, as soon as it is read."""
    for key in _DROPPED:
        entry.pop(key, None)
    return entry


def _annotation(stem: str, entry: Any, mode: str) -> Annotation:
    if not isinstance(entry, dict):
        raise _WrongError("are no objects")
    user = entry.get("user_id")
    if user is not None and not isinstance(user, str):
        raise _WrongError("have a user_id that is not text")
    hands = list(_pairs(entry, "bboxes", "labels"))
    if mode == "gestures":
        hands = _united(hands, list(_pairs(entry, "united_bbox", "united_label")))
    return Annotation(stem, hands, user)


def _united(hands: list[tuple[str, Box]], united: list[tuple[str, Box]]) -> list[tuple[str, Box]]:
    """The united boxes instead of the hands with the same labels; other hands, such as idle ones, stay."""
    together = {label for label, _ in united}
    return united + [hand for hand in hands if hand[0] not in together]


def _pairs(entry: dict[str, Any], boxes_key: str, labels_key: str) -> Iterator[tuple[str, Box]]:
    """(label, box) of an entry's hands, or of its united hands; only the latter may be absent or null."""
    boxes, labels = entry.get(boxes_key), entry.get(labels_key)
    if boxes_key == "united_bbox":
        boxes, labels = (
            [each for each in value or [] if each is not None] if isinstance(value, list | None) else value
            for value in (boxes, labels)
        )
    if not isinstance(boxes, list) or not isinstance(labels, list):
        raise _WrongError(f"have no list of {boxes_key} or {labels_key}")
    if len(boxes) != len(labels):
        raise _WrongError(f"have other numbers of {boxes_key} and {labels_key}")
    for label, box in zip(labels, boxes, strict=True):
        if not isinstance(label, str):
            raise _WrongError(f"have {labels_key} that are not text")
        yield label, _box(box, boxes_key)


def _box(box: Any, key: str) -> Box:
    try:
        x, y, width, height = (float(value) for value in box)
    except (TypeError, ValueError, OverflowError):
        raise _WrongError(f"have {key} that are not [x, y, width, height]") from None
    if not all(map(math.isfinite, (x, y, width, height))):
        raise _WrongError(f"have {key} that are not finite")
    return x, y, width, height


def clip(box: Box) -> Box:
    """The part of a box inside its image: (x, y, width, height); if nothing is inside, a side is not positive."""
    x, y, width, height = box
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + width, 1.0), min(y + height, 1.0)
    return left, top, right - left, bottom - top
