"""The rows of a comparison of two runs, A and B, whatever they compare."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pinch.measuring.interval import Interval, Known

PARTS = ("config", "versions", "hardware", "data", "models", "files", "times", "choices")
"""The parts of a comparison, in the order in which it is read. The first four are the conditions of the runs."""
CONDITIONS = PARTS[:4]
THERE = "there"
"""The figure of a row that says whether a run has something at all."""
EXACT = "exact"
COLUMNS = ["part", "of", "figure", "a", "b", "ratio", "ratio_low", "ratio_high", "differs", "basis"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing in both runs.

    Attributes:
        part: one of PARTS.
        of: what it is about: a key of the configuration, a package, a model, a file, a choice.
        figure: a column of the runs' tables, in its unit; THERE; empty for conditions.
        a, b: the values of both runs; None where a run does not have it, or does not tell it.
        ratio: of figures that are not 0, B relative to A, with its interval if chance is part of it.
        differs: whether the difference is larger than chance; None where that cannot be judged.
        basis: how it was judged or, where `differs` is None, why it was not.
    """

    part: str
    of: str
    figure: str = ""
    a: Any = None
    b: Any = None
    ratio: Interval | None = None
    differs: bool | None
    basis: str = EXACT

    def cells(self) -> dict[str, Any]:
        """The row by COLUMNS."""
        middle, low, high = self.ratio or (None, None, None)
        return {**vars(self), "ratio": middle, "ratio_low": low, "ratio_high": high}


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side.

    Attributes:
        a, b: the folders of the runs.
        rows: in the order of PARTS, equal ones too.
        notes: sentences on what could not be compared, and on how to read the rest.
    """

    a: Path
    b: Path
    rows: list[Row]
    notes: list[str]

    def frame(self) -> pd.DataFrame:
        """All rows as a table, with COLUMNS."""
        return pd.DataFrame([row.cells() for row in self.rows], columns=COLUMNS)


def exact(part: str, of: str, figure: str, a: Any, b: Any) -> Row:
    """A row in which chance has no part; unknown values (None) are not judged."""
    if a is None or b is None:
        return Row(part=part, of=of, figure=figure, a=a, b=b, differs=None, basis="not known of both")
    return Row(part=part, of=of, figure=figure, a=a, b=b, ratio=_bare(a, b), differs=bool(a != b))


def measured(part: str, of: str, figure: str, values: tuple[Any, Any], ratio: Known | None, basis: str) -> Row:
    """A row of a figure that would be another one if it were measured again.

    Args:
        part: see `Row`, like `of`, `figure` and `basis`.
        of: see there.
        figure: see there.
        values: of A and B.
        ratio: B relative to A with its interval; None: there is none, and the figure is not judged.
        basis: see `Row`.
    """
    a, b = values
    if ratio is None:
        return Row(part=part, of=of, figure=figure, a=a, b=b, ratio=_bare(a, b), differs=None, basis=basis)
    _, low, high = ratio
    differs = not low <= 1 <= high
    return Row(part=part, of=of, figure=figure, a=a, b=b, ratio=Interval(*ratio), differs=differs, basis=basis)


def there(part: str, of: str, is_in_b: bool) -> Row:
    """A row of what only one run has."""
    basis = f"only in {'B' if is_in_b else 'A'}"
    return Row(part=part, of=of, figure=THERE, a=not is_in_b, b=is_in_b, differs=True, basis=basis)


def _bare(a: Any, b: Any) -> Interval | None:
    """The ratio of two numbers without an interval; None where there is none."""
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in (a, b)):
        return None
    return Interval(b / a, None, None) if a else None
