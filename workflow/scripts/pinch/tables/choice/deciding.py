"""Which file a want chooses at a place, and how sure that is.

Among the files that meet every limit as measured, the best is looked for by what the want prefers. Of those that may be
the best, as far as the noise tells, the smallest download is chosen, then the simplest (see `Figures.order`). The
choice is certain if the noise leaves no other file that may meet the limits and may be better, and no doubt that the
chosen one meets them. This holds in 95 of 100 repetitions for the choice as a whole: the other five are divided among
all of its comparisons (Bonferroni), so that none of them loses the best file (Gupta, On some multiple decision rules,
Technometrics 7, 1965).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pinch.measuring.interval import LEVEL
from pinch.run.settings.choosing import Limit, Preference, Want
from pinch.tables.choice.noise import EXACT, LEAST, Figures, Noisy, total


@dataclass(frozen=True)
class Choice:
    """The choice of a want among `n` files at a place. Files are numbers of their rows.

    Attributes:
        preference: what decided: what the want prefers, or what stands in for it where that was not measured.
        meets: (n,) whether a file meets all limits, as measured.
        chosen: the file; where none meets all limits, the one that comes nearest.
        best: the best as measured; `chosen` may be another one that the noise cannot tell from it.
        ties: (n,) whether a file meets all limits, and the noise tells none that does to be better.
        rivals: (n,) whether a file may meet all limits and may be better than the chosen one.
        doubts: names of limits that the chosen file may miss, though it meets them as measured.
        alpha: the share of repetitions in which a single comparison may fail.
    """

    preference: Preference
    meets: np.ndarray
    chosen: int
    best: int
    ties: np.ndarray
    rivals: np.ndarray
    doubts: tuple[str, ...]
    alpha: float

    @property
    def qualifies(self) -> bool:
        """Whether the chosen file meets all limits."""
        return bool(self.meets[self.chosen])

    @property
    def is_certain(self) -> bool:
        """Whether the data tell the choice from every other file."""
        return self.qualifies and not self.rivals.any() and not self.doubts


def choose(figures: Figures, want: Want) -> Choice:
    """Choose a file for a want.

    Args:
        figures: of at least one file, all of places and formats that the want asks for.
        want: the want.
    """
    preference = want.preference
    if not np.isfinite(scores(figures, preference)).any():
        preference = want.stand_in
    score, alpha = scores(figures, preference), _alpha(figures, want, preference)
    margins = {name: _margin(figures, *each) for name, each in want.limits.items()}
    meets = np.isfinite(score) & (preference is want.preference)
    for limit, value in want.limits.values():
        meets &= shortfall(figures, limit, value) <= 0
    if not meets.any():
        return _nearest(figures, want, preference, alpha)
    best = _first(figures, meets & (score >= score[meets].max()))
    ties = _ties(figures, preference, meets, best, alpha)
    chosen = _first(figures, ties)
    may_meet, over = np.isfinite(score), scores_over(figures, preference, chosen)
    for margin in margins.values():
        may_meet &= _added(margin.value, margin.utmost(alpha)) >= 0
    rivals = may_meet & (_added(over.value, over.utmost(alpha)) > 0)
    doubts = tuple(name for name, margin in margins.items() if margin.value[chosen] < margin.utmost(alpha)[chosen])
    return Choice(preference, meets, chosen, best, ties, rivals, doubts, alpha)


def without(figures: Figures, want: Want) -> dict[str, Choice]:
    """For each limit of a want the choice without it."""
    less: dict[str, dict[str, Any]] = {name: {name: None} for name in want.limits}
    return {name: choose(figures, replace(want, **changes)) for name, changes in less.items()}


def scores(figures: Figures, preference: Preference) -> np.ndarray:
    """(n,) what is preferred, as measured: the higher, the better. NaN where that is not known."""
    points = [weight * np.log(np.maximum(figures.points(column), LEAST)) for column, weight in preference.terms]
    return np.sum(points, axis=0)


def scores_over(figures: Figures, preference: Preference, index: int) -> Noisy:
    """The scores, less that of one file."""
    return total([(figures.over(column, index), weight) for column, weight in preference.terms])


def shortfall(figures: Figures, limit: Limit, value: float) -> np.ndarray:
    """(n,) by how much files miss a limit, as measured: logarithm of the ratio; infinite where it is not known.

    It is 0 or less where the limit is met.
    """
    points, bound = figures.points(limit.column), max(limit.bound(value), LEAST)
    missing = np.log(bound) - np.log(np.maximum(points, LEAST))
    # Compared as they are: logarithms of equal figures may differ in their last digit.
    missing = np.where(points == limit.bound(value), 0.0, missing if limit.at_least else -missing)
    return np.where(np.isnan(points), np.inf, missing)


def _alpha(figures: Figures, want: Want, preference: Preference) -> float:
    noisy = sum(limit.column not in EXACT for limit, _ in want.limits.values())
    noisy += any(column not in EXACT for column, _ in preference.terms)
    return (1 - LEVEL) / max(1, noisy * len(figures))


def _ties(figures: Figures, preference: Preference, meets: np.ndarray, best: int, alpha: float) -> np.ndarray:
    """(n,) whether a file may be the best of those that meet all limits: none of them is told to be better."""
    ties = meets.copy()
    for other in (best, *np.flatnonzero(meets)):
        if ties[other]:
            over = scores_over(figures, preference, int(other))
            ties &= _added(over.value, over.reach(alpha)) >= 0
    ties[best] = True
    return ties


def _margin(figures: Figures, limit: Limit, value: float) -> Noisy:
    """How far inside a limit files are; negative where they miss it."""
    own, sign = figures.of(limit.column), 1.0 if limit.at_least else -1.0
    bound = np.log(max(limit.bound(value), LEAST))
    inside = np.where(shortfall(figures, limit, value) == 0, 0.0, sign * (own.value - bound))
    return Noisy(np.nan_to_num(inside, nan=-np.inf), own.error, own.freedom, own.beyond)


def _added(value: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """What true values may reach; minus infinity where nothing is known."""
    return np.where(np.isfinite(value), value + reach, -np.inf)


def _first(figures: Figures, among: np.ndarray) -> int:
    """The smallest download of some files, of equal ones the simplest."""
    return int(np.where(among, figures.order, len(figures)).argmin())


def _nearest(figures: Figures, want: Want, preference: Preference, alpha: float) -> Choice:
    """Where no file meets all limits: the one that misses fewest unknown ones, and the others by least."""
    missing = np.array([shortfall(figures, *each) for each in want.limits.values()] or [np.zeros(len(figures))])
    score = np.nan_to_num(scores(figures, preference), nan=-np.inf)
    unknown, worst = np.isinf(missing).sum(axis=0), np.where(np.isinf(missing), 0.0, missing).max(axis=0).clip(0)
    nearest = int(np.lexsort((figures.order, -score, worst, unknown))[0])
    none = np.zeros(len(figures), bool)
    return Choice(preference, none, nearest, nearest, none, none, (), alpha)
