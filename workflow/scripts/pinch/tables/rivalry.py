"""At which times pruning is ahead of its rivals, and at which a rival is, as far as the noise tells.

For each time that a file of the two fronts takes, the most accurate pruned file and the most accurate rival that take
no more are compared on val, image by image. One is ahead if it is better than every file of the other side that may
take no more, by more than the noise.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pinch.measuring.interval import LEVEL
from pinch.measuring.statistics import Resampled
from pinch.run.identity import METHODS, RIVALS
from pinch.tables import selection
from pinch.tables.choice.noise import Figures

PRUNING, RIVAL, NEITHER = "pruning", "rival", "neither"


@dataclass(frozen=True)
class Span:
    """Times at which the same side is ahead.

    Attributes:
        start: the least of them, relative to the baseline (see `selection.relative_time`); it ends where the next one
            begins, and the last does not end.
        ahead: PRUNING, RIVAL, or NEITHER: the noise does not tell.
        pruned, rival: the row of the best file of each side at the last time that was looked at; None where there is
            none that takes no more.
    """

    start: float
    ahead: str
    pruned: dict[str, Any] | None
    rival: dict[str, Any] | None


def spans(rows: pd.DataFrame, resamples: Mapping[str, Resampled] | None = None) -> list[Span]:
    """The spans of a place, from the shortest time on; empty where there are not files of both sides.

    Args:
        rows: of `selection.measured`, of one place.
        resamples: what the accuracy on val would be on other sets of images, by file.
    """
    sides = rows[rows["method"].isin((*METHODS, *RIVALS)) & rows["relative_time"].notna() & rows["kept"].notna()]
    if not (sides["method"].isin(METHODS).any() and sides["method"].isin(RIVALS).any()):
        return []
    found: list[Span] = []
    for span in _looked_at(Figures(sides, resamples), sides):
        if found and found[-1].ahead == span.ahead:
            span = Span(found.pop().start, span.ahead, span.pruned, span.rival)
        found.append(span)
    return found


def _looked_at(figures: Figures, sides: pd.DataFrame) -> Iterator[Span]:
    """What is ahead at each time of the two fronts."""
    of = {PRUNING: figures.rows["method"].isin(METHODS), RIVAL: figures.rows["method"].isin(RIVALS)}
    members = {side: mask.to_numpy(bool) for side, mask in of.items()}
    time, low = figures.points("relative_time"), figures.points("relative_time_low")
    # Where nothing tells how long a file may take at least, it takes what was measured.
    low = np.where(np.isfinite(low), np.minimum(low, time), time)
    fronts = [selection.front(sides[sides["method"].isin(kinds)]) for kinds in (METHODS, RIVALS)]
    for limit in sorted({each for front in fronts for each in front["relative_time"]}):
        best = {side: _best(figures, mask & (time <= limit)) for side, mask in members.items()}
        wins = [
            side
            for side, other in ((PRUNING, RIVAL), (RIVAL, PRUNING))
            if _beats(figures, best[side], members[other] & (low <= limit))
        ]
        shown = {side: None if index is None else figures.row(index) for side, index in best.items()}
        yield Span(limit, wins[0] if wins else NEITHER, shown[PRUNING], shown[RIVAL])


def _best(figures: Figures, among: np.ndarray) -> int | None:
    """The most accurate of some files on val."""
    return int(np.where(among, figures.points("val_map50_95"), -np.inf).argmax()) if among.any() else None


def _beats(figures: Figures, index: int | None, others: np.ndarray) -> bool:
    """Whether there is a file, and it is more accurate than all of the others by more than the noise."""
    if index is None:
        return False
    over = figures.over("val_map50_95", index)
    utmost = over.value + over.utmost((1 - LEVEL) / len(figures))
    return bool((utmost[others] < 0).all())
