"""The pages of a run: the front page, and one page per section with its texts, pictures and tables."""

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

import pandas as pd

from pinch.report import captions, contents, files, html
from pinch.report.columns import COLUMNS
from pinch.tables import gathering, labels


def render(results: Path, optional: tuple[str, ...] = (), name: str | None = None) -> list[Path]:
    """Write every table and section of a run as HTML.

    Args:
        results: folder of the run, with its tables, plots and captions.
        optional: the optional items of its report (see pinch.report.contents.ITEMS).
        name: of the run; None: that of its folder.

    Raises:
        PinchError: a table is missing.
        FileNotFoundError: a plot or caption of the report does not exist.
    """
    name = name or results.name
    written = []
    for item in _shown(optional):
        if item.path.endswith(".html"):
            body = f"<h1>{escape(item.title)}</h1>{table(results, Path(item.path).stem)}"
            written.append(html.write(results / item.path, html.page(item.title, body)))
    front = html.fragment(captions.front(results, name))
    written.append(html.write(results / contents.INDEX, html.page(name, front, _links(contents.INDEX))))
    for path in contents.PAGES:
        title = f"{contents.SECTIONS[Path(path).stem]}: {name}"
        body = _section(results, Path(path).stem, title, optional)
        written.append(html.write(results / path, html.page(title, body, _links(path))))
    return written


def table(results: Path, name: str) -> str:
    """A table of a run as HTML: the main columns, rounded. The CSV file has all columns."""
    content = _CONTENT[name](results) if name in _CONTENT else gathering.read(results, name)
    return html.table(content, COLUMNS[name])


def _timings(results: Path) -> pd.DataFrame:
    return labels.with_places(gathering.read(results, "inference").dropna(subset=["p50_ms"]))


def _files(results: Path) -> pd.DataFrame:
    found = files.measured(results)
    return found.assign(wants=found["wants"].map(lambda wants: ", ".join(wants) or None))


# The rows of tables that are no CSV files, or not all of one.
_CONTENT: dict[str, Callable[[Path], pd.DataFrame]] = {"inference": _timings, "memory": _timings, "files": _files}


def _shown(optional: tuple[str, ...]) -> Iterator[contents.Item]:
    return (item for item in contents.ITEMS if not item.optional or item.path in optional)


def _links(of: str) -> list[tuple[str, str | None]]:
    """The front page and all sections, for the page at `of`."""
    titles = {contents.INDEX: "Front page"} | {path: contents.SECTIONS[Path(path).stem] for path in contents.PAGES}
    return [(title, None if path == of else Path(path).name) for path, title in titles.items()]


def _section(results: Path, section: str, title: str, optional: tuple[str, ...]) -> str:
    parts = [f"<h1>{escape(title)}</h1>", _text_of(results / f"captions/{section}.rst"), _missing(results)]
    captioned: set[str] = set()
    for item in (item for item in _shown(optional) if item.section == section):
        # A plot and the table of the same name share a caption.
        text = "" if item.caption in captioned else _text_of(results / item.caption)
        captioned.add(item.caption)
        parts += [f"<h2>{escape(item.title)}</h2>", text, _shown_item(results, item)]
    return "\n".join(parts)


def _shown_item(results: Path, item: contents.Item) -> str:
    if item.path.endswith(".html"):
        return table(results, Path(item.path).stem)
    return html.picture(results / item.path, item.title)


def _missing(results: Path) -> str:
    rows = gathering.rows(gathering.read(results, "missing"))
    names = "".join(f"<li>{escape(row['table'])}: {escape(row['row'])} ({escape(row['reason'])})</li>" for row in rows)
    summary = f"<summary>{len(rows)} expected rows are missing in this run</summary>"
    return f'<details class="note">{summary}<ul>{names}</ul></details>' if rows else ""


def _text_of(caption: Path) -> str:
    return html.fragment(caption.read_text())
