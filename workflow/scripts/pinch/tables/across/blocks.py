"""The rows of a comparison in blocks, one for each figure of a part, with what a reader is told of them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pinch.core.text import one_line
from pinch.tables.across import times
from pinch.tables.across.rows import CONDITIONS, PARTS, THERE, Comparison, Row

# Heading with unit, and form of the values, of figures that have one.
_FIGURES = {
    "map50_95": ("mAP50-95 on test", "{:.3f}", 1.0),
    "val_map50_95": ("mAP50-95 on val", "{:.3f}", 1.0),
    "kept": ("kept of the run's own base on test (%)", "{:.1f}", 100.0),
    "val_kept": ("kept of the run's own base on val (%)", "{:.1f}", 100.0),
    "parameters": ("parameters (M)", "{:.3f}", 1e-6),
    "nonzero_parameters": ("parameters that are not zero (M)", "{:.3f}", 1e-6),
    "macs": ("MACs (M)", "{:.1f}", 1e-6),
    "bytes": ("file (MB)", "{:.2f}", 1e-6),
    "bytes_zipped": ("zipped (MB)", "{:.2f}", 1e-6),
    times.RATIO: ("time relative to the baseline", "{:.3f}", 1.0),
    times.TIME: ("median time (ms)", "{:.2f}", 1.0),
}
_HEADINGS = {figure: heading for figure, (heading, _, _) in _FIGURES.items()}
_HEADINGS |= {"failed": "check at export", "file": "file"}
# Exact figures that differ by less are only counted: of a file, it may be the date in it.
_LEAST = 0.0005
_DIGEST = 12
_UNKNOWN = "not known"


@dataclass(frozen=True)
class Block:
    """Rows of the same kind.

    Attributes:
        part: see `pinch.tables.across.rows.PARTS`.
        heading: what they are of, with its unit; empty for conditions.
        rows: those that both runs have.
    """

    part: str
    heading: str
    rows: list[Row]

    @property
    def shown(self) -> list[Row]:
        """The rows that a reader must see.

        First those that differ by more than noise, the largest differences first; then toss-ups, and those that only
        the reader can judge, but for absolute times where there are ratios.
        """
        differing = sorted((row for row in self.rows if row.differs and _is_large(row)), key=lambda row: -_size(row))
        return differing + [row for row in self.rows if _is_toss_up(row) or _is_open(row)]

    @property
    def title(self) -> str:
        """The heading with the summary."""
        return f"{self.heading}: {self.summary}" if self.heading else self.summary

    @property
    def summary(self) -> str:
        """How many rows differ, out of how many."""
        judged = [row for row in self.rows if row.differs is not None]
        differing = [row for row in judged if row.differs]
        noisy = any(row.ratio and row.ratio.low is not None for row in judged)
        parts = [f"{len(differing)} of {len(judged)} differ{' by more than noise' if noisy else ''}"] if judged else []
        if small := len(differing) - sum(map(_is_large, differing)):
            parts.append(f"{small} of them by less than {_LEAST:.2%}")
        if tossed := sum(map(_is_toss_up, judged)):
            parts.append(f"{tossed} more by a toss-up")
        if unjudged := len(self.rows) - len(judged):
            reasons = dict.fromkeys(row.basis for row in self.rows if row.differs is None)
            parts.append(f"{unjudged} not judged ({'; '.join(reasons)})")
        return ", ".join(parts)


def blocks(found: Comparison, part: str) -> list[Block]:
    """The blocks of a part; the rows that say what only one run has are in none of them."""
    rows = [row for row in found.rows if row.part == part and row.figure != THERE]
    if part in CONDITIONS:
        return [Block(part, "", rows)] if rows else []
    known = dict.fromkeys(row.figure for row in rows)
    figures = sorted(known, key=lambda figure: [*_HEADINGS].index(figure))
    return [Block(part, _HEADINGS[figure], [row for row in rows if row.figure == figure]) for figure in figures]


def only(found: Comparison, part: str) -> dict[str, list[str]]:
    """What only one run has, by the run: A or B."""
    rows = [row for row in found.rows if row.part == part and row.figure == THERE]
    sides = {"A": [row.of for row in rows if row.a], "B": [row.of for row in rows if row.b]}
    return {name: names for name, names in sides.items() if names}


def overview(found: Comparison) -> Iterator[tuple[str, str]]:
    """Each part and one line on it: how much of what differs."""
    for part in PARTS:
        those = blocks(found, part)
        lines = [f"{len(names)} only in {name}" for name, names in only(found, part).items()]
        lines += [block.title for block in those if block.shown or not block.heading]
        if those or lines:
            yield part, "; ".join(lines) or "nothing differs by more than noise"


def subject(row: Row) -> str:
    """What a row is about, on one line."""
    of_condition = row.part in CONDITIONS and row.figure
    return one_line(f"{row.of}: {row.figure}" if of_condition else row.of)


def value(row: Row, of_b: bool) -> str:
    """The value of A or B, as a reader sees it."""
    found: Any = row.b if of_b else row.a
    if found is None:
        return _UNKNOWN
    if row.figure in _FIGURES:
        _, form, scale = _FIGURES[row.figure]
        return form.format(found * scale)
    if isinstance(found, int):
        return f"{found:,}"
    return one_line(str(found)[:_DIGEST] if row.figure == "digest" else str(found))


def change(row: Row) -> str:
    """B relative to A in percent, with its interval: "+2.3% (+0.4 to +4.1)"; of toss-ups, in which run they are."""
    if row.ratio is None:
        return f"({row.basis})" if _is_toss_up(row) else ""
    middle, low, high = ((None if end is None else (end - 1) * 100) for end in row.ratio)
    return f"{middle:+.1f}%" + (f" ({low:+.1f} to {high:+.1f})" if low is not None else "")


def _is_large(row: Row) -> bool:
    """Whether a difference is worth a row: exact ones may be tiny."""
    return row.ratio is None or row.ratio.low is not None or abs(row.ratio.middle - 1) >= _LEAST


def _is_toss_up(row: Row) -> bool:
    """Whether both runs have other values, but of a choice that the data do not tell from others."""
    return row.differs is False and row.ratio is None and row.a != row.b


def _is_open(row: Row) -> bool:
    """Whether the reader is to judge what could not be judged here."""
    is_known = row.a is not None and row.b is not None and row.a != row.b
    return row.differs is None and is_known and row.basis != times.ABSOLUTE


def _size(row: Row) -> float:
    """How large a difference is; one that is no ratio counts as the largest."""
    return abs(math.log(row.ratio.middle)) if row.ratio and row.ratio.middle > 0 else math.inf
