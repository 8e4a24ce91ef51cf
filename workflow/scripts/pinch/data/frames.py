"""Frames to run a detector on: from a video, an image, a folder of images, or a data set's val split."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from pinch.core.errors import PinchError
from pinch.data import dataset

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def load(source: str | Path, count: int) -> list[np.ndarray]:
    """Read up to `count` frames, evenly distributed over a video or a folder.

    Args:
        source: a video, an image, a folder of images (with subfolders), or a data.yaml, whose val split is used.
        count: maximum number of frames.

    Returns:
        Frames in their order: uint8, (height, width, 3), BGR.

    Raises:
        PinchError: the source does not exist, or nothing in it can be read.
    """
    source = Path(source)
    if not source.exists():
        raise PinchError(f"{source} does not exist: give a video, an image or a folder of images")
    if source.is_dir() or source.suffix in {".yaml", ".yml"}:
        paths = _images(source)
        if not paths:
            raise PinchError(f"no images in {source}: it needs files that end in {', '.join(sorted(SUFFIXES))}")
        return [read(paths[index]) for index in evenly(len(paths), count)]
    if source.suffix.lower() in SUFFIXES:
        return [read(source)]
    return _load_video(source, count)


def _images(source: Path) -> list[Path]:
    if source.is_dir():
        return sorted(path for path in source.rglob("[!.]*") if path.suffix.lower() in SUFFIXES)
    return dataset.load(source).images("val")


def read(path: Path) -> np.ndarray:
    """Read one image: uint8, (height, width, 3), BGR.

    Raises:
        PinchError: it is not an image.
    """
    image = cv2.imread(str(path))
    if image is None:
        raise PinchError(f"{path} cannot be read as an image: restore it or leave it out")
    return image


def evenly(total: int, count: int) -> list[int]:
    """Up to `count` different indices, evenly distributed over `total`."""
    return sorted(set(np.linspace(0, total - 1, min(count, total)).round().astype(int).tolist()))


def stream(source: Path) -> Iterator[np.ndarray]:
    """Every frame of a video: uint8, (height, width, 3), BGR.

    Raises:
        PinchError: no frame can be read.
    """
    video = cv2.VideoCapture(str(source))
    try:
        good, frame = video.read()
        if not good:
            raise PinchError(f"{source} cannot be read as a video or an image: give another file")
        while good:
            yield frame
            good, frame = video.read()
    finally:
        video.release()


def _load_video(source: Path, count: int) -> list[np.ndarray]:
    # The number of frames in a container's header can be wrong, so frames are counted. Seeking is not cheaper.
    total = sum(1 for _ in stream(source))
    wanted = set(evenly(total, count))
    return [frame for index, frame in enumerate(stream(source)) if index in wanted]
