"""Pages and tables as HTML: `page` makes a whole page, `table` a table from a data frame and its columns.

A page contains its style, its script and its pictures, so it opens from disk without a network, alone and inside
Snakemake's report. Its tables sort and filter; without scripts they are whole.
"""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import pandas as pd
from docutils.core import publish_parts

from pinch.core.files import write_text
from pinch.report.columns import Column
from pinch.report.contents import TEMPLATES
from pinch.tables import gathering

STYLE, SCRIPT = TEMPLATES / "page.css", TEMPLATES / "tables.js"


def page(title: str, body: str, links: Iterable[tuple[str, str | None]] = ()) -> str:
    """A whole page.

    Args:
        title: as text.
        body: as HTML.
        links: title and address of the pages of which this is one; the address of this one is None.
    """
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE.read_text()}</style>"
    )
    script = f"<script>{SCRIPT.read_text()}</script>"
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{_navigation(links)}{body}\n{script}\n'
        "</body></html>\n"
    )


def write(path: Path, content: str) -> Path:
    """Write a page, completely or not at all."""
    write_text(path, content)
    return path


def table(content: pd.DataFrame, columns: Sequence[Column]) -> str:
    """A table as HTML, with a row for each row of `content`.

    A column is left out where `content` does not have it, or no row has a value. In windows below 1,100 pixels the rows
    of a table with sentences become cards; any other table that is too wide scrolls beside its first column.
    """
    shown = [each for each in columns if each.key in content and content[each.key].notna().any()]
    head = "".join(f'<th scope="col" class="{each.kind}">{escape(each.heading)}</th>' for each in shown)
    rows = "".join(f"<tr>{''.join(each.cell(row) for each in shown)}</tr>\n" for row in gathering.rows(content))
    kind = "table cards" if any(each.kind == "long" for each in shown) else "table"
    return f'<div class="{kind}"><table><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>'


def picture(path: Path, title: str) -> str:
    """A PNG as HTML that contains it.

    Raises:
        FileNotFoundError: it does not exist.
    """
    return f'<div class="picture"><img alt="{escape(title)}" src="{embedded(path)}"></div>'


def embedded(path: Path) -> str:
    """A PNG as an address that contains it."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def fragment(text: str) -> str:
    """ReStructuredText as HTML, its title included."""
    settings = {"report_level": 4, "file_insertion_enabled": False, "raw_enabled": False}
    return publish_parts(text, writer="html5", settings_overrides=settings)["html_body"]


def _navigation(links: Iterable[tuple[str, str | None]]) -> str:
    shown = [
        f"<b>{escape(title)}</b>" if address is None else f'<a href="{escape(address)}">{escape(title)}</a>'
        for title, address in links
    ]
    return f"<nav>{' '.join(shown)}</nav>\n" if shown else ""
