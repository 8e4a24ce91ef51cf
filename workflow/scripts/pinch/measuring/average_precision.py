"""Average precision from evidence as Ultralytics computes it, for many resamples of the images at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pinch.measuring.evidence import THRESHOLDS, Evidence

# The recalls at which `ultralytics.utils.metrics.compute_ap` takes the precision (COCO's 101 points).
_GRID = np.linspace(0, 1, 101)
_SPACING = 0.01
# Numbers in one array of a step: above, resamples are taken in parts.
_MOST = 4_000_000


@dataclass(frozen=True)
class _Class:
    """A class of the evidence: `d` detections and `g` groups of images.

    Attributes:
        groups: (d,) the group of each detection, by falling score.
        correct: for each threshold the places, among those, of correct detections.
        boxes: (g,) boxes of the truth in each group.
    """

    groups: np.ndarray
    correct: list[np.ndarray]
    boxes: np.ndarray


def of_classes(evidence: Evidence, weights: np.ndarray) -> np.ndarray:
    """MAP50-95 of each class, the mean of the average precisions at all thresholds, in each of `b` resamples.

    With weights of 1 it is what Ultralytics computes from them (`ultralytics.utils.metrics.ap_per_class`).

    Args:
        evidence: of `c` classes and `g` groups of images.
        weights: (b, g), how often each group is in each resample, whole numbers.

    Returns:
        (b, c); NaN where a resample has no box of a class.
    """
    return np.stack([_of_class(each, weights) for each in _classes(evidence)], axis=1)


def _classes(evidence: Evidence) -> Iterator[_Class]:
    count = int(evidence.groups.max()) + 1
    detection_groups, truth_groups = (
        evidence.groups[images] for images in (evidence.detection_images, evidence.truth_images)
    )
    for number in range(len(evidence.names)):
        own = np.flatnonzero(evidence.classes == number)
        bits = evidence.correct[own]
        yield _Class(
            detection_groups[own],
            [np.flatnonzero(bits >> threshold & 1) for threshold in range(THRESHOLDS)],
            np.bincount(truth_groups[evidence.truth_classes == number], minlength=count),
        )


def _of_class(each: _Class, weights: np.ndarray) -> np.ndarray:
    """(b,), see `of_classes`."""
    rows = max(1, _MOST // max(1, len(each.groups)))
    parts = [_of_part(each, weights[start : start + rows]) for start in range(0, len(weights), rows)]
    return np.concatenate(parts)


def _of_part(each: _Class, weights: np.ndarray) -> np.ndarray:
    boxes = weights @ each.boxes
    own = weights[:, each.groups]
    seen = own.cumsum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        areas = [_area(own[:, places], seen[:, places], boxes) for places in each.correct]
    return np.where(boxes > 0, np.mean(areas, axis=0), np.nan)


def _area(weights: np.ndarray, seen: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Average precision at one threshold: (b,), from `k` correct detections by falling score.

    `compute_ap` interpolates the precision linearly between the points of all detections, after it has raised each to
    the highest that follows, and adds it up at 101 recalls. Between the recalls of two correct detections this is a
    line, from the point before the second one to that one, so the sum over the recalls in between has a closed form.

    Args:
        weights: (b, k), of each correct detection.
        seen: (b, k), of all detections down to each correct one, with it.
        boxes: (b,), of the truth.
    """
    found = weights.cumsum(axis=1)
    recall = found / boxes[:, None]
    precision = found / np.maximum(seen, 1)
    end = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    earlier = seen - weights
    # Before the first detection the precision counts as 1.
    start = np.where(earlier > 0, np.maximum((found - weights) / earlier, end), 1.0)
    below = np.searchsorted(_GRID, recall)
    # The trapezoidal rule halves the first of the 101 values; the last one is always 0.
    points = _steps(np.where(below > 0, below - 0.5, 0.0))
    sums = _steps(below * (below - 1) * (_SPACING / 2))
    width = _steps(recall)
    slope = np.where(width > 0, (end - start) / width, 0.0)
    values = start * points + slope * (sums - (recall - width) * points)
    return values.sum(axis=1) * _SPACING


def _steps(totals: np.ndarray) -> np.ndarray:
    """What each column adds to the one before."""
    return np.diff(totals, axis=1, prepend=0.0)
