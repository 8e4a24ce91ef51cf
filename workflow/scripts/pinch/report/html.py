"""Tables as HTML pages, and one page per section of the report: text, plots and tables in one file.

Pages contain their style and plots, so they open from disk without a network. They have no scripts.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from docutils.core import publish_parts

from pinch.core.files import atomic
from pinch.report import captions, contents
from pinch.tables import gathering

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1500px; margin: 1.5rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; }
h2 { font-size: 1.2rem; margin-top: 2.2rem; border-top: 1px solid #ddd; padding-top: 1rem; }
p, li { max-width: 62rem; } li p { margin: 0.2rem 0; } img { max-width: 100%; }
.literal { font: 0.92em ui-monospace, monospace; background: #f3f4f6; padding: 0 0.2em; overflow-wrap: anywhere; }
.note { background: #fdf3dc; padding: 0.5rem 1rem; } .table { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.86rem; font-variant-numeric: tabular-nums; }
th { text-align: right; border-bottom: 2px solid #888; padding: 0.3rem 0.6rem; vertical-align: bottom; }
td { text-align: right; border-bottom: 1px solid #e4e7eb; padding: 0.25rem 0.6rem; white-space: nowrap; }
.text { text-align: left; } td.long { white-space: normal; min-width: 24rem; } tr:hover td { background: #f5f8fb; }
"""


@dataclass(frozen=True)
class Column:
    """A column of an HTML table: its key in the CSV file, its heading with the unit, and the form of its cells."""

    key: str
    heading: str
    form: Callable[[Any], str] = str
    kind: str = ""


def _number(key: str, heading: str, digits: int, scale: float = 1.0) -> Column:
    return Column(key, heading, lambda value: f"{value * scale:,.{digits}f}")


def _text(key: str, heading: str = "", kind: str = "text") -> Column:
    return Column(key, heading or key, str, kind)


def _share(key: str, heading: str) -> tuple[Column, ...]:
    """A share in percent, with its interval."""
    return _number(key, heading, 1, 100), _number(f"{key}_low", "from", 1, 100), _number(f"{key}_high", "to", 1, 100)


_MODEL = (_text("model"), _text("format"), _text("precision"))
_SIZE = (_number("bytes", "file (MB)", 2, 1e-6), _number("bytes_zipped", "zipped (MB)", 2, 1e-6))
_ACCURACY = tuple(
    _number(f"{split}{key}", f"{name} on {split.strip('_') or 'test'}", 3)
    for split in ("", "val_")
    for key, name in (("map50", "mAP50"), ("map50_95", "mAP50-95"))
)
_BEFORE = (
    _number("map50_before_tuning", "mAP50 before tuning", 3),
    _number("map50_95_before_tuning", "mAP50-95 before tuning", 3),
)
_TIMES = tuple(
    _number(f"{key}_ms", f"{key} (ms)", 2) for key in ("p50", "p90", "p99", "mean", "min", "preprocess", "postprocess")
)
COLUMNS: dict[str, tuple[Column, ...]] = {
    "models": (
        *(_text("model"), _text("method"), _number("ratio", "ratio (%)", 0, 100)),
        *(_number("parameters", "parameters (M)", 3, 1e-6), _number("nonzero_parameters", "not zero (M)", 3, 1e-6)),
        *(_number("macs", "MACs (M)", 1, 1e-6), *_ACCURACY[:2], *_share("kept", "kept (%)")),
        *(*_BEFORE, *_ACCURACY[2:], *_SIZE),
    ),
    "artifacts": (
        *_MODEL,
        *_SIZE,
        *(*_ACCURACY[:2], _ACCURACY[3], *_share("of_float", "kept of float on test (%)")),
        *(
            _number("of_float_worst_class_kept", "by its worst class (%)", 1, 100),
            _text("of_float_worst_class", "which is"),
        ),
        _number("guard_relative_time", "time to float at export", 2),
        _number("threshold", "threshold", 2),
        _text("file"),
        _text("failed", "failed its check", kind="text long"),
    ),
    "inference": (
        *(_text("device"), _text("threads"), *_MODEL, *_TIMES, _number("relative_to_baseline", "of the baseline", 3)),
        *(_number("relative_low", "from", 3), _number("relative_high", "to", 3), _number("rounds", "rounds", 0)),
        *(_text("stable"), _number("spread", "spread (%)", 1, 100)),
        *(_number("total_ms", "whole frame (ms)", 2), _number("fps", "frames per second", 1)),
        *(_number("load_ms", "loading (ms)", 0), _number("first_ms", "first inference (ms)", 1)),
        *(_number("peak_rss_mb", "peak memory (MB)", 0), _number("model_mb", "of the file (MB)", 0)),
        *(_number("busy_threads", "busy threads", 2), _number("efficiency", "of the peak rate (%)", 1, 100)),
        *(
            _number("energy_net_mj", "net energy (mJ)", 1),
            _number("energy_mj", "gross energy (mJ)", 1),
            _text("energy_source", "counter"),
            _text("exclusive", "machine alone"),
            _text("processor"),
        ),
    ),
    "selection": (
        *(_text("device"), _text("threads"), _text("goal"), _text("file"), _TIMES[0]),
        *(_number("kept", "kept of the unpruned model on val (%)", 1, 100), _number("map50_95", "mAP50-95 on test", 3)),
        *(_SIZE[1], _text("reason", kind="text long")),
    ),
    "chosen": (
        *(_text("file"), _ACCURACY[0], _ACCURACY[1], _number("images", "images", 0)),
        *(_number("part_map50_95", "mAP50-95 on the part", 3), _number("part_images", "images of the part", 0)),
    ),
    "stages": (
        *(_text("rule"), _number("jobs", "jobs", 0), _number("share_seconds", "share of wall time (s)", 1)),
        *(_number("wall_seconds", "wall time (s)", 1), _number("job_seconds", "sum of jobs (s)", 1)),
        *(_number("cpu_seconds", "processor time (s)", 1), _number("peak_rss_mb", "peak memory (MB)", 0)),
    ),
}


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
    written = []
    for path in (*contents.HTML_TABLES, *(path for path in optional if path.endswith(".html"))):
        body = f"<h1>{escape(Path(path).stem)}</h1>{_table(results, Path(path).stem)}"
        written.append(write(results / path, page(Path(path).stem, body)))
    name = name or results.name
    written.append(write(results / contents.INDEX, page(name, _fragment(captions.front(results, name)))))
    for path in contents.PAGES:
        section = Path(path).stem
        title = f"{contents.SECTIONS[section]}: {name}"
        written.append(write(results / path, page(title, _section(results, section, title, optional))))
    return written


def table(content: pd.DataFrame, columns: Sequence[Column]) -> str:
    """A table as an HTML element, with a row for each row of `content`."""
    # Long text for exceptions is shown where there are any.
    shown = [c for c in columns if c.key in content and ("long" not in c.kind or content[c.key].notna().any())]
    head = "".join(f'<th class="{column.kind}">{escape(column.heading)}</th>' for column in shown)
    rows = "".join(f"<tr>{''.join(_cell(column, row) for column in shown)}</tr>" for row in gathering.rows(content))
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _table(results: Path, name: str) -> str:
    """A table of a run: the main columns, rounded. The CSV file has all columns."""
    return table(gathering.read(results, name), COLUMNS[name])


def _cell(column: Column, row: dict[str, Any]) -> str:
    value = row[column.key]
    return f'<td class="{column.kind}">{"" if pd.isna(value) else escape(column.form(value))}</td>'


def _section(results: Path, section: str, title: str, optional: tuple[str, ...]) -> str:
    parts = [f"<h1>{escape(title)}</h1>", _text_of(results / f"captions/{section}.rst"), _missing(results)]
    for item in contents.ITEMS:
        if item.section == section and (not item.optional or item.path in optional):
            parts += [f"<h2>{escape(item.title)}</h2>", _text_of(results / item.caption), _content(results, item)]
    return "\n".join(parts)


def _content(results: Path, item: contents.Item) -> str:
    if item.path.endswith(".html"):
        return _table(results, Path(item.path).stem)
    data = base64.b64encode((results / item.path).read_bytes()).decode()
    return f'<div><img alt="{escape(item.title)}" src="data:image/png;base64,{data}"></div>'


def _missing(results: Path) -> str:
    rows = gathering.rows(gathering.read(results, "missing"))
    names = "".join(f"<li>{escape(row['table'])}: {escape(row['row'])} ({escape(row['reason'])})</li>" for row in rows)
    summary = f"<summary>{len(rows)} expected rows are missing in this run</summary>"
    return f'<details class="note">{summary}<ul>{names}</ul></details>' if rows else ""


def _text_of(caption: Path) -> str:
    return _fragment(caption.read_text())


def _fragment(text: str) -> str:
    """ReStructuredText as HTML, its title included."""
    settings = {"report_level": 4, "file_insertion_enabled": False, "raw_enabled": False}
    return publish_parts(text, writer="html5", settings_overrides=settings)["html_body"]


def page(title: str, body: str) -> str:
    """A whole page; the title is text, the body HTML."""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f"<!doctype html>\n<html lang='en'><head>{head}</head>\n<body>\n{body}\n</body></html>\n"


def write(path: Path, content: str) -> Path:
    """Write a page, completely or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(content)
    return path
