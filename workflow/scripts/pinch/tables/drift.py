"""What a machine does over the minutes of a run, which the rounds of a single file do not show.

The rounds of a file follow each other within seconds, and those of the next file come later. Meanwhile other work may
have slowed the machine down, and no two files need slow down by as much. The baseline's file takes turns with all
others, so its times say how much the machine changed from file to file. Ratios to it are taken to move as much: in two
runs of the demo, on a virtual machine with neighbours, they moved by 0.9 and 1.3 of that from round to round.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pinch.measuring import interval

LEAST = 8
"""Timings of a place from which on the spread of the baseline's times is known well enough."""
# An interquartile range of a normal distribution in standard deviations, and its efficiency, which is that of a median
# absolute deviation (Rousseeuw and Croux 1993). One disturbed timing does not change it.
_QUARTILES, _EFFICIENCY = 1.349, 0.37
_ENDS = (("relative_low", "relative_high"), ("p50_low_ms", "p50_high_ms"))


def widen(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of all timings, whose intervals hold the drift of their place as well.

    Args:
        rows: with `place`, and where files took turns with a baseline its time and interval.

    Returns:
        The same rows, with `drift`: how far a time moves in 95% of cases from one file to another, as a share, beyond
        what its rounds tell. None where too few timings know.
    """
    found = []
    drifts = {place: _drift([row for row in rows if row["place"] == place]) for place in {row["place"] for row in rows}}
    for row in rows:
        half = drifts[row["place"]]
        found.append(row if half is None else row | {"drift": float(np.expm1(half))} | _ends(row, half))
    return found


def _drift(rows: Sequence[dict[str, Any]]) -> float | None:
    """The half-width of the 95% interval of the logarithm of the baseline's time, beyond what its rounds explain."""
    known = [row for row in rows if row.get("baseline_p50_low_ms") is not None]
    if len(known) < LEAST:
        return None
    lower, upper = np.percentile(np.log([row["baseline_p50_ms"] for row in known]), (25, 75))
    beyond = ((upper - lower) / _QUARTILES) ** 2 - np.median([_error(row) ** 2 for row in known])
    return float(interval.quantile(_EFFICIENCY * (len(known) - 1)) * np.sqrt(max(beyond, 0.0)))


def _error(row: dict[str, Any]) -> float:
    """The standard error of the logarithm of the baseline's time, from its rounds."""
    return interval.standard_error(row["baseline_p50_low_ms"], row["baseline_p50_high_ms"], row["rounds"])


def _ends(row: dict[str, Any], half: float) -> dict[str, float]:
    """The ends of a row's intervals with the drift, a factor of 1 that is independent of the rounds."""
    drift = (1.0, float(np.exp(-half)), float(np.exp(half)))
    found: dict[str, float] = {}
    for low, high in _ENDS:
        if row.get(low) is not None:
            known = (float(np.sqrt(row[low] * row[high])), row[low], row[high])
            _, found[low], found[high] = interval.ratio(known, drift)
    return found
