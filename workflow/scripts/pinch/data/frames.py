"""Pictures to run a detector on: from a video, one picture, a folder of pictures, or a data set's val split."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from pinch.core.errors import PinchError
from pinch.data import dataset

PICTURES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def load(source: str | Path, count: int) -> list[np.ndarray]:
    """Read up to `count` pictures, spread evenly over a video or a folder.

    Args:
        source: a video, a picture, a folder of pictures (subfolders too), or a data.yaml, whose val split is taken.
        count: most pictures wanted.

    Returns:
        uint8 pictures, (height, width, 3), BGR, in their order.

    Raises:
        PinchError: nothing there, or nothing in it that can be read.
    """
    source = Path(source)
    if not source.exists():
        raise PinchError(f"{source} does not exist: give a video, a picture or a folder of pictures")
    if source.is_dir() or source.suffix in {".yaml", ".yml"}:
        paths = _pictures(source)
        if not paths:
            raise PinchError(f"no pictures in {source}: it needs files ending in {', '.join(sorted(PICTURES))}")
        return [read(paths[index]) for index in spread(len(paths), count)]
    if source.suffix.lower() in PICTURES:
        return [read(source)]
    return _load_video(source, count)


def _pictures(source: Path) -> list[Path]:
    if source.is_dir():
        return sorted(path for path in source.rglob("[!.]*") if path.suffix.lower() in PICTURES)
    return dataset.load(source).images("val")


def read(path: Path) -> np.ndarray:
    """Read one picture: uint8, (height, width, 3), BGR.

    Raises:
        PinchError: it is not a picture.
    """
    image = cv2.imread(str(path))
    if image is None:
        raise PinchError(f"{path} cannot be read as a picture: restore it or leave it out")
    return image


def spread(total: int, count: int) -> list[int]:
    """Up to `count` different indices spread evenly over `total`."""
    return sorted(set(np.linspace(0, total - 1, min(count, total)).round().astype(int).tolist()))


def stream(source: Path) -> Iterator[np.ndarray]:
    """Every frame of a video: uint8, (height, width, 3), BGR.

    Raises:
        PinchError: it has none that can be read.
    """
    video = cv2.VideoCapture(str(source))
    try:
        good, frame = video.read()
        if not good:
            raise PinchError(f"{source} cannot be read as a video or a picture")
        while good:
            yield frame
            good, frame = video.read()
    finally:
        video.release()


def _load_video(source: Path, count: int) -> list[np.ndarray]:
    # Containers lie about their number of frames, so they are counted; seeking is no cheaper than decoding.
    total = sum(1 for _ in stream(source))
    wanted = set(spread(total, count))
    return [frame for index, frame in enumerate(stream(source)) if index in wanted]
