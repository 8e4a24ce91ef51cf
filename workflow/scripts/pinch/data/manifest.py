"""The manifest of a data set: what every image and label file was when somebody looked at it, and a digest of all.

`prepare_dataset.py` and `hagrid_to_yolo.py` look at each file once and write the manifest beside the data.yaml, which
has its digest. Whoever uses the data set later compares sizes and times of the files with the manifest, and reads
labels from it. A manifest holds numbers and names only, so reading it runs no code.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pinch.core.errors import PinchError
from pinch.core.files import atomic
from pinch.data.dataset import Dataset, in_threads, label_name

FILE = "manifest.npz"
"""Its name, beside the data.yaml."""

Stamp = tuple[int, int, int, int]
_ABSENT = (-1, -1)


class Entry(NamedTuple):
    """An image and its labels.

    Attributes:
        stamp: bytes and modification time (ns) of the image file, and of the label file (-1, -1 if there is none).
        shape: height and width of the image in pixels, as its EXIF orientation says that it is shown.
        digest: SHA-256 of the content of both files, 32 bytes.
        boxes: (n, 5) float32, see `Dataset.labels`; each box once.
        person: who is in it; empty if that is not known.
    """

    stamp: Stamp
    shape: tuple[int, int]
    digest: bytes
    boxes: np.ndarray
    person: str = ""


@dataclass
class Manifest:
    """What is known of the images of a data set.

    Attributes:
        entries: by the image's path, relative to the root of the data set if it lies in there (see `key`).
    """

    entries: dict[str, Entry] = field(default_factory=dict)

    def of(self, dataset: Dataset, image: Path) -> Entry:
        """The entry of an image."""
        return self.entries[key(dataset, image)]

    def find(self, dataset: Dataset, image: Path) -> Entry | None:
        """The entry of an image; None if nothing is known of it."""
        return self.entries.get(key(dataset, image))

    def digest(self, dataset: Dataset, splits: Iterable[str]) -> str:
        """SHA-256 of splits of a data set: classes, other keys of data.yaml, names and contents of images and labels.

        Names are relative to the root, so a data set keeps its digest if it is moved.
        """
        found = hashlib.sha256(json.dumps([dataset.names, dataset.extra], sort_keys=True, default=str).encode())
        for split in splits:
            keys = [key(dataset, image) for image in images(dataset, split)]
            found.update(f"\n{split} {len(keys)}\n".encode())
            for name in keys:
                found.update(os.fsencode(name) + b"\0" + self.entries[name].digest)
        return found.hexdigest()

    def write(self, path: Path) -> None:
        """Write it, completely or not at all, into a folder that carries Pinch's mark."""
        if path.exists() and _columns(path) is None:
            path.unlink()  # damaged, so it has no mark of its own by which `atomic` would replace it
        entries = list(self.entries.values())
        boxes = [entry.boxes for entry in entries]
        people = {person: number for number, person in enumerate(dict.fromkeys(entry.person for entry in entries))}
        with atomic(path) as temporary, temporary.open("wb") as stream:
            np.savez(
                stream,
                names=pack_names(self.entries),
                people=pack_names(people),
                persons=np.array([people[entry.person] for entry in entries], np.int32),
                stamps=np.array([entry.stamp for entry in entries], np.int64).reshape(-1, 4),
                shapes=np.array([entry.shape for entry in entries], np.int32).reshape(-1, 2),
                digests=np.frombuffer(b"".join(entry.digest for entry in entries), np.uint8).reshape(-1, 32),
                counts=np.array([len(each) for each in boxes], np.int64),
                boxes=np.concatenate([np.zeros((0, 5), np.float32), *boxes]),
            )


def pack_names(names: Iterable[str]) -> np.ndarray:
    """Names as bytes with zeros between them, (n,) uint8: a quarter of the space of an array of text."""
    return np.frombuffer(b"\0".join(map(os.fsencode, names)), np.uint8)


def unpack_names(names: np.ndarray) -> list[str]:
    """The names that `pack_names` packed; of none, one empty name."""
    return [os.fsdecode(name) for name in names.tobytes().split(b"\0")]


def key(dataset: Dataset, image: Path) -> str:
    """The name of an image in the manifest of a data set."""
    name, root = str(image), f"{dataset.root}{os.sep}"
    return name.removeprefix(root)


def images(dataset: Dataset, split: str) -> list[Path]:
    """The images of a split; none if its folder does not exist, as may be where it is not used."""
    try:
        return dataset.images(split)
    except PinchError:
        return []


def read(path: Path) -> Manifest:
    """Read a manifest; an empty one if there is none, or if its content is not one."""
    columns = _columns(path)
    if columns is None:
        return Manifest()
    names, stamps, shapes, digests, counts, boxes, people, persons = columns
    flat = digests.tobytes()
    entries = zip(
        map(tuple, stamps.tolist()),
        map(tuple, shapes.tolist()),
        (flat[start : start + 32] for start in range(0, len(flat), 32)),
        np.split(boxes, np.cumsum(counts)[:-1]),
        (people[number] for number in persons.tolist()),
        strict=True,
    )
    return Manifest(dict(zip(names, map(Entry._make, entries), strict=True)))


def read_stamps(path: Path) -> dict[str, Stamp]:
    """The stamps in a manifest, see `Entry`, which are read faster than all of it."""
    columns = _columns(path)
    return dict(zip(columns[0], map(tuple, columns[1].tolist()), strict=True)) if columns else {}


def _columns(path: Path) -> tuple[Any, ...] | None:
    """The columns of a manifest: names of entries, what `Entry` lists, people, their numbers; None if it is not one."""
    try:
        with np.load(path, allow_pickle=False) as content:
            numbers = [content[name] for name in ("stamps", "shapes", "digests", "counts", "boxes")]
            found = (unpack_names(content["names"]), *numbers, unpack_names(content["people"]), content["persons"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return found if len(numbers[0]) else None


def stamp(image: Path) -> Stamp:
    """Bytes and modification times of an image file and of its label file.

    Raises:
        FileNotFoundError: there is no image file.
    """
    name = str(image)
    found = os.stat(name)  # noqa: PTH116 - half the time of Path.stat, for a million files
    try:
        labels = os.stat(label_name(name))  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return (found.st_size, found.st_mtime_ns, *_ABSENT)
    return (found.st_size, found.st_mtime_ns, labels.st_size, labels.st_mtime_ns)


def changes(dataset: Dataset, known: dict[str, Stamp], splits: Iterable[str]) -> list[str]:
    """What differs from the stamps in a manifest in splits of a data set, in a few words each; nothing is opened."""
    found = {key(dataset, image): image for split in splits for image in images(dataset, split)}
    new: list[Path] = []
    changed: list[Path] = []
    gone: list[Path] = []
    stamps = in_threads(_stamp_or_none, found.values(), chunk=512)
    for (name, image), now in zip(found.items(), stamps, strict=True):
        before = known.get(name)
        if now is None:
            gone.append(image)
        elif before is None:
            new.append(image)
        elif before != now:
            changed.append(image)
    listed = found.keys() | {key(dataset, image) for split in dataset.splits for image in images(dataset, split)}
    gone += [Path(name) for name in known if name not in listed]
    kinds = {"new": new, "changed": changed, "removed": gone}
    return [f"{len(each):,} {kind} ({each[0]}{', …' if each[1:] else ''})" for kind, each in kinds.items() if each]


def _stamp_or_none(image: Path) -> Stamp | None:
    try:
        return stamp(image)
    except FileNotFoundError:
        return None
