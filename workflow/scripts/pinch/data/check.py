"""Check a data set before it is used: every image is decoded, and every label is read.

Ultralytics only logs a line when it leaves out images that it cannot read or whose labels are wrong. Here they are
reported.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from pinch.core.errors import PinchError
from pinch.core.record_types.data import DatasetRecord, SplitContent
from pinch.data.dataset import Dataset, count_boxes, in_threads, label_path

# Boxes may reach outside the image by 1%, as in Ultralytics.
TOLERANCE = 0.01


@dataclass
class Findings:
    """What a check of a data set found.

    Attributes:
        images: number of images of each split.
        boxes: number of boxes by split and class.
        broken: messages about files that cannot be used: images that do not decode, labels that do not parse.
        gaps: messages about splits and classes without images.
        warnings: messages about boxes that reach outside their image.
    """

    images: dict[str, int] = field(default_factory=dict)
    boxes: dict[str, dict[str, int]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def everything(self) -> list[str]:
        """All messages."""
        return self.broken + self.gaps + self.warnings

    def record(self, dataset: Dataset, users: dict[str, int] | None = None) -> DatasetRecord:
        """The data set's record; `users` is the number of people of each split, if it is known."""
        known = users or {}
        return DatasetRecord(
            data_yaml=str(dataset.path),
            classes=dataset.names,
            splits={
                split: SplitContent(images=count, boxes=self.boxes[split], users=known.get(split))
                for split, count in self.images.items()
            },
            warnings=self.everything(),
        )


def inspect(dataset: Dataset, splits: list[str] | None = None) -> Findings:
    """Decode every image and read every label of `splits` (None: all that the data.yaml names)."""
    found = Findings()
    for split in dataset.splits if splits is None else splits:
        try:
            images = dataset.images(split)
        except PinchError as error:
            found.gaps.append(str(error))
        else:
            _inspect_split(dataset, split, images, found)
    return found


def check(dataset: Dataset, splits: list[str] | None = None, for_training: bool = False) -> list[str]:
    """Check a data set and report what is wrong with it.

    Args:
        dataset: the data set.
        splits: those to check; None means train and val for training, else all that the data.yaml names.
        for_training: raise an error for what training must not ignore.

    Returns:
        Warnings, each one sentence.

    Raises:
        PinchError: for training, an image or label that cannot be read, or a class or split without images.
    """
    if splits is None and for_training:
        splits = ["train", "val"]
    found = inspect(dataset, splits)
    if for_training:
        stop_at(found.broken + found.gaps)
    return found.everything()


def stop_at(problems: list[str]) -> None:
    """Raise a PinchError with the first of `problems` and the number of the others; return if there are none."""
    if problems:
        more = f" (and {len(problems) - 1} more like this)" if len(problems) > 1 else ""
        raise PinchError(problems[0] + more)


def decoding_error(image: Path) -> str | None:
    """Decode an image to its last byte and return what is wrong with it; None if nothing is."""
    try:
        with Image.open(image) as opened:
            # A JPEG decoded at an eighth of its size is still read to its end, in a third of the time.
            opened.draft("RGB", (max(opened.width // 8, 1), max(opened.height // 8, 1)))
            opened.load()
    except Exception as error:  # Pillow's decoders raise many kinds of exceptions for broken files.
        return f"{image} cannot be decoded ({error}): restore it or remove it from the data set"
    return None


def _inspect_split(dataset: Dataset, split: str, images: list[Path], found: Findings) -> None:
    labels = []
    for image, (error, boxes) in zip(images, in_threads(lambda image: _look(dataset, image), images), strict=True):
        labels.append(boxes)
        found.broken += [error] if error else []
        found.warnings += [outside] if (outside := _outside(image, boxes)) else []
    found.images[split] = len(images)
    found.boxes[split] = count_boxes(dataset, labels)
    found.gaps += _gaps(dataset, split, found)


def _look(dataset: Dataset, image: Path) -> tuple[str | None, np.ndarray]:
    try:
        boxes = dataset.labels(image)
    except PinchError as error:
        return str(error), np.zeros((0, 5), np.float32)
    unknown = [number for number in boxes[:, 0] if number not in range(len(dataset.names))]
    if unknown:
        known = f"0 to {len(dataset.names) - 1}"
        return (
            f"{label_path(image)} has class {unknown[0]:g}, but {dataset.path} has classes {known}: correct it",
            boxes,
        )
    return decoding_error(image), boxes


def _outside(image: Path, boxes: np.ndarray) -> str | None:
    """A message about boxes (n, 5) that reach outside their image by more than the tolerance; None if none does."""
    low, high = boxes[:, 1:3] - boxes[:, 3:5] / 2, boxes[:, 1:3] + boxes[:, 3:5] / 2
    outside = (low < -TOLERANCE).any(1) | (high > 1 + TOLERANCE).any(1) | (boxes[:, 3:5] <= 0).any(1)
    if not outside.any():
        return None
    return f"{label_path(image)}: {int(outside.sum())} of {len(boxes)} boxes are empty or reach outside the image"


def _gaps(dataset: Dataset, split: str, found: Findings) -> list[str]:
    if not found.images[split]:
        return [f"the {split} split of {dataset.path} has no images"]
    empty = [name for name, boxes in found.boxes[split].items() if not boxes]
    if empty:
        return [f"the {split} split of {dataset.path} has no images of {', '.join(empty)}"]
    return []
