"""Time per frame, the parts of a frame, and peak memory."""

import textwrap
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pinch.report import files
from pinch.report.plots import style
from pinch.run import formats
from pinch.tables import gathering, labels

# Characters of a panel's title in a line.
_TITLE = 36
_LINE = "#E4E7EB"
# The parts of a frame, in their order, with colour and hatch.
_PARTS = (
    ("preprocess_ms", "before: letterboxing", style.SKY),
    ("p50_ms", "inference", style.BLUE),
    ("postprocess_ms", "after: selecting boxes", style.ORANGE),
)


def latency(results: Path) -> Figure:
    """Median time of inference, with lines to p90 (thick) and p99 (thin): panels by place and format."""
    table = gathering.read(results, "inference").dropna(subset=["p50_ms"])
    if table.empty:
        return style.note("Nothing was timed in this run.")
    places, kinds = labels.places(table), list(dict.fromkeys(table["format"]))
    models, precisions = list(dict.fromkeys(table["model"])), list(dict.fromkeys(table["precision"]))
    size = (1.4 + 3.6 * len(kinds), 0.5 + len(places) * (0.9 + len(models) * (0.12 + 0.14 * len(precisions))))
    drawn, axes = style.figure(*size, len(places), len(kinds), sharex="row", sharey=True)
    for number, axis in enumerate(axes):
        (place, rows), kind = places[number // len(kinds)], kinds[number % len(kinds)]
        shown = gathering.rows(rows[rows["format"] == kind])
        if not shown:
            axis.text(0.5, 0.5, "not timed here", ha="center", color=style.GREY, transform=axis.transAxes)
        for row in shown:
            _whisker(axis, row, models.index(row["model"]) + _offset(precisions, row["precision"]))
        _rows_of_models(axis, models, table)
        axis.set(title=textwrap.fill(f"{kind}: {place}", _TITLE), xlabel="ms per frame")
        axis.set_xlim(left=0)
    drawn.legend(handles=_precision_handles(precisions), loc="outside lower center", ncols=len(precisions))
    return drawn


def memory(results: Path) -> Figure:
    """Peak memory of a process that runs a file, and what the runtime alone takes: a panel per format."""
    table = gathering.read(results, "inference").dropna(subset=["peak_rss_mb"])
    table = table[table["imported"].isna()]
    if table.empty:
        return style.note("No memory was measured in this run.")
    place, rows = labels.places(table)[0]
    kinds, models = list(dict.fromkeys(rows["format"])), list(dict.fromkeys(rows["model"]))
    precisions = list(dict.fromkeys(rows["precision"]))
    size = (1.4 + 3.6 * len(kinds), 1.4 + len(models) * (0.12 + 0.16 * len(precisions)))
    drawn, axes = style.figure(*size, 1, len(kinds), sharex=True, sharey=True)
    for axis, kind in zip(axes, kinds, strict=True):
        for row in gathering.rows(rows[rows["format"] == kind]):
            y = models.index(row["model"]) + _offset(precisions, row["precision"])
            axis.barh(y, row["peak_rss_mb"], color=style.precision_colour(row["precision"]), height=0.2)
            axis.plot([row["rss_import_mb"]] * 2, [y - 0.11, y + 0.11], color="white", linewidth=2)
            style.beside(axis, f"{row['peak_rss_mb']:.0f}", row["peak_rss_mb"], y)
        _rows_of_models(axis, models, rows)
        axis.margins(x=0.15)
        axis.set(title=f"{kind}: {place}", xlabel="MB at the peak")
    drawn.legend(handles=_precision_handles(precisions), loc="outside lower center", ncols=len(precisions))
    return drawn


def frames(results: Path) -> Figure:
    """The parts of a frame, of the base's reference file and of the chosen ones: a panel per place."""
    measured = files.measured(results)
    base = (measured["method"] == "none") & (measured["precision"] == formats.REFERENCE[0])
    base &= measured["format"] == formats.REFERENCE[1]
    # Some programs that measure on other devices time inference alone.
    whole = measured[["preprocess_ms", "postprocess_ms"]].notna().all(axis=1)
    shown = measured[(base | measured["wants"].map(bool)) & whole]
    if shown.empty:
        return style.note("No artifact that passed its check was timed in this run.")
    places = labels.places(shown)
    heights = [0.9 + 0.32 * len(rows) for _, rows in places]
    drawn, axes = style.figure(9.4, sum(heights) + 0.5, len(places), 1, height_ratios=heights)
    for axis, (place, rows) in zip(axes, places, strict=True):
        names = rows["label"] + " " + rows["precision"] + "." + rows["format"]
        _parts(axis, rows)
        axis.set_yticks(range(len(rows)), list(names))
        axis.invert_yaxis()
        axis.grid(axis="y", visible=False)
        axis.margins(x=0.12)
        axis.set(title=place, xlabel="ms per frame (medians)")
    handles = [Patch(color=colour, label=name) for _, name, colour in _PARTS]
    drawn.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return drawn


def _parts(axis: Axes, rows: pd.DataFrame) -> None:
    left = pd.Series(0.0, index=rows.index)
    for key, _, colour in _PARTS:
        widths = rows[key].fillna(0.0)
        axis.barh(range(len(rows)), widths, left=left, color=colour, height=0.6)
        left += widths
    for y, (total, inference) in enumerate(zip(left, rows["p50_ms"], strict=True)):
        style.beside(axis, f"{total:.2f}, inference {inference / total:.0%}", total, y)


def _offset(precisions: list[str], precision: str) -> float:
    """Where a precision stands around the middle of its model's row."""
    return (precisions.index(precision) + 0.5) * 0.8 / len(precisions) - 0.4


def _rows_of_models(axis: Axes, models: list[str], table: pd.DataFrame) -> None:
    axis.set_yticks(range(len(models)), style.model_labels(table, models))
    axis.set_ylim(len(models) - 0.5, -0.5)
    axis.grid(axis="y", visible=False)
    for edge in range(1, len(models)):
        axis.axhline(edge - 0.5, color=_LINE, linewidth=0.8)


def _precision_handles(precisions: list[str]) -> list[Line2D]:
    looks = {name: style.look("", name, style.precision_colour(name)) for name in precisions}
    return [Line2D([], [], linestyle="", label=name, **look) for name, look in looks.items()]


def _whisker(axis: Axes, row: dict[str, Any], y: float) -> None:
    colour = style.precision_colour(row["precision"])
    axis.plot([row["p50_ms"], row["p99_ms"]], [y, y], color=colour, linewidth=0.8)
    axis.plot([row["p50_ms"], row["p90_ms"]], [y, y], color=colour, linewidth=2.6)
    axis.plot([row["p50_ms"]], [y], **style.look(row["format"], row["precision"], colour))
