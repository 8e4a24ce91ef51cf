"""What a user of a file sees, from evidence: the detections from the file's threshold on, at IoU 0.5."""

from dataclasses import dataclass, replace

import numpy as np

from pinch.measuring import boxes
from pinch.measuring.evidence import Evidence


@dataclass(frozen=True)
class Counts:
    """Counts by group of images and class: (g, c) each.

    Attributes:
        boxes: of the truth.
        detections: of that class.
        found: boxes of the truth of which a detection is of their class, and so detections that are right.
    """

    boxes: np.ndarray
    detections: np.ndarray
    found: np.ndarray


def lacking(evidence: Evidence) -> str | None:
    """Why nothing can be said of the detections at the threshold; None if it can."""
    if evidence.boxes is None:
        return "is of an earlier version of Pinch, which kept no boxes: delete it and evaluate the file again"
    if evidence.threshold is None:
        return "has no threshold, because val was not evaluated or nothing was found on it"
    if evidence.least_score is not None and evidence.least_score >= evidence.threshold:
        return f"holds only detections with a score of {evidence.least_score:.3f} or more, which is above the threshold"
    return None


def counts(evidence: Evidence) -> Counts:
    """What is there and what is detected, of evidence that is not `lacking`."""
    shape = int(evidence.groups.max()) + 1, len(evidence.names)
    groups, classes = evidence.groups[images(evidence)], _classes(evidence)
    right = _is_right(evidence)
    return Counts(
        boxes=_count(shape, evidence.groups[evidence.truth_images], evidence.truth_classes),
        detections=_count(shape, groups, classes),
        found=_count(shape, groups[right], classes[right]),
    )


def found_scores(evidence: Evidence) -> np.ndarray:
    """The score with which each box of the truth is found, by a detection of its class: (t,); 0 where it is not."""
    scores, right = np.zeros(len(evidence.truth_classes)), _is_right(evidence)
    scores[_known(evidence.truths)[right]] = evidence.scores[: len(right)][right]
    return scores


def found(evidence: Evidence) -> np.ndarray:
    """Whether each box of the truth is found: (t,) bool."""
    return found_scores(evidence) > 0


def confusion(evidence: Evidence) -> np.ndarray:
    """Boxes by the class of the truth (rows) and the class that is detected: (c + 1, c + 1), last what is not there.

    A detection is of one box and a box has one detection at most; the same class goes first. So the last row has
    detections of nothing, second ones of the same box included, and the last column boxes that nothing is detected of.
    """
    none, truths = len(evidence.names), _known(evidence.truths)
    missed = np.setdiff1d(np.arange(len(evidence.truth_classes)), truths)
    # -1 is the place of the one that is appended.
    truth = np.append(evidence.truth_classes, none).astype(int)
    rows = np.concatenate([truth[truths], truth[missed]])
    columns = np.concatenate([_classes(evidence), np.full(len(missed), none)])
    return _count((none + 1, none + 1), rows, columns)


def partners(ours: Evidence, theirs: Evidence) -> np.ndarray:
    """The detection of another file that each of ours agrees with, see `pinch.measuring.boxes.partners`: (k,) int32."""
    return boxes.partners(*(boxes.Placed(images(each), _known(each.boxes), _classes(each)) for each in (ours, theirs)))


def images(evidence: Evidence) -> np.ndarray:
    """The image of each detection: (k,) int32."""
    return evidence.detection_images[: len(_known(evidence.boxes))]


def corners(evidence: Evidence) -> np.ndarray:
    """Left, top, right and bottom of each detection, as shares of the image's width and height: (k, 4)."""
    return boxes.unpack(_known(evidence.boxes))


def truth_corners(evidence: Evidence) -> np.ndarray:
    """The same of each box of the truth: (t, 4)."""
    return boxes.unpack(_known(evidence.truth_boxes))


def truth_sides(evidence: Evidence) -> np.ndarray:
    """The side of each box of the truth: (t,) float16, see `pinch.measuring.boxes.sides`."""
    return boxes.sides(_known(evidence.truth_boxes))


def classes_of_truth(evidence: Evidence) -> np.ndarray:
    """The class that is detected at each box of the truth: (t,) int; the number of classes where nothing is."""
    detected = np.full(len(evidence.truth_classes), len(evidence.names))
    truths = _known(evidence.truths)
    detected[truths[truths >= 0]] = _classes(evidence)[truths >= 0]
    return detected


def of_sides(evidence: Evidence, low: float, high: float) -> Evidence:
    """The part of evidence that is of boxes whose side is at least `low` and less than `high`, for average precision.

    A detection that is of no box counts by its own side, as COCO counts (`pycocotools.cocoeval`); but there a detection
    of a box counts by its own side, too, at an IoU at which it is not correct.
    """
    truth, kept = ((each >= low) & (each < high) for each in (truth_sides(evidence), _known(evidence.sides)))
    return replace(
        evidence,
        scores=evidence.scores[kept],
        classes=evidence.classes[kept],
        correct=evidence.correct[kept],
        detection_images=evidence.detection_images[kept],
        truth_classes=evidence.truth_classes[truth],
        truth_images=evidence.truth_images[truth],
        threshold=None,
        boxes=None,
        truths=None,
        sides=None,
        truth_boxes=None,
    )


def _known(values: np.ndarray | None) -> np.ndarray:
    assert values is not None, "evidence that is lacking"
    return values


def _classes(evidence: Evidence) -> np.ndarray:
    return evidence.classes[: len(_known(evidence.boxes))]


def _is_right(evidence: Evidence) -> np.ndarray:
    """Whether each detection is of a box of its class."""
    truths = _known(evidence.truths)
    return (truths >= 0) & (np.append(evidence.truth_classes, 0)[truths] == _classes(evidence))


def _count(shape: tuple[int, int], rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    table = np.zeros(shape, int)
    np.add.at(table, (rows, columns), 1)
    return table
