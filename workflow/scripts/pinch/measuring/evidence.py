"""Evidence: what matching found in each image, so that intervals and comparisons need no second evaluation.

It lies beside the record of an accuracy: `records/accuracy/<file>.npz`, compressed, with all splits of the record.
Boxes are kept only of the truth and of what a user of the file would see: the detections from its threshold on.
"""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from pinch.core.errors import PinchError
from pinch.core.files import atomic
from pinch.data.manifest import pack_names, unpack_names
from pinch.measuring import boxes as placing

THRESHOLDS = 10
"""Number of IoU thresholds, 0.50 to 0.95 in steps of 0.05, as in COCO's mAP50-95."""
MOST = 4_000_000
"""Most detections that are kept of a split: about 50 MB in memory."""

_VERSION = 1
_TEXTS = ("images", "names")
_NUMBERS = ("persons", "least_score", "threshold")
# What Ultralytics calls correct at IoU 0.5 overlaps at least so much after boxes were rounded.
_ROUNDED = placing.SAME - 0.05
UNREADABLE = (OSError, ValueError, TypeError, KeyError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error)
"""What NumPy raises for a file that is damaged, or that is something else."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What matching found on one split. `n` images, `d` detections, `t` boxes of the truth.

    Attributes:
        images: the images' names, relative to the root of the data set if they lie in there.
        names: of the classes, by number.
        groups: (n,) int32, the group of each image, from 0: images of one person are one group, and an image whose
            person is not known is its own. Images of different groups are independent of each other.
        persons: how many persons are known among the groups.
        scores: (d,) float32, from high to low, in the order in which Ultralytics ranked them.
        classes: (d,) uint16, the predicted class.
        correct: (d,) uint16, bit i is set where the detection is correct at the IoU threshold 0.5 + 0.05 i.
        detection_images: (d,) int32, the image of each detection.
        truth_classes: (t,) uint16, the class of each box of the truth.
        truth_images: (t,) int32, its image.
        least_score: lowest score that was kept, where detections were dropped because there were more than MOST: the
            average precision is then a little too low. None where none was.
        threshold: the score from which on detections are meant to be used, see `OperatingPoint`; None where val was not
            evaluated, or nothing found on it. The first `k` detections have at least this score, and none is dropped.
            This one and what follows is None in older evidence.
        boxes: (k, 4) uint16, where they are, see `pinch.measuring.boxes.pack`.
        truths: (k,) int32, the box of the truth that each is of (IoU 0.5 or more, each box once): one of the same class
            before one of another class; -1: none.
        sides: (d,) float16, side of the box of the truth of the same class that a detection is of, else its own (see
            `pinch.measuring.boxes.sides`).
        truth_boxes: (t, 4) uint16, where the boxes of the truth are.
    """

    images: list[str]
    names: list[str]
    groups: np.ndarray
    persons: int
    scores: np.ndarray
    classes: np.ndarray
    correct: np.ndarray
    detection_images: np.ndarray
    truth_classes: np.ndarray
    truth_images: np.ndarray
    least_score: float | None = None
    threshold: float | None = None
    boxes: np.ndarray | None = None
    truths: np.ndarray | None = None
    sides: np.ndarray | None = None
    truth_boxes: np.ndarray | None = None


def collect(
    stats: Mapping[str, list[np.ndarray]],
    images: list[str],
    persons: list[str],
    names: list[str],
    threshold: float | None = None,
    most: int = MOST,
) -> Evidence:
    """Evidence from what Ultralytics' validator matched.

    Detections of a class below its last correct one are dropped, if they are below the threshold too. They change no
    average precision: beyond the last recall that is reached, the precision counts as 0
    (`ultralytics.utils.metrics.compute_ap`).

    Args:
        stats: `DetMetrics.stats`, whose lists have an entry for each image: "tp" (k, THRESHOLDS) bool, "conf" (k,),
            "pred_cls" (k,), "target_cls" (m,). With "boxes" (k, 4) and "target_boxes" (m, 4), packed, it has
            boxes too.
        images: name of each image.
        persons: who is in it; empty where that is not known.
        names: of the classes, by number.
        threshold: see `Evidence`.
        most: number of detections to keep at most, those with the highest scores.
    """
    scores = np.concatenate(stats["conf"])
    # The same call on the same numbers as Ultralytics', so that detections with equal scores are ranked as it did.
    order = np.argsort(-scores)
    classes = np.concatenate(stats["pred_cls"])[order].astype(np.uint16)
    bits = 1 << np.arange(THRESHOLDS, dtype=np.uint16)
    correct = (np.concatenate(stats["tp"]).astype(np.uint16) @ bits).astype(np.uint16)[order]
    shown = scores[order] >= (np.inf if threshold is None else threshold)
    kept = np.flatnonzero(_matters(classes, correct, len(names)) | shown)
    dropped, kept = len(kept) > most, kept[:most]
    groups, known = _groups(images, persons)
    found = Evidence(
        images=images,
        names=names,
        groups=groups,
        persons=known,
        scores=scores[order][kept].astype(np.float32),
        classes=classes[kept],
        correct=correct[kept],
        detection_images=_image_of_each(stats["conf"])[order][kept],
        truth_classes=np.concatenate(stats["target_cls"]).astype(np.uint16),
        truth_images=_image_of_each(stats["target_cls"]),
        least_score=float(scores[order][kept][-1]) if dropped else None,
    )
    if "boxes" not in stats:
        return found
    boxes, truth_boxes = np.concatenate(stats["boxes"])[order][kept], np.concatenate(stats["target_boxes"])
    return _placed(found, boxes, truth_boxes, threshold, int(shown[kept].sum()))


def _placed(
    found: Evidence, boxes: np.ndarray, truth_boxes: np.ndarray, threshold: float | None, shown: int
) -> Evidence:
    """The same with boxes of the truth, and of the detections, of which the first ones are `shown`."""
    place = (found.detection_images, boxes, found.truth_images, truth_boxes)
    ours, theirs = placing.overlaps(*place, least=_ROUNDED)
    right = (found.correct[ours] & 1 > 0) & (found.classes[ours] == found.truth_classes[theirs])
    truths = placing.assign(ours[right], theirs[right], len(boxes))
    # -1 is the place of the one that is appended.
    of_truth = np.append(placing.sides(truth_boxes), np.float16(0))[truths]
    ours, theirs = placing.overlaps(found.detection_images[:shown], boxes[:shown], *place[2:])
    alone = (truths[ours] < 0) & ~np.isin(theirs, truths[:shown])
    others = placing.assign(ours[alone], theirs[alone], shown)
    return replace(
        found,
        threshold=threshold,
        boxes=boxes[:shown],
        truths=np.where(truths[:shown] < 0, others, truths[:shown]),
        sides=np.where(truths >= 0, of_truth, placing.sides(boxes)),
        truth_boxes=truth_boxes,
    )


def _matters(classes: np.ndarray, correct: np.ndarray, count: int) -> np.ndarray:
    """(d,) bool: whether a detection stands above or at the last correct one of its class, or is that one."""
    last = np.full(count, -1)
    hits = np.flatnonzero(correct)
    np.maximum.at(last, classes[hits], hits)
    return np.arange(len(classes)) <= last[classes]


def _image_of_each(lists: list[np.ndarray]) -> np.ndarray:
    """Number of the image of each entry of a list that has an array for each image."""
    return np.repeat(np.arange(len(lists), dtype=np.int32), [len(each) for each in lists])


def _groups(images: list[str], persons: list[str]) -> tuple[np.ndarray, int]:
    """The group of each image, and how many persons there are."""
    keys = [("person", person) if person else ("image", image) for image, person in zip(images, persons, strict=True)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], np.int32), len({person for person in persons if person})


def beside(record: Path) -> Path:
    """Where the evidence of an accuracy record lies."""
    return record.with_suffix(".npz")


def write(path: str | Path, sha256: str, splits: Mapping[str, Evidence]) -> None:
    """Write the evidence of a model file on splits, completely or not at all.

    Args:
        path: of the .npz file.
        sha256: of the model file, see `pinch.core.files.sha256`.
        splits: by name.

    Raises:
        PinchError: Pinch may not replace what is at `path`, or the disk does not take it.
    """
    arrays: dict[str, Any] = {"evidence": np.array(_VERSION), "sha256": np.array(sha256.encode())}
    for split, found in splits.items():
        for name, value in _fields(found).items():
            arrays[f"{split}/{name}"] = pack_names(value) if name in _TEXTS else value
    with atomic(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def _fields(found: Evidence) -> dict[str, Any]:
    return {name: value for name, value in vars(found).items() if value is not None}


def read(path: str | Path, sha256: str | None) -> dict[str, Evidence]:
    """Read the evidence of a model file.

    Args:
        path: of the .npz file.
        sha256: of the model file that it must be of; None: any.

    Returns:
        The evidence by split.

    Raises:
        PinchError: it is missing, is no evidence of this version of Pinch, or is of another model file.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as content:
            version, of = int(content["evidence"]), content["sha256"].item().decode()
            if version != _VERSION:
                raise ValueError(f"version {version}, not {_VERSION}")
            splits = dict.fromkeys(name.partition("/")[0] for name in content.files if "/" in name)
            found = {split: _read_split(content, split) for split in splits}
    except FileNotFoundError as error:
        raise PinchError(f"{path} does not exist: evaluate the model again with evaluate.py") from error
    except UNREADABLE as error:
        raise PinchError(
            f"{path} is not evidence of this version of Pinch ({error}): delete it and evaluate the model again"
        ) from error
    if sha256 not in (None, of):
        raise PinchError(f"{path} is of another state of the model file: delete it and evaluate the model again")
    return found


def _read_split(content: Any, split: str) -> Evidence:
    values: dict[str, Any] = {}
    for field in fields(Evidence):
        key = f"{split}/{field.name}"
        if field.name in _TEXTS:
            values[field.name] = unpack_names(content[key])
        elif key not in content and field.default is None:
            values[field.name] = None
        elif field.name in _NUMBERS:
            values[field.name] = content[key].item()
        else:
            values[field.name] = content[key]
    return Evidence(**values)
