"""Look at a data set before it is used: every image is decoded once, and every label is read.

Ultralytics looks again before each training, repairs images in place, and leaves out what it cannot use with a line in
its log. Here files are only read, what training must not ignore is reported, and what was seen is kept in a manifest.
"""

import functools
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pinch.core import collection, processes, records
from pinch.core.errors import PinchError
from pinch.core.record_types.data import DatasetRecord, SplitContent
from pinch.data import description, image_check
from pinch.data import manifest as manifests
from pinch.data.dataset import Dataset, count_boxes, in_threads, label_path
from pinch.data.manifest import Entry, Manifest

TRAINED_ON = ("train", "val")
"""Splits that a training uses."""
# From so many images on, processes decode them, whose start takes a second.
_MANY = 2000
# So many are handed out at once: a look that is broken off does not wait for more.
_AT_ONCE = 20_000
# Seconds between two times that an unfinished manifest is written.
_KEEP_EVERY = 20
PREPARE_AGAIN = "Start the workflow again, or prepare_dataset.py or hagrid_to_yolo.py: only these files are looked at"


@dataclass
class Findings:
    """What a look at a data set found.

    Attributes:
        images: number of images of each split.
        boxes: number of boxes by split and class.
        shapes: by split, what else `pinch.data.description` says of its images and boxes.
        broken: by image, what is wrong with it or its labels, so that it cannot be used.
        gaps: by split, a message that it, or classes in it, have no images.
        warnings: messages about boxes that reach outside their image.
        users: the people of each split; none where they are not known.
        users_with: number of people by split and class, where they are known.
        manifest: what is known of each image that is not broken.
    """

    images: dict[str, int] = field(default_factory=dict)
    boxes: dict[str, dict[str, int]] = field(default_factory=dict)
    shapes: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: dict[Path, str] = field(default_factory=dict)
    gaps: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    users: dict[str, set[str]] = field(default_factory=dict)
    users_with: dict[str, dict[str, int]] = field(default_factory=dict)
    manifest: Manifest = field(default_factory=Manifest)

    def everything(self) -> list[str]:
        """All messages."""
        return [*self.broken.values(), *self.gaps.values(), *self.warnings]

    def tell(self, dataset: Dataset, record: Path | None, seed: int | None = None) -> None:
        """Print what was found, warnings to standard error, and write the record of the data set if it is asked for.

        Args:
            dataset: what was looked at.
            record: the file to write; None: none.
            seed: of the choice of images, for the record.
        """
        if record:
            records.write(record, self.record(dataset), seed)
        for line in self.summary():
            print(line)
        for warning in self.everything():
            print(f"warning: {warning}", file=sys.stderr)

    def require(self, for_training: bool) -> None:
        """Refuse broken files and, for training, splits and classes without images.

        Raises:
            PinchError: there are any.
        """
        stop_at(list(self.broken.values()))
        if for_training:
            stop_at([self.gaps[split] for split in TRAINED_ON if split in self.gaps])

    def summary(self) -> list[str]:
        """A line for each split: images, people if they are known, boxes."""
        return [
            f"{split}: {count:,} images"
            + (f" of {len(self.users[split]):,} persons" if split in self.users else "")
            + f", {sum(self.boxes[split].values()):,} boxes"
            for split, count in self.images.items()
        ]

    def record(self, dataset: Dataset) -> DatasetRecord:
        """The data set's record."""
        return DatasetRecord(
            data_yaml=str(dataset.path),
            digest=dataset.digest,
            classes=dataset.names,
            splits={
                split: SplitContent(
                    images=count,
                    boxes=self.boxes[split],
                    users=len(self.users[split]) if split in self.users else None,
                    users_with=self.users_with.get(split),
                    **self.shapes[split],
                )
                for split, count in self.images.items()
            },
            warnings=self.everything(),
        )


def look(
    dataset: Dataset,
    splits: Iterable[str] | None = None,
    known: Manifest | None = None,
    keep: Callable[[Manifest], None] = lambda unfinished: None,
    progress: Callable[[str], None] = lambda line: None,
) -> Findings:
    """Decode every image and read every label of `splits` (None: all that the data.yaml names).

    Args:
        dataset: the data set.
        splits: those to look at.
        known: what was seen before; files that have not changed since are not opened.
        keep: called now and then with what has been seen so far, so that a look that is broken off can go on.
        progress: called with a line of text at the same times.
    """
    splits = list(splits or dataset.splits)
    images = list(dict.fromkeys(image for split in splits for image in manifests.images(dataset, split)))
    before = known or Manifest()
    made, last = Manifest(), time.monotonic()
    broken: dict[Path, str] = {}
    for number, (image, found) in enumerate(_looks(dataset, images, before), start=1):
        if isinstance(found, str):
            broken[image] = found
        else:
            made.entries[manifests.key(dataset, image)] = found
        if time.monotonic() > last + _KEEP_EVERY:
            progress(f"looked at {number:,} of {len(images):,} images")
            keep(Manifest(before.entries | made.entries))
            last = time.monotonic()
    return _findings(dataset, splits, made, broken)


@collection.paused()
def current(dataset: Dataset, splits: Iterable[str], for_training: bool = False) -> Manifest:
    """The manifest of a data set that is to be used: its own, if it was prepared, or else one from a look at it now.

    Args:
        dataset: the data set.
        splits: those that will be used.
        for_training: whether all classes must be in its train and val splits.

    Raises:
        PinchError: files have changed since the data set was prepared, or cannot be used.
    """
    wanted = tuple(splits)
    if wanted not in dataset.checked:
        dataset.checked[wanted] = _current(dataset, list(wanted))
    found: Findings = dataset.checked[wanted]
    found.require(for_training)
    return found.manifest


def _current(dataset: Dataset, splits: list[str]) -> Findings:
    if dataset.digest is None:
        return look(dataset, splits)
    known = manifests.read(dataset.path.parent / manifests.FILE)
    stamps = {name: entry.stamp for name, entry in known.entries.items()}
    if differences := manifests.changes(dataset, stamps, splits):
        raise PinchError(f"{dataset.path} was prepared for other files: {'; '.join(differences)}. {PREPARE_AGAIN}")
    if known.digest(dataset, dataset.splits) != dataset.digest:
        raise PinchError(f"{dataset.path} was edited, or preparing it was broken off. {PREPARE_AGAIN}")
    return _findings(dataset, splits, known, {})


def stop_at(problems: list[str]) -> None:
    """Raise a PinchError with the first of `problems` and the number of the others; return if there are none."""
    if problems:
        more = f" (and {len(problems) - 1} more like this)" if len(problems) > 1 else ""
        raise PinchError(problems[0] + more)


def _findings(dataset: Dataset, splits: list[str], manifest: Manifest, broken: dict[Path, str]) -> Findings:
    """What splits hold, what they lack, and what is odd in them."""
    found = Findings(broken=broken, manifest=manifest)
    for split in splits:
        try:
            images = dataset.images(split)
        except PinchError as error:
            found.gaps[split] = str(error)
        else:
            _describe(dataset, split, images, found)
    return found


def _looks(dataset: Dataset, images: list[Path], before: Manifest) -> Iterator[tuple[Path, Entry | str]]:
    """Each image with its entry, or what is wrong with it; those that have not changed are not opened."""
    seen = ((image, before.find(dataset, image)) for image in images)
    known = [(image, entry) for image, entry in seen if entry]
    unchanged = in_threads(lambda pair: _is_unchanged(*pair), known, chunk=512)
    kept = dict(pair for pair, same in zip(known, unchanged, strict=True) if same)
    yield from kept.items()
    left = [image for image in images if image not in kept]
    # Without what the data set keeps in memory, which each process would get a copy of.
    look_at = functools.partial(image_check.look, replace(dataset))
    if len(left) < _MANY:
        yield from zip(left, in_threads(look_at, left), strict=True)
        return
    # Threads would wait for each other: two decode a third more than one, two processes nearly twice as much.
    with processes.pool(len(os.sched_getaffinity(0))) as pool:
        for start in range(0, len(left), _AT_ONCE):
            some = left[start : start + _AT_ONCE]
            yield from zip(some, pool.map(look_at, some, chunksize=32), strict=True)


def _is_unchanged(image: Path, known: Entry) -> bool:
    try:
        return manifests.stamp(image) == known.stamp
    except OSError:
        return False


def _describe(dataset: Dataset, split: str, images: list[Path], found: Findings) -> None:
    seen = ((image, found.manifest.find(dataset, image)) for image in images)
    entries = {image: entry for image, entry in seen if entry}
    boxes = {image: entry.boxes for image, entry in entries.items()}
    found.images[split] = len(images)
    found.boxes[split] = count_boxes(dataset, list(boxes.values()))
    found.shapes[split] = description.describe(list(entries.values()), dataset.names)
    found.warnings += _outside(boxes)
    empty = [name for name, count in found.boxes[split].items() if not count]
    if not images or empty:
        of = f" of {', '.join(empty)}" if images else ""
        found.gaps[split] = f"the {split} split of {dataset.path} has no images{of}"


def _outside(boxes: dict[Path, np.ndarray]) -> list[str]:
    """Messages about images with boxes (n, 5) that reach outside them by more than the tolerance, or are empty."""
    every = np.concatenate([np.zeros((0, 5), np.float32), *boxes.values()])
    low, high = every[:, 1:3] - every[:, 3:5] / 2, every[:, 1:3] + every[:, 3:5] / 2
    reach = image_check.TOLERANCE
    outside = (low < -reach).any(1) | (high > 1 + reach).any(1) | (every[:, 3:5] <= 0).any(1)
    of_image = np.repeat(np.arange(len(boxes)), [len(each) for each in boxes.values()])
    images = list(boxes.items())
    found = [(*images[number], count) for number, count in Counter(of_image[outside].tolist()).items()]
    return [
        f"{label_path(image)}: {count} of {len(each)} boxes are empty or reach outside the image"
        for image, each, count in found
    ]
