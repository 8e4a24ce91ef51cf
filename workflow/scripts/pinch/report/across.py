"""The page of two runs side by side, and the table of all its rows."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

import pandas as pd

from pinch.core.files import atomic
from pinch.core.ownership import PAGE_MARK
from pinch.report import html
from pinch.report.html import Column
from pinch.tables.across.blocks import Block, blocks, change, only, overview, subject, value
from pinch.tables.across.rows import CONDITIONS, EXACT, PARTS, Comparison, Row

TITLES = {
    "config": "Configuration",
    "versions": "Versions",
    "hardware": "Hardware",
    "data": "Data",
    "models": "Models",
    "files": "Files",
    "times": "Times",
    "choices": "Choices",
}
_JUDGED = {True: "yes", False: "no", None: "not judged"}


def write(found: Comparison, path: Path) -> Path:
    """Write the page, and beside it the table of all rows, under the same name with .csv."""
    with atomic(path.with_suffix(".csv")) as temporary:
        found.frame().to_csv(temporary, index=False)
    title = f"{found.a.name} and {found.b.name}"
    return html.write(path, html.page(title, "\n".join(_body(found, title))))


def _body(found: Comparison, title: str) -> Iterator[str]:
    yield f"{PAGE_MARK}<h1>{escape(title)}</h1>"
    yield f"<p>A is {escape(str(found.a))}, B is {escape(str(found.b))}. Changes are B's relative to A's.</p>"
    lines = [{"part": TITLES[part], "summary": summary} for part, summary in overview(found)]
    yield html.table(
        pd.DataFrame(lines), [Column("part", "what", kind="text"), Column("summary", "how much", kind="text")]
    )
    yield f'<ul class="note">{"".join(f"<li>{escape(note)}</li>" for note in found.notes)}</ul>' if found.notes else ""
    for part in PARTS:
        yield from _part(found, part)


def _part(found: Comparison, part: str) -> Iterator[str]:
    those, alone = blocks(found, part), only(found, part)
    if not those and not alone:
        return
    yield f"<h2>{TITLES[part]}</h2>"
    for name, names in alone.items():
        yield f"<p>Only in {name}: {escape(', '.join(names))}.</p>"
    for block in those:
        heading = block.heading and f"{block.heading}: "
        yield f"<p><b>{escape(heading + block.summary)}.</b></p>"
        yield from _rows(found, block)


def _rows(found: Comparison, block: Block) -> Iterator[str]:
    shown = block.shown
    rest = [row for row in block.rows if row not in shown]
    if shown:
        yield _table(found, block, shown)
    if rest:
        yield f"<details><summary>The other {len(rest)}</summary>{_table(found, block, rest)}</details>"


def _table(found: Comparison, block: Block, rows: list[Row]) -> str:
    headings = {
        "of": "key" if block.part == "config" else "of",
        "a": f"A: {found.a.name}",
        "b": f"B: {found.b.name}",
    }
    if block.part not in CONDITIONS:
        headings["change"] = "change (95% interval)"
    if any(row.basis != EXACT for row in block.rows):
        headings |= {"differs": "larger than noise", "basis": "compared"}
    cells = [
        {"of": subject(row), "a": value(row, False), "b": value(row, True), "change": change(row)}
        | {"differs": _JUDGED[row.differs], "basis": row.basis}
        for row in rows
    ]
    return html.table(pd.DataFrame(cells), [Column(key, heading, kind="text") for key, heading in headings.items()])
