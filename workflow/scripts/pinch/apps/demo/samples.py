"""What the page shows before anybody has given it something: images of a data set, and a video."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from pinch.apps.demo import uploads
from pinch.core.errors import PinchError
from pinch.data import contact_sheet, dataset, frames

MOST = 12
"""Images that the page offers of one data set or folder."""
VIDEO_SUFFIXES = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm"}


def is_video(path: Path) -> bool:
    """Whether a file is a video, by its name."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def given(paths: Sequence[Path]) -> tuple[list[Path], Path | None]:
    """The images and the video among files, folders of images and data.yaml files that somebody names.

    Returns:
        Images, at most MOST of each folder and data set; and the first video, None without one.

    Raises:
        PinchError: a path does not exist or is nothing of that, or a folder has no image.
    """
    pictures: list[Path] = []
    videos: list[Path] = []
    for path in paths:
        if not path.exists():
            raise PinchError(f"there is no example {path}: correct the path")
        if is_video(path):
            uploads.require_video(path)
            videos.append(path)
        else:
            pictures += _pictures(path)
    return pictures, videos[0] if videos else None


def _pictures(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(each for each in path.rglob("[!.]*") if each.suffix.lower() in frames.SUFFIXES)
        if not found:
            raise PinchError(f"the example {path} has no images: name another folder")
        return [found[index] for index in frames.evenly(len(found), MOST)]
    if path.suffix in (".yaml", ".yml"):
        return of_dataset(path, MOST)
    if path.suffix.lower() not in frames.SUFFIXES:
        raise PinchError(f"the example {path} is no image, video, folder of images or data.yaml: name another")
    return [path]


def of_dataset(path: Path, count: int) -> list[Path]:
    """Up to `count` images of the test and val split of a data set, which show as many of its classes as they can.

    Raises:
        PinchError: the data.yaml or a label file cannot be read, or a split does not exist.
    """
    data = dataset.load(path)
    splits: dict[str, list[Path]] = {split: data.splits[split] for split in ("test", "val") if split in data.splits}
    if not splits:
        raise PinchError(f"{path} names no val and no test split, whose images could be shown: add one")
    unseen = dataclasses.replace(data, splits=splits)
    chosen = [sample.image for sample in contact_sheet.choose(unseen, count)]
    # More classes than places, or no labels.
    found = chosen or unseen.images(next(iter(splits)))
    return [found[index] for index in frames.evenly(len(found), count)]
