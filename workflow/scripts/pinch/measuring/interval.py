"""How far a time, a ratio or a mean would move if it were measured again."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

LEVEL = 0.95
"""Probability with which an interval is to hold the true figure."""

Known = tuple[float, float, float]
"""A figure and the ends of its interval, all known."""


class Interval(NamedTuple):
    """A figure with its interval; both ends are None where a single value tells nothing of it."""

    middle: float
    low: float | None
    high: float | None

    def is_within(self, half_width: float) -> bool:
        """Whether both ends are within this share of a positive middle; the upper one, which is farther, decides."""
        return self.high is not None and self.high / self.middle - 1 <= half_width


def quantile(freedom: float) -> float:
    """Half the width of a 95% interval in standard errors, by Student's t with so many degrees of freedom."""
    return float(stdtrit(freedom, (1 + LEVEL) / 2))


def standard_error(low: float, high: float, count: float) -> float:
    """The standard error of a logarithm, from the ends of the interval that so many values gave (see `of_values`)."""
    return float(np.log(high / low) / 2 / quantile(count - 1))


def of_values(values: Sequence[float]) -> Interval:
    """The geometric mean of positive values, and its 95% interval by Student's t of their logarithms.

    The values are one for each round, so that they are independent: within a round, samples share a process, whose
    layout in memory makes all of them faster or slower.
    """
    middle, low, high = of_mean(np.log(values).tolist())
    if low is None or high is None:
        return Interval(float(np.exp(middle)), None, None)
    low, mean, high = np.exp([low, middle, high]).tolist()
    return Interval(mean, low, high)


def of_mean(values: Sequence[float]) -> Interval:
    """The arithmetic mean of independent values, and its 95% interval by Student's t."""
    middle = float(np.mean(values))
    if len(values) < 2:
        return Interval(middle, None, None)
    half = float(quantile(len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return Interval(middle, middle - half, middle + half)


def ratio(ours: Known, theirs: Known) -> Known:
    """One figure divided by another one that was measured independently of it, with a 95% interval from both intervals.

    The distances of the ends from the middle are added as variances are, on the scale of logarithms: Zou and Donner,
    Construction of confidence limits about effect measures, Statistics in Medicine 27, 2008.

    Args:
        ours: a positive figure around which its interval was built, and the ends of that.
        theirs: the same of the other one.
    """
    with np.errstate(divide="ignore"):  # an end may be 0
        (ours_middle, ours_low, ours_high), (theirs_middle, theirs_low, theirs_high) = np.log([ours, theirs])
    middle = ours_middle - theirs_middle
    below = np.hypot(ours_middle - ours_low, theirs_high - theirs_middle)
    above = np.hypot(ours_high - ours_middle, theirs_middle - theirs_low)
    low, value, high = np.exp([middle - below, middle, middle + above]).tolist()
    return value, low, high
