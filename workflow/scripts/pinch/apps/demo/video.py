"""One or two models look at every frame of a video."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pinch.apps import webm
from pinch.apps.demo import uploads
from pinch.apps.demo.drawing import side_by_side
from pinch.apps.demo.looking import Eye, Seen, look

DEFAULT_FPS = 25.0


def film(
    source: Path, output: Path, eyes: Sequence[Eye], iou: float, progress: Callable[..., Any] | None = None
) -> list[Seen]:
    """Write a video with the boxes drawn into every frame, those of two models beside each other.

    Args:
        source: a video.
        output: the video to write, see `pinch.apps.webm`.
        eyes, iou: see `look`.
        progress: called with (frames done, frames in all or None) and the unit.

    Returns:
        What was seen in each frame, without the pictures.

    Raises:
        PinchError: see `uploads.video`.
    """
    seen: list[Seen] = []
    total, rate = uploads.length_and_rate(source)
    with webm.Writer(output, rate or DEFAULT_FPS) as writer:
        for frame in uploads.video(source):
            found = look(np.ascontiguousarray(frame[..., ::-1]), eyes, iou)
            writer.write(side_by_side(found)[..., ::-1])
            seen.append(replace(found, picture=np.zeros((0, 0, 3), np.uint8)))
            if progress:
                progress((len(seen), total), unit="frames")
    return seen
