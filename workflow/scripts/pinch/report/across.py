"""The page of two runs side by side, and the table of all its rows."""

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

import pandas as pd

from pinch.core.files import atomic
from pinch.core.ownership import PAGE_MARK
from pinch.report import html
from pinch.report.columns import Column
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
    yield _list([f"<b>{TITLES[part]}</b>: {escape(line)}" for part, line in overview(found)])
    yield f'<div class="note">{_list(map(escape, found.notes))}</div>' if found.notes else ""
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
        yield from _block(found, block)


def _block(found: Comparison, block: Block) -> Iterator[str]:
    shown = block.shown
    rest = [row for row in block.rows if row not in shown]
    title, others = f"<b>{escape(block.title)}</b>", f"the other {len(rest)}"
    if shown:
        yield f"<p>{title}</p>{_table(found, block, shown)}"
    if rest:
        yield f"<details><summary>{others if shown else title}</summary>{_table(found, block, rest)}</details>"


def _list(lines: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"


def _table(found: Comparison, block: Block, rows: list[Row]) -> str:
    headings = {
        "of": "key" if block.part == "config" else "of",
        "a": f"A: {found.a.name}",
        "b": f"B: {found.b.name}",
    }
    ratios = [row.ratio for row in block.rows if row.ratio]
    if ratios and block.part not in CONDITIONS:
        headings["change"] = f"change{' (95% interval)' if any(each.low for each in ratios) else ''}"
    if any(row.basis != EXACT for row in block.rows):
        headings |= {"differs": "larger than noise", "basis": "compared"}
    cells = [
        {"of": subject(row), "a": value(row, False), "b": value(row, True), "change": change(row)}
        | {"differs": _JUDGED[row.differs], "basis": row.basis}
        for row in rows
    ]
    return html.table(pd.DataFrame(cells), [Column(key, heading, kind="text") for key, heading in headings.items()])
