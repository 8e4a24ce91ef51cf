"""Find HaGRID's folders, in every layout that its archives are unpacked to.

Annotations lie in one folder for each phase, named `train`, `val` and `test` (v2.0, v2-1M) or `ann_train_val` and
`ann_test` (v1), or in a single folder. Images lie in one folder for each gesture: `like` (v2-1M, v2.0),
`train_val_like` (v1), `train/like` (v1's own tools). Archives bring one or two outer folders, such as
`HaGRIDv2_dataset_512`.
"""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pinch.core.errors import PinchError
from pinch.data.dataset import is_image

# Split that a phase belongs to. Of the phases of a split that are there, the first is read unless others are asked for.
_SPLITS = {"train": "train", "train_val": "train", "subsample": "train", "val": "val", "test": "test"}
# Outer folders to look through.
_DEPTH = 3


@dataclass(frozen=True)
class Phase:
    """A folder with one annotation file for each gesture.

    Attributes:
        name: as unpacked, without `ann_`: train, train_val, subsample, val or test.
        folder: absolute.
    """

    name: str
    folder: Path

    @property
    def split(self) -> str:
        """The split that its images belong to."""
        return _SPLITS[self.name]

    def file(self, gesture: str) -> Path:
        """The annotations of a gesture, which need not exist."""
        return self.folder / f"{gesture}.json"

    def gestures(self) -> list[str]:
        """The gestures that it has annotation files of, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.json"))


@dataclass(frozen=True)
class ImageFolder:
    """A folder with images of one gesture; `split` is None if they may belong to any."""

    path: Path
    gesture: str
    split: str | None

    def files(self) -> dict[str, str]:
        """Names of the images directly in it, by their stems."""
        with os.scandir(self.path) as entries:
            return {entry.name.rpartition(".")[0]: entry.name for entry in entries if is_image(entry.name)}


def find_phases(annotations: Path, asked: Collection[str] = ()) -> list[Phase]:
    """The phases under a folder of annotations, in the order of `_SPLITS`.

    Args:
        annotations: the folder.
        asked: names of the phases wanted, with or without `ann_`; empty: one for each split.

    Raises:
        PinchError: there are none, two folders are for one phase, or a name is none of a phase.
    """
    unknown = [name for name in asked if _plain(name) not in _SPLITS]
    if unknown:
        raise PinchError(f"phases has {', '.join(unknown)}: a phase must be one of {', '.join(_SPLITS)}")
    found = _phase_folders(annotations)
    wanted = {_plain(name) for name in asked} or _first_of_each_split(found)
    phases = [Phase(name, found[name]) for name in _SPLITS if name in wanted and name in found]
    if not phases:
        known = ", ".join(found) or "none"
        raise PinchError(
            f"{annotations} has no folders of annotation files ({' or '.join(wanted or _SPLITS)}; there are: {known}):"
            " give the folder that HaGRID's annotations were unpacked to"
        )
    return phases


def find_image_folders(images: Path, gestures: Collection[str]) -> list[ImageFolder]:
    """The folders of images of `gestures` under a folder, sorted by their paths."""
    return list(_image_folders(images, set(gestures), None, _DEPTH))


def folders_with_images(top: Path, gesture: str) -> list[ImageFolder]:
    """A folder and all folders in it that hold images, whatever their names, as folders of `gesture`."""
    folders = [Path(folder) for folder, _, files in os.walk(top) if any(map(is_image, files))]
    return [ImageFolder(folder, gesture, None) for folder in sorted(folders)]


def _plain(phase: str) -> str:
    return phase.removeprefix("ann_")


def _phase_folders(annotations: Path) -> dict[str, Path]:
    """The folders of phases nearest to `annotations`, by name; itself, if it holds annotation files and no phases."""
    level = [annotations]
    for _ in range(_DEPTH):
        level = [child for folder in level for child in _folders_in(folder)]
        named = [(_plain(child.name), child) for child in level if _plain(child.name) in _SPLITS]
        found: dict[str, Path] = {}
        for name, folder in named:
            if not any(folder.glob("*.json")):
                continue
            if name in found:
                raise PinchError(f"{found[name]} and {folder} are both annotations of {name}: give one of them")
            found[name] = folder
        if found:
            return found
    own = _plain(annotations.name)
    return {own if own in _SPLITS else "train": annotations} if any(annotations.glob("*.json")) else {}


def _first_of_each_split(found: Collection[str]) -> set[str]:
    splits = dict.fromkeys(_SPLITS.values())
    first = (next((name for name, of in _SPLITS.items() if of == split and name in found), None) for split in splits)
    return {name for name in first if name}


def _image_folders(folder: Path, gestures: set[str], split: str | None, depth: int) -> Iterator[ImageFolder]:
    for child in _folders_in(folder):
        prefix, gesture = _parted(child.name, gestures)
        inner = _SPLITS.get(prefix or _plain(child.name), split)
        if gesture:
            yield ImageFolder(child, gesture, inner)
        if depth > 1:
            yield from _image_folders(child, gestures, inner, depth - 1)


def _parted(name: str, gestures: set[str]) -> tuple[str, str | None]:
    """The phase in front of a folder's name, and its gesture if it is one of those wanted."""
    if name in gestures:
        return "", name
    for phase in sorted(_SPLITS, key=len, reverse=True):
        gesture = name.removeprefix(f"{phase}_")
        if gesture != name and gesture in gestures:
            return phase, gesture
    return "", None


def _folders_in(folder: Path) -> list[Path]:
    """The folders directly in a folder, sorted. Names of images are not looked at: there are tens of thousands."""
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if not is_image(entry.name) and entry.is_dir())
