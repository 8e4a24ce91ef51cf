"""A comparison of two runs as text for a terminal: what differs, and how much else there is."""

from collections.abc import Iterator

from pinch.core.text import first
from pinch.tables.across.blocks import Block, blocks, change, only, subject, value
from pinch.tables.across.rows import PARTS, Comparison, Row

_MOST_ROWS = 12
_MOST_NAMES = 8
_WIDEST = 48


def text(found: Comparison) -> str:
    """The conditions that differ first, then figures that differ by more than noise, then notes."""
    lines = [f"A: {found.a}", f"B: {found.b} (changes are B's relative to A's)"]
    for part in PARTS:
        lines += _part(found, part)
    return "\n".join([*lines, "", *(f"* {note}" for note in found.notes)])


def _part(found: Comparison, part: str) -> Iterator[str]:
    those, alone = blocks(found, part), only(found, part)
    if those or alone:
        yield f"\n{part}{': ' + those[0].summary if those and not those[0].heading else ''}"
    for name, names in alone.items():
        yield f"  only in {name}: {first(names, _MOST_NAMES)}"
    for block in those:
        if block.heading:
            yield f"  {block.title}"
        yield from _rows(block)


def _rows(block: Block) -> Iterator[str]:
    rows = block.shown[:_MOST_ROWS]
    cells = [[subject(row), _short(row, False), _short(row, True), change(row)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for of, a, b, changed in cells:
        yield f"    {of:<{widths[0]}}  {a:>{widths[1]}}  {b:>{widths[2]}}  {changed}".rstrip()
    if more := len(block.shown) - len(rows):
        yield f"    and {more} more, which the page and the table of --output have"


def _short(row: Row, of_b: bool) -> str:
    shown = value(row, of_b)
    return shown if len(shown) <= _WIDEST else f"{shown[: _WIDEST - 3]}..."
