"""From an image to a network's input: used for timing, calibration, parity and the demo page."""

from dataclasses import dataclass

import cv2
import numpy as np

PADDING = 114
"""Grey of the letterbox bars, as in Ultralytics' training and prediction (`LetterBox.padding_value`)."""


@dataclass(frozen=True)
class Geometry:
    """The position of an image in its letterbox: `letterboxed = original * gain + (left, top)`, all in pixels.

    Attributes:
        width: of the original image.
        height: of the original image.
        gain_x: horizontal scale; differs from `gain_y` only by the rounding to whole pixels.
        gain_y: vertical scale.
        left: width of the left bar.
        top: height of the upper bar.
    """

    width: int
    height: int
    gain_x: float
    gain_y: float
    left: int
    top: int


def letterbox(image: np.ndarray, imgsz: int | tuple[int, int]) -> tuple[np.ndarray, Geometry]:
    """Scale an image to a network's input without distortion, and fill the rest with grey bars.

    Pixels are the same as in Ultralytics' prediction (`LetterBox`, then BGR to RGB, then division by 255).

    Args:
        image: uint8, (height, width, 3), BGR.
        imgsz: side of a square input, or (height, width), in pixels.

    Returns:
        The input, float32, (1, 3, height, width), RGB, 0 to 1, contiguous; and the position of the image in it.
    """
    height, width = (imgsz, imgsz) if isinstance(imgsz, int) else imgsz
    rows, columns = image.shape[:2]
    gain = min(height / rows, width / columns)
    inner = max(round(columns * gain), 1), max(round(rows * gain), 1)
    if inner != (columns, rows):
        image = cv2.resize(image, inner, interpolation=cv2.INTER_LINEAR)
    # As in Ultralytics, the smaller half of an odd rest is at the left and at the top.
    left, top = round((width - inner[0]) / 2 - 0.1), round((height - inner[1]) / 2 - 0.1)
    canvas = np.full((3, height, width), PADDING, np.uint8)
    canvas[:, top : top + inner[1], left : left + inner[0]] = image.transpose(2, 0, 1)[::-1]
    batch = canvas[None].astype(np.float32)
    batch /= 255
    return batch, Geometry(columns, rows, inner[0] / columns, inner[1] / rows, left, top)
