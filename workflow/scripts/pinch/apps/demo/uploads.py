"""What people give the demo page: read within limits, or refused in one sentence."""

import base64
import io
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from pinch.core.errors import PinchError
from pinch.data import frames

MAX_BYTES = 200 << 20
"""Of one upload."""
MAX_PIXELS = 40_000_000
"""Of an image, or of a frame of a video: more than cameras of phones usually make, and 120 MB in memory."""
MAX_FRAMES = 3000
"""Of a video: two minutes at 25 frames a second."""
# FFmpeg also knows playlists, which would have it read other files of this machine. OpenCV reads this at each opening.
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,ogg,mpeg,mpegts,flv,asf"
os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = f"format_whitelist;{_CONTAINERS}"


def picture(source: str) -> np.ndarray:
    """Decode an image: uint8, (height, width, 3), RGB; of an animation the first frame.

    Args:
        source: path of a file, or a data URL.

    Raises:
        PinchError: it is no image, is damaged, or has too many pixels.
    """
    try:
        encoded = source.partition(",")[2] if source.startswith("data:") else None
        with Image.open(io.BytesIO(base64.b64decode(encoded)) if encoded else source) as opened:
            _require_pixels(opened.width, opened.height)
            turned = ImageOps.exif_transpose(opened)
            if turned.mode.startswith("I"):  # 16 bits, which Pillow would cut off at 255
                turned = Image.fromarray((np.asarray(turned) >> 8).clip(0, 255).astype(np.uint8))
            return np.asarray(turned.convert("RGB"))
    except PinchError:
        raise
    except Image.DecompressionBombError as error:
        raise PinchError(f"this image is too large ({error}): make it smaller") from error
    except Exception as error:  # Pillow's decoders raise many kinds of exceptions
        raise PinchError("this file cannot be read as an image: give a whole one, such as a JPEG or a PNG") from error


def thumbnail(path: Path, side: int) -> np.ndarray:
    """An image scaled to `side` pixels at most: uint8, (height, width, 3), RGB.

    Raises:
        PinchError: see `picture`.
    """
    try:
        small = Image.fromarray(picture(str(path)))
    except PinchError as error:
        raise PinchError(f"{path}: {error}") from error
    small.thumbnail((side, side))
    return np.asarray(small)


def video(path: Path) -> Iterator[np.ndarray]:
    """Every frame of a video: uint8, (height, width, 3), BGR.

    Raises:
        PinchError: it cannot be read, or is too long or too large, which is found before the first frame if it says so.
    """
    _require_length(length_and_rate(path)[0] or 0)
    try:
        for number, frame in enumerate(frames.stream(path), 1):
            _require_length(number)
            _require_pixels(frame.shape[1], frame.shape[0])
            yield frame
    except cv2.error as error:
        raise PinchError("this file cannot be read as a video: give another one") from error


def require_video(path: Path) -> None:
    """Refuse a video, by its name, that `video` would not read."""
    try:
        next(video(path))
    except PinchError as error:
        raise PinchError(f"{path}: {error}") from error


def length_and_rate(path: Path) -> tuple[int | None, float | None]:
    """The number of frames of a video, and frames per second, as far as it says them."""
    opened = cv2.VideoCapture(str(path))
    asked = (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    count, rate, width, height = (opened.get(number) for number in asked)
    opened.release()
    _require_pixels(int(width), int(height))
    return int(count) if count > 0 else None, rate if 0 < rate < 1000 else None


def _require_length(count: int) -> None:
    if count > MAX_FRAMES:
        raise PinchError(f"this video has more than the {MAX_FRAMES} frames that this page takes: cut it")


def _require_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PinchError(
            f"this has {width} x {height} pixels, more than the {MAX_PIXELS // 1_000_000} million that this page takes:"
            " make it smaller"
        )
