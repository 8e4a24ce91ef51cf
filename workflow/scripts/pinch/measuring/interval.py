"""How far a time or a ratio would move if it were measured again."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A positive figure with its interval; both ends are None where a single value tells nothing of it."""

    middle: float
    low: float | None
    high: float | None

    def is_within(self, half_width: float) -> bool:
        """Whether both ends are within this share of the middle; the upper one, which is farther, decides."""
        return self.high is not None and self.high / self.middle - 1 <= half_width


def of_values(values: Sequence[float]) -> Interval:
    """The geometric mean of positive values, and its 95% interval by Student's t of their logarithms.

    The values are one for each round, so that they are independent: within a round, samples share a process, whose
    layout in memory makes all of them faster or slower.
    """
    logs = np.log(values)
    middle = float(logs.mean())
    if len(logs) < 2:
        return Interval(float(np.exp(middle)), None, None)
    quantile = stdtrit(len(logs) - 1, (1 + CONFIDENCE) / 2)
    half = float(quantile * logs.std(ddof=1) / np.sqrt(len(logs)))
    low, mean, high = np.exp([middle - half, middle, middle + half]).tolist()
    return Interval(mean, low, high)
