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


PIXELS = np.arange(256, dtype=np.float32) / 255
"""The network input for each value of a pixel, as in Ultralytics."""


class Letterbox:
    """Scales images to a network's input without distortion, and fills the rest with grey bars.

    Pixels are the same as in Ultralytics' prediction (`LetterBox`, then BGR to RGB, then division by 255). A pixel has
    only 256 values, so one table converts to any type of input, and nothing is computed for the bars twice.

    Args:
        shape: (height, width) of the input, in pixels.
        channels_last: whether the input is (1, height, width, 3) instead of (1, 3, height, width).
        table: the input for each value of a pixel, (256,), in the type of the input.
    """

    def __init__(self, shape: tuple[int, int], channels_last: bool = False, table: np.ndarray = PIXELS):
        self._shape, self._channels_last = shape, channels_last
        # OpenCV has no name for some types, but only copies what is in the table.
        self._table = table.view(f"u{table.itemsize}") if table.itemsize < 4 else table
        self._batch = np.empty((1, *shape, 3) if channels_last else (1, 3, *shape), table.dtype)
        self._geometry: Geometry | None = None

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, Geometry]:
        """The input of an image, and the position of the image in it.

        Args:
            image: uint8, (height, width, 3), BGR.

        Returns:
            The input, RGB, contiguous, which the next call overwrites; and the position.
        """
        geometry, (columns, rows) = _geometry(image.shape[:2], self._shape)
        canvas = self._batch[0].view(self._table.dtype)
        if geometry != self._geometry:
            canvas[...] = self._table[PADDING]
            self._geometry = geometry
        if (rows, columns) != image.shape[:2]:
            image = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_LINEAR)
        inside = slice(geometry.top, geometry.top + rows), slice(geometry.left, geometry.left + columns)
        if self._channels_last:
            cv2.LUT(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), self._table, dst=canvas[inside])
        else:
            for plane, target in zip(cv2.split(image), canvas[::-1], strict=True):
                cv2.LUT(plane, self._table, dst=target[inside])
        return self._batch, geometry


def letterbox(image: np.ndarray, imgsz: int | tuple[int, int]) -> tuple[np.ndarray, Geometry]:
    """The input of one image, in an array of its own: see `Letterbox`.

    Args:
        image: uint8, (height, width, 3), BGR.
        imgsz: side of a square input, or (height, width), in pixels.

    Returns:
        The input, float32, (1, 3, height, width), RGB, 0 to 1, contiguous; and the position of the image in it.
    """
    return Letterbox((imgsz, imgsz) if isinstance(imgsz, int) else imgsz)(image)


def _geometry(size: tuple[int, ...], shape: tuple[int, int]) -> tuple[Geometry, tuple[int, int]]:
    """The position of an image of this (height, width) in an input, and its scaled (width, height) in pixels."""
    (rows, columns), (height, width) = size, shape
    gain = min(height / rows, width / columns)
    inner = max(round(columns * gain), 1), max(round(rows * gain), 1)
    # As in Ultralytics, the smaller half of an odd rest is at the left and at the top.
    left, top = round((width - inner[0]) / 2 - 0.1), round((height - inner[1]) / 2 - 0.1)
    return Geometry(columns, rows, inner[0] / columns, inner[1] / rows, left, top), inner
