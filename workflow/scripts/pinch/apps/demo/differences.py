"""Which boxes two models do not have in common."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinch.measuring import boxes
from pinch.runtimes.postprocess import Detections


@dataclass(frozen=True)
class Differences:
    """Which boxes of each of two models have no partner: (n,) and (m,) bool."""

    first: np.ndarray
    second: np.ndarray

    @property
    def same(self) -> int:
        """How many boxes both have."""
        return int((~self.first).sum())


def between(
    first: tuple[Detections, Sequence[str]], second: tuple[Detections, Sequence[str]], shape: tuple[int, ...]
) -> Differences:
    """Compare what two models find in one image, see `pinch.measuring.boxes.partners`.

    Args:
        first, second: detections with the names of their classes, since two models may count classes differently.
        shape: height and width of the image, in pixels.
    """
    placed = [_placed(found, names, shape) for found, names in (first, second)]
    partners = boxes.partners(*placed)
    alone = np.ones(len(second[0]), bool)
    alone[partners[partners >= 0]] = False
    return Differences(partners < 0, alone)


def _placed(found: Detections, names: Sequence[str], shape: tuple[int, ...]) -> boxes.Placed:
    size = np.array([shape[1], shape[0]] * 2, float)
    return boxes.Placed(np.zeros(len(found), int), boxes.pack(found.boxes / size), np.array(names, object))
