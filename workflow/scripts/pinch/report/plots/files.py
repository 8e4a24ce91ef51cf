"""Time, accuracy and size of each exported file side by side."""

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from pinch.report import files as measured
from pinch.report.plots import style
from pinch.tables import gathering, labels, selection

_CHOSEN = "#FDF3DC"
"""Behind files that are chosen."""


def files(results: Path) -> Figure:
    """A row per file, below the name of its model; a panel each for times, for kept accuracy and for size."""
    table = gathering.read(results, "artifacts")
    if table.empty:
        return style.note("No artifact was made in this run.")
    timed = gathering.read(results, "inference").dropna(subset=["p50_ms"])
    places = labels.places(timed)
    rows, ticks = _rows(table)
    selected = gathering.read(results, "selection")
    chosen = {name: {str(file) for file in rows["file"]} for name, rows in selected.groupby("place")}
    anywhere = {str(file) for file in selected["file"]}
    panels = len(places) + 2
    height = 1.1 + 0.2 * (max(ticks) + 1)
    drawn, axes = style.figure(1.6 + 2.1 * panels, height, 1, panels, sharey=True)
    for axis, (place, times) in zip(axes, places, strict=False):
        _times(axis, rows, times)
        baseline, unit = measured.unit(times)
        axis.set(title=place.replace(", ", ",\n"), xlabel=f"time per frame\nrelative to {baseline}\n({unit:.2f} ms)")
    _kept(axes[-2], rows)
    _sizes(axes[-1], rows)
    for axis in axes:
        axis.grid(axis="y", visible=False)
    bands = [*(chosen.get(place, set()) for place, _ in places), anywhere, anywhere]
    for axis, band in zip(axes, bands, strict=True):
        for y, row in rows:
            if row["file"] in band:
                axis.axhspan(y - 0.5, y + 0.5, color=_CHOSEN, zorder=0)
    axes[0].set_yticks(list(ticks), list(ticks.values()))
    for y, label in zip(ticks, axes[0].get_yticklabels(), strict=True):
        label.set_fontweight("bold" if y not in {place for place, _ in rows} else "normal")
    axes[0].set_ylim(max(ticks) + 0.6, -0.6)
    drawn.legend(handles=[Patch(color=_CHOSEN, label="chosen for a want")], loc="outside lower center")
    return drawn


def _rows(table: pd.DataFrame) -> tuple[list[tuple[int, dict[str, Any]]], dict[int, str]]:
    """Each file with its height, and what is written at each height: a model's name, or the kind of a file."""
    rows: list[tuple[int, dict[str, Any]]] = []
    ticks: dict[int, str] = {}
    for _, group in table.groupby("model", sort=False):
        ticks[len(ticks)] = str(group["label"].iloc[0])
        for row in gathering.rows(group):
            rows.append((len(ticks), row))
            failed = "" if pd.isna(row["failed"]) else " (failed)"
            ticks[len(ticks)] = f"{row['precision']} {row['format']}{failed}"
    return rows, ticks


def _times(axis: Axes, rows: list[tuple[int, dict[str, Any]]], times: pd.DataFrame) -> None:
    """Ratios with their intervals: milliseconds would also show how the machine's speed drifted."""
    by_file = {row["file"]: row for row in gathering.rows(times.assign(time=selection.relative_time(times)))}
    for y, row in rows:
        if timed := by_file.get(row["file"]):
            axis.barh(y, timed["time"], color=style.precision_colour(row["precision"]), height=0.7)
            axis.plot([timed["relative_low"], timed["relative_high"]], [y, y], color=style.GREY, linewidth=1.4)
            end = timed["time"] if pd.isna(timed["relative_high"]) else timed["relative_high"]
            other = "" if timed["on_target"] else ", not for\nthis processor"
            style.beside(axis, f"{timed['time']:.2f}{other}", end, y)
    axis.margins(x=0.25)


def _kept(axis: Axes, rows: list[tuple[int, dict[str, Any]]]) -> None:
    """The share of the unpruned model's accuracy on test, with its interval."""
    for y, row in rows:
        colour = style.precision_colour(row["precision"])
        axis.plot([row["kept_low"], row["kept_high"]], [y, y], color=colour, linewidth=1.4)
        axis.plot([row["kept"]], [y], **style.look(row["format"], row["precision"], colour))
    axis.axvline(1, color=style.GREY, linewidth=1)
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.set(title="accuracy that\nis kept", xlabel="share of mAP50-95 on test")


def _sizes(axis: Axes, rows: list[tuple[int, dict[str, Any]]]) -> None:
    """Megabytes of each file (light) and of its zipped download (dark)."""
    for y, row in rows:
        axis.barh(y, row["bytes"] / 1e6, color=style.SKY, height=0.7)
        axis.barh(y, row["bytes_zipped"] / 1e6, color=style.BLUE, height=0.4)
        style.beside(axis, f"{row['bytes_zipped'] / 1e6:.1f}", row["bytes"] / 1e6, y)
    axis.margins(x=0.25)
    axis.set(title="size: file (light),\nzipped (dark)", xlabel="MB")
