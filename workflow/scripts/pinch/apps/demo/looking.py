"""One or two models look at a picture."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinch.apps.demo import differences
from pinch.apps.demo.detector import Detector, Times, median
from pinch.apps.demo.differences import Differences
from pinch.runtimes.postprocess import Detections

REPEATS, ENOUGH_SECONDS = 5, 0.5
"""A picture is timed so many times, but no longer than this: the median of some runs says more than one of them."""


@dataclass(frozen=True)
class Eye:
    """A model with what it is called, and the score above which its boxes are shown."""

    name: str
    detector: Detector
    confidence: float


@dataclass(frozen=True)
class Look:
    """What one model sees in a picture, and the time that it took."""

    eye: Eye
    found: Detections
    times: Times

    @property
    def labels(self) -> list[str]:
        """The name of the class of each box."""
        return self.eye.detector.labels(self.found)


@dataclass(frozen=True)
class Seen:
    """A picture with what one or two models see in it.

    Attributes:
        picture: uint8, (height, width, 3), RGB.
        looks: one for each model.
        differing: which boxes only one of two models has; None for one model.
    """

    picture: np.ndarray
    looks: list[Look]
    differing: Differences | None


def look(picture: np.ndarray, eyes: Sequence[Eye], iou: float, *, repeats: int = 1, is_mirrored: bool = False) -> Seen:
    """Have one or two models find objects in a picture.

    Args:
        picture: uint8, (height, width, 3), RGB.
        eyes: the models.
        iou: see `pinch.runtimes.postprocess.detections`.
        repeats: how many times each model runs at most; its times are the medians.
        is_mirrored: whether the picture is a mirror image. Models then see the picture as a camera does, because a
            mirrored hand is the other hand, and their boxes are mirrored.
    """
    image = np.ascontiguousarray((picture[:, ::-1] if is_mirrored else picture)[..., ::-1])
    looks = [_look(image, eye, iou, repeats) for eye in eyes]
    if is_mirrored:
        looks = [replace(each, found=_mirrored(each.found, picture.shape[1])) for each in looks]
    differing = None
    if len(looks) == 2:
        first, second = ((each.found, each.labels) for each in looks)
        differing = differences.between(first, second, picture.shape)
    return Seen(picture, looks, differing)


def _look(image: np.ndarray, eye: Eye, iou: float, repeats: int) -> Look:
    times: list[Times] = []
    end = time.perf_counter() + ENOUGH_SECONDS
    while not times or (len(times) < repeats and time.perf_counter() < end):
        found, took = eye.detector.detect(image, eye.confidence, iou)
        times.append(took)
    return Look(eye, found, median(times))


def _mirrored(found: Detections, width: int) -> Detections:
    left, top, right, bottom = found.boxes.T
    return replace(found, boxes=np.stack([width - right, top, width - left, bottom], 1))
