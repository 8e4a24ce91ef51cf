"""Time, accuracy and size of each file of a run side by side, with what was chosen."""

from pathlib import Path

import pandas as pd

from pinch.tables import gathering, labels, selection

_WHERE = ["device", "threads", "processor", "file"]


def measured(results: Path) -> pd.DataFrame:
    """Every file that can be chosen, once for each processor and thread count, in the order of the tables.

    Returns:
        The columns of `selection.measured`, and `place` (see `labels.places`), `front` (whether nothing there is both
        faster and more accurate on val) and `wants` (a tuple: what the file is chosen for there).

    Raises:
        PinchError: a table is missing.
    """
    found = labels.with_places(selection.measured(results))
    fronts = [selection.front(rows).index for _, rows in labels.places(found)]
    chosen: dict[tuple[str, ...], list[str]] = {}
    for row in gathering.rows(gathering.read(results, "selection")):
        chosen.setdefault(_key(row), []).append(str(row["want"]))
    wants = [tuple(chosen.get(_key(row), [])) for row in gathering.rows(found)]
    return found.assign(
        front=found.index.isin([place for front in fronts for place in front]),
        wants=pd.Series(wants, index=found.index, dtype=object),
    )


def unit(timed: pd.DataFrame) -> tuple[str, float]:
    """What `relative_time` of a place's files is relative to: its name, and its median time in milliseconds."""
    baseline = selection.common_baseline(timed)
    if baseline is None:
        return "the fastest file", float(timed["p50_ms"].min())
    return baseline, float(timed["baseline_p50_ms"].median())


def _key(row: dict[str, object]) -> tuple[str, ...]:
    return tuple(str(row[column]) for column in _WHERE)
