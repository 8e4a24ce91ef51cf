"""Look at one image and its labels: whether training can use them, and what a manifest says of them.

Files are only read.
"""

import hashlib
import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pinch.core.errors import PinchError
from pinch.data import manifest as manifests
from pinch.data.dataset import Dataset, label_path, parse_labels
from pinch.data.manifest import Entry

# Boxes may reach outside the image by 1%, as in Ultralytics.
TOLERANCE = 0.01
# Ultralytics trains on no image with a shorter side, in pixels.
_SMALLEST = 10
# EXIF orientations that turn an image on its side.
_ORIENTATION, _ON_ITS_SIDE = 274, {5, 6, 7, 8}


def look(dataset: Dataset, image: Path) -> Entry | str:
    """Decode an image and read its labels: its entry in the data set's manifest, or what is wrong with it."""
    if len(str(image).splitlines()) > 1:
        return f"the name of {str(image)!r} has a line break: rename it"
    if any("\ud800" <= letter <= "\udfff" for letter in str(image)):
        return f"the name of {str(image)!r} is not UTF-8 text: rename it"
    try:
        now = manifests.stamp(image)
        content, labels = image.read_bytes(), label_path(image)
        text = labels.read_bytes() if labels.is_file() else b""
    except OSError as error:
        return f"{image} cannot be read ({error.strerror}): restore it or remove it from the data set"
    try:
        boxes = _each_once(parse_labels(text, labels))
        return _wrong_box(dataset, labels, boxes) or Entry(now, shape_of(content, image), _digest(content, text), boxes)
    except PinchError as error:
        return str(error)


def _each_once(boxes: np.ndarray) -> np.ndarray:
    """Boxes (n, 5) without repetitions; where there are any, in the order that Ultralytics gives them then."""
    once = np.unique(boxes, axis=0)
    return once if len(once) < len(boxes) else boxes


def _digest(*contents: bytes) -> bytes:
    return hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents)).digest()


def shape_of(content: bytes, image: Path) -> tuple[int, int]:
    """Decode an image to its last byte: height and width as it is shown.

    Raises:
        PinchError: it cannot be decoded, or is too small to train on.
    """
    try:
        with Image.open(io.BytesIO(content)) as opened:
            width, height = opened.size
            turned = opened.getexif().get(_ORIENTATION) in _ON_ITS_SIDE
            # A JPEG decoded at an eighth of its size is still read to its end, in a third of the time.
            opened.draft("RGB", (max(width // 8, 1), max(height // 8, 1)))
            opened.load()
            plain = opened.format in {"JPEG", "MPO", "PNG", "AVIF"}
    except Exception as error:  # Pillow's decoders raise many kinds of exceptions for broken files.
        raise PinchError(f"{image} cannot be decoded ({error}): restore it or remove it from the data set") from error
    if not plain:
        # Training reads images with OpenCV, which has its own mind about the orientation in other formats.
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        if decoded is None:
            raise PinchError(
                f"{image} cannot be decoded by OpenCV, which training reads images with: convert it to PNG"
            )
        height, width = decoded.shape[:2]
        turned = False
    if min(width, height) < _SMALLEST:
        raise PinchError(f"{image} has {width}x{height} pixels, fewer than {_SMALLEST} on a side: remove it")
    return (width, height) if turned else (height, width)


def _wrong_box(dataset: Dataset, labels: Path, boxes: np.ndarray) -> str | None:
    """A message about boxes (n, 5) that Ultralytics would leave their image out for; None if there are none."""
    if not np.isfinite(boxes).all():
        return f"{labels} has numbers that are not finite: correct it"
    unknown = [number for number in boxes[:, 0] if number not in range(len(dataset.names))]
    if unknown:
        known = f"0 to {len(dataset.names) - 1}"
        return f"{labels} has class {unknown[0]:g}, but {dataset.path} has classes {known}: correct it"
    places = boxes[:, 1:]
    if (places < -TOLERANCE).any() or (places > 1 + TOLERANCE).any() or (boxes[:, 3:] < 0).any():
        return f"{labels} has boxes that are not fractions of the image (0 to 1): divide them by its width and height"
    return None
