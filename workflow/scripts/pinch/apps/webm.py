"""Videos that browsers play."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pinch.core.errors import PinchError

CONTAINER = ".webm"
_CODEC = "VP80"
"""What OpenCV can write and every browser can play."""


class Writer:
    """Writes frames to a video of the size of the first, as a context; without a frame there is no file.

    Args:
        path: the video to write, in CONTAINER.
        rate: frames per second.
    """

    def __init__(self, path: Path, rate: float):
        self._path, self._rate = path, rate
        self._writer: Any = None

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer:
            self._writer.release()

    def write(self, frame: np.ndarray) -> None:
        """Add a frame: uint8, (height, width, 3), BGR.

        Raises:
            PinchError: OpenCV cannot write such videos here.
        """
        if self._writer is None:
            code = cv2.VideoWriter.fourcc(*_CODEC)
            self._writer = cv2.VideoWriter(str(self._path), code, self._rate, frame.shape[1::-1])
            if not self._writer.isOpened():
                raise PinchError("this build of OpenCV cannot encode VP8 for browsers: install that of `make setup`")
        self._writer.write(np.ascontiguousarray(frame))
