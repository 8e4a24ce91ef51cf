"""Boxes as evidence keeps them, and which boxes in the same images are of the same thing."""

from typing import NamedTuple

import numpy as np

SAME = 0.5
"""IoU from which two boxes are of the same thing."""

# A box is four numbers of 16 bits, shares of the image's width and height: a hundredth of a pixel at 640.
_ONE = 65535
# Pairs of boxes that are compared at once.
_MOST = 1_000_000


class Placed(NamedTuple):
    """Detections with their places.

    Attributes:
        images: (n,) the image of each.
        boxes: (n, 4) packed.
        classes: (n,) numbers or names.
    """

    images: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray


def pack(corners: np.ndarray) -> np.ndarray:
    """Boxes as evidence keeps them: (n, 4) left, top, right, bottom, from 0 to 1, to (n, 4) uint16."""
    return np.round(np.clip(corners, 0, 1) * _ONE).astype(np.uint16).reshape(-1, 4)


def unpack(boxes: np.ndarray) -> np.ndarray:
    """The corners of packed boxes: (n, 4) float64, from 0 to 1."""
    return boxes.astype(float) / _ONE


def sides(boxes: np.ndarray) -> np.ndarray:
    """The side of each packed box, the square root of its share of the image's area: (n,) float16."""
    left, top, right, bottom = unpack(boxes).T
    return np.sqrt((right - left) * (bottom - top)).astype(np.float16)


def overlaps(
    images: np.ndarray, boxes: np.ndarray, other_images: np.ndarray, other_boxes: np.ndarray, least: float = SAME
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of boxes, one of each set, that overlap in the same image.

    Args:
        images: (n,) the image of each box of the first set.
        boxes: (n, 4) packed.
        other_images, other_boxes: the same of the second set, of m boxes.
        least: smallest IoU of a pair.

    Returns:
        (p,) the number of the first box of each pair, rising, and (p,) that of the second one; of the pairs of a first
        box, the one that overlaps most comes first.
    """
    order = np.argsort(other_images, kind="stable")
    start, end = (np.searchsorted(other_images[order], images, side) for side in ("left", "right"))
    counts = end - start
    rows = max(1, _MOST // int(counts.max(initial=1)))
    corners, other_corners = unpack(boxes), unpack(other_boxes)
    found = [(np.zeros(0, int), np.zeros(0, int))]
    for first in range(0, len(images), rows):
        some = np.arange(first, min(first + rows, len(images)))
        ours = np.repeat(some, counts[some])
        within = np.arange(len(ours)) - np.repeat(np.cumsum(counts[some]) - counts[some], counts[some])
        theirs = order[start[ours] + within]
        shared = _iou(corners[ours], other_corners[theirs])
        kept = np.flatnonzero(shared >= least)
        kept = kept[np.lexsort((-shared[kept], ours[kept]))]
        found.append((ours[kept], theirs[kept]))
    firsts, seconds = zip(*found, strict=True)
    return np.concatenate(firsts), np.concatenate(seconds)


def _iou(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """IoU of the corners of pairs of boxes: (p, 4) and (p, 4) to (p,)."""
    size = np.minimum(ours[:, 2:], theirs[:, 2:]) - np.maximum(ours[:, :2], theirs[:, :2])
    shared = np.clip(size, 0, None).prod(axis=1)
    whole = sum((each[:, 2:] - each[:, :2]).prod(axis=1) for each in (ours, theirs)) - shared
    return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)


def assign(ours: np.ndarray, theirs: np.ndarray, count: int) -> np.ndarray:
    """One partner at most for each box: of pairs in the order of `overlaps`, each is taken if both are still alone.

    With first boxes by falling score this is how Ultralytics gives detections their boxes of the truth
    (`ultralytics.engine.validator.BaseValidator.match_predictions`).

    Args:
        ours, theirs: (p,) the numbers of the boxes of each pair.
        count: of first boxes.

    Returns:
        (count,) int32, the partner of each first box; -1: none.
    """
    partners, taken = np.full(count, -1, np.int32), set()
    for first, second in zip(ours.tolist(), theirs.tolist(), strict=True):
        if partners[first] < 0 and second not in taken:
            partners[first] = second
            taken.add(second)
    return partners


def partners(ours: Placed, theirs: Placed) -> np.ndarray:
    """The detection of another set that each of ours agrees with: the same image and class, and an IoU of SAME or more.

    Returns:
        (n,) int32, each of the other's once; -1: none.
    """
    first, second = overlaps(ours.images, ours.boxes, theirs.images, theirs.boxes)
    same = ours.classes[first] == theirs.classes[second]
    return assign(first[same], second[same], len(ours.boxes))
