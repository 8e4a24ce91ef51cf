"""Videos that browsers play."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pinch.core.errors import PinchError

CONTAINER = ".webm"
_CODEC = "VP80"
"""What OpenCV can write and every browser can play."""
# OpenCV prints it at every level of its log, and then writes the video.
_UNFOUNDED = re.compile(rf"OpenCV: FFMPEG: tag \w+/'{_CODEC}' is not supported with codec id .*\n".encode())


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
            with without_unfounded():
                self._writer = cv2.VideoWriter(str(self._path), code, self._rate, frame.shape[1::-1])
            if not self._writer.isOpened():
                raise PinchError("this build of OpenCV cannot encode VP8 for browsers: install that of `make setup`")
        self._writer.write(np.ascontiguousarray(frame))


@contextlib.contextmanager
def without_unfounded() -> Iterator[None]:
    """In the block, what this process writes to standard error is kept back, and then written without that warning."""
    own = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(own, 2)
            os.close(own)
            kept.seek(0)
            os.write(2, _UNFOUNDED.sub(b"", kept.read()))
