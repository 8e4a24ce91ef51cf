"""Data sets in YOLO layout: what a data.yaml says, its images and labels, and the choice of calibration images.

A data.yaml names a root (`path`), splits (`train`, `val`, `test`: a folder, a list of folders, or .txt lists of images)
and classes (`names`). A relative `path` is relative to the folder of that file. The path of a label file is that of its
image with the last `images` folder replaced by `labels`. It has one line `class x y width height` per box, as fractions
of the image.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pinch.core.errors import PinchError
from pinch.core.yaml_files import read_yaml

SPLITS = ("train", "val", "test")
# Suffixes that Ultralytics reads as images.
IMAGE_SUFFIXES = {
    ".avif",
    ".bmp",
    ".dng",
    ".heic",
    ".heif",
    ".jp2",
    ".jpeg",
    ".jpg",
    ".mpo",
    ".png",
    ".tif",
    ".tiff",
    ".webp",
}
# More than processors, because small files wait for the disk; decoding uses all processors.
_THREADS = max(16, 2 * len(os.sched_getaffinity(0)))


T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Dataset:
    """A data set in YOLO layout.

    Attributes:
        path: the data.yaml.
        root: folder that the splits are relative to, absolute.
        names: class names, in the order of their numbers.
        splits: for each split that the file names, its folders and .txt lists, absolute.
        digest: SHA-256 that Pinch wrote there when it prepared the data set (see `pinch.data.manifest`); None without.
        extra: all other keys of the file.
        checked: what `pinch.data.check.current` found, by splits: files are read and compared once for a value of this.
    """

    path: Path
    root: Path
    names: list[str]
    splits: dict[str, list[Path]]
    digest: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    checked: dict[tuple[str, ...], Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    _images: dict[str, list[Path]] = field(default_factory=dict, init=False, compare=False, repr=False)

    def images(self, split: str) -> list[Path]:
        """The images of a split, sorted as Ultralytics sorts them: a new list of what was found at the first call.

        Raises:
            PinchError: the data.yaml has no such split, or a folder or list of it does not exist.
        """
        if split not in self.splits:
            raise PinchError(f"{self.path} names no {split} split: add `{split}: <folder of images>` to it")
        if split not in self._images:
            found = {str(image): image for source in self.splits[split] for image in _images_in(source, split, self)}
            self._images[split] = [found[name] for name in sorted(found)]
        return list(self._images[split])

    def keep_only(self, split: str, images: list[Path]) -> None:
        """Let a split have these images of its own alone."""
        self._images[split] = sorted(images, key=str)

    def labels(self, image: Path) -> np.ndarray:
        """The boxes of an image: (n, 5) float32 rows of class, centre x, centre y, width, height (fractions).

        An image without a label file is background and has none: (0, 5).

        Raises:
            PinchError: a line of the label file is not five numbers (or a polygon).
        """
        return read_labels(label_path(image))


def in_threads(function: Callable[[T], R], items: Iterable[T], chunk: int = 16) -> Iterator[R]:
    """Call `function` on every item in several threads, for work on many small files; results are in order.

    Args:
        function: what to do with an item.
        items: the items.
        chunk: how many a thread takes at once: many, if each takes only microseconds.
    """
    with ThreadPool(_THREADS) as pool:
        yield from pool.imap(function, items, chunksize=chunk)


def load(path: str | Path) -> Dataset:
    """Read a data.yaml. Splits are not read yet (see `Dataset.images` and `pinch.data.check`).

    Raises:
        PinchError: it is missing, is not YAML or has no valid `names`, or its root does not exist.
    """
    path = Path(path)
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise PinchError(f"{path} is not a data set file: it needs `train`, `val` and `names`")
    folder = path.absolute().parent
    root = Path(os.path.normpath(folder / str(content.get("path") or "")))
    if not root.is_dir():
        raise PinchError(f"{path} says `path: {content['path']}`, but the folder {root} does not exist: correct it")
    if "val" not in content and "validation" in content:
        content["val"] = content["validation"]
    splits = {split: _sources(content[split], root, split, path) for split in SPLITS if content.get(split)}
    if not splits:
        raise PinchError(f"{path} names no split: add `train:`, `val:` and `test:` with their folders of images")
    known = {"path", "names", "nc", "download", "validation", "digest", *SPLITS}
    extra = {key: value for key, value in content.items() if key not in known}
    return Dataset(path, root, _names(content, path), splits, content.get("digest"), extra)


def with_test_split(dataset: Dataset) -> Dataset:
    """The data set; if it names no test split, a copy whose test split is the val split."""
    if "test" in dataset.splits or "val" not in dataset.splits:
        return dataset
    return replace(dataset, splits={**dataset.splits, "test": dataset.splits["val"]})


def label_path(image: Path) -> Path:
    """The label file of an image: its path with the last `images` folder replaced by `labels`, ending in .txt."""
    return Path(label_name(str(image)))


def label_name(image: str) -> str:
    """The same as text, which is several times faster where a million files are compared."""
    before, marker, after = image.rpartition(f"{os.sep}images{os.sep}")
    moved = f"{before}{os.sep}labels{os.sep}{after}" if marker else image
    return f"{moved.rpartition('.')[0]}.txt"


def read_labels(path: Path) -> np.ndarray:
    """The boxes of a label file: (n, 5) float32; (0, 5) if there is no such file. See `Dataset.labels`."""
    try:
        return parse_labels(path.read_bytes(), path)
    except FileNotFoundError:
        return np.zeros((0, 5), np.float32)


def parse_labels(content: bytes, path: Path) -> np.ndarray:
    """The boxes in the content of the label file `path`: (n, 5) float32. See `Dataset.labels`."""
    try:
        rows = [line.split() for line in content.decode("utf-8-sig").splitlines() if line.strip()]
        boxes = [_box([float(value) for value in row]) for row in rows]
    except ValueError as error:
        raise PinchError(f"{path} is not a YOLO label file (lines of `class x y width height`): {error}") from error
    return np.array(boxes, np.float32).reshape(-1, 5)


def calibration_images(dataset: Dataset, per_class: int, seed: int = 0) -> list[Path]:
    """Draw images of the training split until `per_class` of them show each class.

    An image may count for several classes. The same seed draws the same images.

    Raises:
        PinchError: fewer training images than `per_class` show a class.
    """
    images = dataset.images("train")
    random.Random(seed).shuffle(images)
    missing = dict.fromkeys(range(len(dataset.names)), per_class)
    chosen = []
    for image in images:
        if not missing:
            break
        served = missing.keys() & {int(number) for number in dataset.labels(image)[:, 0]}
        if served:
            chosen.append(image)
        for number in served:
            missing[number] -= 1
            if not missing[number]:
                del missing[number]
    if missing:
        short = ", ".join(f"{dataset.names[number]} ({per_class - left})" for number, left in missing.items())
        raise PinchError(
            f"calibration needs {per_class} training images of every class, but {dataset.path} has too few of {short}: "
            "add images or ask for fewer per class"
        )
    return chosen


def count_boxes(dataset: Dataset, labels: list[np.ndarray]) -> dict[str, int]:
    """Number of boxes of each class in the labels of a split; unknown class numbers are not counted."""
    numbers = np.concatenate([np.zeros(0, np.float32), *(boxes[:, 0] for boxes in labels)])
    return {name: int((numbers == number).sum()) for number, name in enumerate(dataset.names)}


def _names(content: dict[str, Any], path: Path) -> list[str]:
    """Class names of a data.yaml, given as a list, as a dict by number, or only counted (`nc`)."""
    names, count = content.get("names"), content.get("nc")
    if names is None and isinstance(count, int):
        names = [f"class_{number}" for number in range(count)]
    if isinstance(names, dict):
        by_number = {int(key): value for key, value in names.items() if str(key).isdigit()}
        if sorted(by_number) != list(range(len(names))):
            raise PinchError(f"{path}: the keys of `names` must be the class numbers 0 to {len(names) - 1}")
        names = [by_number[number] for number in range(len(names))]
    if not isinstance(names, list) or not names:
        raise PinchError(f"{path} has no `names`: list the classes in the order of their numbers")
    if count is not None and count != len(names):
        raise PinchError(f"{path} says `nc: {count}`, but `names` has {len(names)} classes: correct one of them")
    names = [str(name) for name in names]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise PinchError(f"{path}: `names` has {', '.join(twice)} more than once: give each class another name")
    return names


def _sources(value: Any, root: Path, split: str, path: Path) -> list[Path]:
    """Folders and .txt lists of a split, absolute. They need not exist."""
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, str) for entry in entries):
        raise PinchError(f"{path}: `{split}` must be a folder, a list of folders, or a .txt list of images")
    return [_source(entry, root) for entry in entries]


def _source(entry: str, root: Path) -> Path:
    source = Path(os.path.normpath(root / entry))
    # Roboflow's exports say ../train/images although train/images is beside the file.
    beside = Path(os.path.normpath(root / entry.removeprefix("../")))
    return beside if not source.exists() and beside.exists() else source


def _images_in(source: Path, split: str, dataset: Dataset) -> Iterator[Path]:
    if source.is_dir():
        for folder, folders, files in os.walk(source, followlinks=True):
            _refuse_loops(Path(folder), folders)
            names = set(filter(is_image, files))
            # Half the time of making a path from each name, for a million images.
            yield from (path for path in Path(folder).iterdir() if path.name in names)
    elif source.suffix == ".txt" and source.is_file():
        lines = source.read_text(encoding="utf-8-sig").splitlines()
        listed = (_listed(line.strip(), source, dataset.root) for line in lines)
        yield from (image for image in listed if is_image(image.name))
    else:
        raise PinchError(f"{dataset.path} names {source} as its {split} split, but it does not exist: correct the path")


def _refuse_loops(folder: Path, names: list[str]) -> None:
    """Stop at a link to a folder that it lies in: its images would be found again and again."""
    for link in (folder / name for name in names):
        if link.is_symlink() and folder.resolve().is_relative_to(link.resolve()):
            raise PinchError(f"{link} is a link to {link.resolve()}, in which it lies itself: remove the link")


def is_image(name: str) -> bool:
    """Whether a file is an image of a data set, by its name."""
    # Names that begin with a dot are files that are still being written, or files of the system.
    return not name.startswith(".") and f".{name.rpartition('.')[2].lower()}" in IMAGE_SUFFIXES


def _listed(line: str, source: Path, root: Path) -> Path:
    """An image in a .txt list: an absolute path, or relative to the list (always with `./`) or to the root."""
    beside = Path(os.path.normpath(source.parent / line))
    return beside if line.startswith("./") or beside.exists() else Path(os.path.normpath(root / line))


def _box(row: list[float]) -> list[float]:
    """A label's box from its line: `class x y width height`, or `class x1 y1 x2 y2 ...` (polygon)."""
    if len(row) == 5:
        return row
    if len(row) < 7 or len(row) % 2 == 0:
        raise ValueError(f"a line has {len(row)} numbers")
    xs, ys = row[1::2], row[2::2]
    width, height = max(xs) - min(xs), max(ys) - min(ys)
    return [row[0], min(xs) + width / 2, min(ys) + height / 2, width, height]
