"""Accuracy against time, with what was chosen: the first picture of the report."""

import textwrap
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from pinch.report import files
from pinch.report.plots import style
from pinch.tables import gathering, labels

# Height and width of a number in a plot, in points.
_LINE, _WIDTH = 12, 12
# Characters of a line of the names of wants.
_LONG = 110
_RING: dict[str, Any] = {"marker": "o", "markersize": 13, "fillstyle": "none", "color": style.BLACK, "linestyle": ""}
"""Around what is chosen."""


def pareto(results: Path) -> Figure:
    """Accuracy on val, which decides choices, against time of every file; a panel per processor and thread count.

    Choices are ringed and numbered, and listed below their panel. Lines are the intervals of time and accuracy of the
    chosen files and of those on the Pareto front.
    """
    measured = files.measured(results)
    if measured.empty:
        return style.note("No artifact that passed its check was both timed and evaluated in this run.")
    selected = gathering.read(results, "selection")
    numbers = {want: number for number, want in enumerate(dict.fromkeys(selected["want"].astype(str)), 1)}
    places = labels.places(measured)
    lines = max(1, *(len(_chosen(rows)) for _, rows in places))
    heights = [4.0, 0.24 * lines + 0.1] * len(places)
    drawn, axes = style.figure(9.4, sum(heights) + 0.9, len(heights), 1, height_ratios=heights)
    for (place, rows), axis, below in zip(places, axes[::2], axes[1::2], strict=True):
        _cloud(axis, rows)
        _axes(axis, rows)
        axis.set_title(place, pad=12)
        _number(axis, rows, numbers)
        _list(below, rows, numbers, lines)
    named = ",  ".join(f"{number} {want}" for want, number in numbers.items())
    title = textwrap.fill(named, _LONG)
    drawn.legend(handles=_handles(measured), title=title, loc="outside lower center", ncols=5)
    return drawn


def _cloud(axis: Axes, rows: pd.DataFrame) -> None:
    """Every file as a marker, the front as a line; what is neither chosen nor on the front is pale."""
    for row in gathering.rows(rows):
        colour = style.METHOD_COLOURS.get(row["method"], style.GREY)
        x, y = row["relative_time"], row["val_map50_95"]
        stands_out = row["front"] or row["wants"]
        look = style.look(row["format"], row["precision"], colour)
        how: dict[str, Any] = {"alpha": 1.0 if stands_out else 0.4, "zorder": 3 if stands_out else 2}
        axis.plot([x], [y], **how, **look)
        if row["method"] in style.RIVAL_MARKS:
            mark = style.RIVAL_MARKS[row["method"]]
            axis.plot([x], [y], marker=mark, markersize=10, color=colour, linestyle="", **how)
        if stands_out:
            whiskers: dict[str, Any] = {"color": colour, "linewidth": 0.9, "alpha": 0.7, "zorder": 1}
            axis.plot([x, x], [row["val_map50_95_low"], row["val_map50_95_high"]], **whiskers)
            axis.plot([row["relative_time_low"], row["relative_time_high"]], [y, y], **whiskers)
    best = rows[rows["front"]].sort_values("relative_time")
    x, y = best["relative_time"], best["val_map50_95"]
    axis.plot(x, y, color=style.GREY, linewidth=1, zorder=0, drawstyle="steps-post")


def _axes(axis: Axes, rows: pd.DataFrame) -> None:
    shown = rows[rows["front"] | rows["wants"].map(bool)]
    drawn = pd.concat([rows["val_map50_95"], shown["val_map50_95_low"], shown["val_map50_95_high"]]).dropna()
    low, high = float(drawn.min()), float(drawn.max())
    margin = max(0.01, (high - low) * 0.1)
    axis.set_ylim(max(0.0, low - margin), high + 2 * margin)
    baseline, unit = files.unit(rows)
    axis.set(ylabel="mAP50-95 on val", xlabel=f"time per frame relative to {baseline}")

    ratio = rows["relative_time"].max() / rows["relative_time"].min()
    axis.set_xscale("log" if ratio > 3 else "linear")

    def milliseconds(shares: Any) -> Any:
        return shares * unit

    def shares(milliseconds: Any) -> Any:
        return milliseconds / unit

    # After the scale is set: it takes the scale of its axis, and would lose its ticks with it.
    above = axis.secondary_xaxis("top", functions=(milliseconds, shares))
    above.set_xlabel(f"ms, where {baseline} takes {unit:.2f} ms", loc="right", fontsize=9)
    above.spines["top"].set_visible(False)
    if ratio > 3:
        for each in (axis, above):
            each.xaxis.set_major_locator(mpl.ticker.LogLocator(base=10, subs=(1, 1.5, 2, 3, 4, 5, 6, 8)))
            each.xaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
            each.xaxis.set_minor_locator(mpl.ticker.NullLocator())


def _chosen(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The chosen files of a place, fastest first."""
    return gathering.rows(rows[rows["wants"].map(bool)].sort_values("relative_time"))


def _number(axis: Axes, rows: pd.DataFrame, numbers: dict[str, int]) -> None:
    """Ring the chosen files, and write the numbers of their wants at their upper left."""
    points_per_pixel = 72 / axis.figure.dpi
    right, top = float("-inf"), float("-inf")
    for row in _chosen(rows):
        where = (row["relative_time"], row["val_map50_95"])
        axis.plot([where[0]], [where[1]], zorder=4, **_RING)
        text = ", ".join(str(numbers[want]) for want in row["wants"])
        x, y = (float(pixel) * points_per_pixel for pixel in axis.transData.transform(where))
        # If the numbers would overlap the previous ones, they are drawn above them.
        lift = max(0.0, top + _LINE - y) if x - right < _WIDTH + 7 * len(text) else 0.0
        style.numbered(axis, text, *where, lift)
        right, top = x, y + lift


def _list(below: Axes, rows: pd.DataFrame, numbers: dict[str, int], lines: int) -> None:
    """The chosen files as a list: numbers of their wants, file, time, accuracy that is kept, download."""
    below.axis("off")
    cells = [
        [
            ", ".join(str(numbers[want]) for want in row["wants"]),
            f"{row['label']} {row['precision']}.{row['format']}",
            f"{row['p50_ms']:.2f} ms ({row['relative_time']:.2f})",
            f"keeps {row['kept']:.1%} on val",
            f"{row['bytes_zipped'] / 1e6:.2f} MB zipped",
        ]
        for row in _chosen(rows)
    ]
    if not cells:
        below.text(0, 1, "nothing is chosen here", va="top", color=style.GREY)
        return
    box = Bbox.from_bounds(0, 1 - len(cells) / lines, 1, len(cells) / lines)
    table = below.table(cells, colWidths=(0.14, 0.32, 0.2, 0.18, 0.16), cellLoc="left", edges="horizontal", bbox=box)
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    for column, cell in ((place[1], cell) for place, cell in table.get_celld().items()):
        cell.set_edgecolor("#E4E7EB")
        cell.PAD = 0.02
        cell.set_text_props(fontweight="bold" if column == 0 else "normal")


def _handle(method: str) -> Line2D:
    mark = style.RIVAL_MARKS.get(method)
    line: dict[str, Any] = {"linewidth": 5} if mark is None else {"linestyle": "", "marker": mark, "markersize": 10}
    return Line2D([], [], color=style.METHOD_COLOURS[method], label=style.METHOD_NAMES[method], **line)


def _handles(measured: pd.DataFrame) -> list[Line2D]:
    methods = [method for method in style.METHOD_NAMES if (measured["method"] == method).any()]
    lines = [_handle(method) for method in methods]
    kinds = dict.fromkeys(zip(measured["format"], measured["precision"], strict=True))
    return [*lines, Line2D([], [], label="chosen", **_RING), *(style.marker(*kind, style.GREY) for kind in kinds)]
