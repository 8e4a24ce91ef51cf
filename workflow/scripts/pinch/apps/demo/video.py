"""One or two models look at every frame of a video."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pinch.apps.demo import uploads
from pinch.apps.demo.drawing import side_by_side
from pinch.apps.demo.looking import Eye, Seen, look

CODEC, CONTAINER = "VP80", ".webm"
"""What OpenCV can write and every browser can play."""
DEFAULT_FPS = 25.0


def film(
    source: Path, output: Path, eyes: Sequence[Eye], iou: float, progress: Callable[..., Any] | None = None
) -> list[Seen]:
    """Write a video with the boxes drawn into every frame, those of two models beside each other.

    Args:
        source: a video.
        output: the video to write, in CONTAINER.
        eyes, iou: see `look`.
        progress: called with (frames done, frames in all or None) and the unit.

    Returns:
        What was seen in each frame, without the pictures.

    Raises:
        PinchError: see `uploads.video`.
    """
    seen: list[Seen] = []
    total, rate = uploads.length_and_rate(source)
    with _Writer(output, rate or DEFAULT_FPS) as writer:
        for frame in uploads.video(source):
            found = look(np.ascontiguousarray(frame[..., ::-1]), eyes, iou)
            writer.write(side_by_side(found)[..., ::-1])
            seen.append(replace(found, picture=np.zeros((0, 0, 3), np.uint8)))
            if progress:
                progress((len(seen), total), unit="frames")
    return seen


class _Writer:
    """Writes frames to a video of the size of the first."""

    def __init__(self, path: Path, rate: float):
        self._path, self._rate = path, rate
        self._writer: Any = None

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer:
            self._writer.release()

    def write(self, frame: np.ndarray) -> None:
        if self._writer is None:
            code = cv2.VideoWriter_fourcc(*CODEC)  # type: ignore[attr-defined]
            self._writer = cv2.VideoWriter(str(self._path), code, self._rate, frame.shape[1::-1])
        self._writer.write(np.ascontiguousarray(frame))
