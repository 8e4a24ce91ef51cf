"""Time per frame, size of files, and accuracy against time."""

import textwrap
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pinch.report.plots import style
from pinch.tables import gathering, labels, selection

# Height and width of a number in a plot, in points.
_LINE, _WIDTH = 11, 15
# Characters of a panel's title in a line.
_TITLE = 36


def latency(results: Path) -> Figure:
    """Median inference time per frame, with lines to p90 (thick) and p99 (thin): models are rows, devices panels."""
    table = gathering.read(results, "inference").dropna(subset=["p50_ms"])
    if table.empty:
        return style.note("Nothing was timed in this run.")
    places = labels.places(table)
    models = list(dict.fromkeys(table["model"]))
    artifacts = list(dict.fromkeys(zip(table["format"], table["precision"], strict=True)))
    step = 0.8 / len(artifacts)
    height = 1.8 + len(models) * (0.15 + 0.12 * len(artifacts))
    drawn, axes = style.figure(2 + 4.0 * len(places), height, 1, len(places), sharey=True)
    for axis, (place, rows) in zip(axes, places, strict=True):
        for row in gathering.rows(rows):
            within = artifacts.index((row["format"], row["precision"]))
            _whisker(axis, row, models.index(row["model"]) - 0.4 + step * (0.5 + within))
        axis.set(title=textwrap.fill(place, _TITLE), xlabel="ms per frame", ylim=(len(models) - 0.5, -0.5))
        axis.set_xlim(left=0)
        axis.set_yticks(range(len(models)), style.model_labels(table, models))
        axis.grid(axis="y", visible=False)
        for edge in range(1, len(models)):
            axis.axhline(edge - 0.5, color="#E4E7EB", linewidth=0.8)
    handles = [style.marker(kind, precision, _precision_colour(precision)) for kind, precision in artifacts]
    drawn.legend(handles=handles, loc="outside lower center", ncols=min(6, len(handles)))
    return drawn


def _precision_colour(precision: str) -> str:
    return style.PRECISION_COLOURS.get(precision, style.GREY)


def _whisker(axis: Axes, row: dict[str, Any], y: float) -> None:
    colour = _precision_colour(row["precision"])
    axis.plot([row["p50_ms"], row["p99_ms"]], [y, y], color=colour, linewidth=0.8)
    axis.plot([row["p50_ms"], row["p90_ms"]], [y, y], color=colour, linewidth=2.2)
    axis.plot([row["p50_ms"]], [y], **style.look(row["format"], row["precision"], colour))


def sizes(results: Path) -> Figure:
    """Megabytes of each artifact (light) and of its zipped download (dark): models are rows, artifacts panels."""
    table = gathering.read(results, "artifacts")
    if table.empty:
        return style.note("No artifact was made in this run.")
    models = list(dict.fromkeys(table["model"]))
    artifacts = list(dict.fromkeys(zip(table["format"], table["precision"], strict=True)))
    columns = min(3, len(artifacts))
    rows = -(-len(artifacts) // columns)
    drawn, axes = style.figure(4.2 * columns, rows * (1.2 + 0.3 * len(models)), rows, columns, sharex=True, sharey=True)
    for axis, (kind, precision) in zip(axes, artifacts, strict=False):
        group = table[(table["format"] == kind) & (table["precision"] == precision)]
        y = [models.index(model) for model in group["model"]]
        axis.barh(y, group["bytes"] / 1e6, color=style.SKY, height=0.72, label="file")
        axis.barh(y, group["bytes_zipped"] / 1e6, color=style.BLUE, height=0.4, label="zipped")
        for place, (size, zipped) in zip(y, group[["bytes", "bytes_zipped"]].to_numpy() / 1e6, strict=True):
            style.beside(axis, f"{size:.2f} / {zipped:.2f}", size, place)
        axis.set_title(f"{precision} {kind}")
        axis.set_yticks(range(len(models)), style.model_labels(table, models))
        axis.grid(axis="y", visible=False)
    axes[0].set_ylim(len(models) - 0.5, -0.5)
    axes[0].set_xlim(0, table["bytes"].max() / 1e6 * 1.35)
    for axis in axes[len(artifacts) :]:
        axis.axis("off")
    for axis in axes[len(artifacts) - columns : len(artifacts)]:
        axis.set_xlabel("MB")
    drawn.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return drawn


def pareto(results: Path) -> Figure:
    """Accuracy on val, which decides choices, against time of every timed artifact; the Pareto front is listed.

    A thin line is the interval of an accuracy.
    """
    measured = selection.measured(results)
    if measured.empty:
        return style.note("No artifact that passed its check was both timed and evaluated in this run.")
    places = labels.places(measured)
    drawn, axes = style.figure(12.5, 1.0 + 4.4 * len(places), len(places), 2, width_ratios=(3, 2.1))
    for (place, rows), axis, side in zip(places, axes[::2], axes[1::2], strict=True):
        best = selection.front(rows)
        _cloud(axis, rows, best)
        _front_list(side, best)
        axis.set(title=f"{place}: time against accuracy", ylabel="mAP50-95 on val", xlabel=_time_label(rows))
    drawn.legend(handles=_pareto_handles(measured), loc="outside lower center", ncols=6)
    return drawn


def _cloud(axis: Axes, rows: pd.DataFrame, best: pd.DataFrame) -> None:
    for row in gathering.rows(rows):
        colour = style.METHOD_COLOURS.get(row["method"], style.GREY)
        alpha = 1.0 if row["file"] in set(best["file"]) else 0.55
        axis.plot(
            [row["relative_time"]],
            [row["val_map50_95"]],
            alpha=alpha,
            **style.look(row["format"], row["precision"], colour),
        )
        ends = [row["val_map50_95_low"], row["val_map50_95_high"]]
        axis.plot([row["relative_time"]] * 2, ends, color=colour, linewidth=0.7, alpha=alpha / 2, zorder=1)
    axis.plot(
        best["relative_time"], best["val_map50_95"], color=style.GREY, linewidth=1, zorder=0, drawstyle="steps-post"
    )
    drawn = rows[["val_map50_95", "val_map50_95_low", "val_map50_95_high"]]
    low, high = float(drawn.min().min()), float(drawn.max().max())
    margin = max(0.01, (high - low) * 0.1)
    axis.set_ylim(max(0.0, low - margin), high + 2 * margin)
    if rows["relative_time"].max() > 3 * rows["relative_time"].min():
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(mpl.ticker.LogLocator(base=10, subs=(1, 1.5, 2, 3, 4, 5, 6, 8)))
        axis.xaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
        axis.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    _number(axis, best)


def _number(axis: Axes, best: pd.DataFrame) -> None:
    """Number the points of a front, at their upper left, where no other point can be."""
    points_per_pixel = 72 / axis.figure.dpi
    right, top = float("-inf"), float("-inf")
    for number, row in enumerate(gathering.rows(best), 1):
        where = (row["relative_time"], row["val_map50_95"])
        x, y = (float(pixel) * points_per_pixel for pixel in axis.transData.transform(where))
        # If the number would overlap the previous one, it is drawn above it.
        lift = max(0.0, top + _LINE - y) if x - right < _WIDTH else 0.0
        style.numbered(axis, str(number), *where, lift)
        right, top = x, y + lift


def _time_label(rows: pd.DataFrame) -> str:
    baseline = selection.common_baseline(rows)
    if baseline is not None:
        return f"time per frame, in units of {baseline} ({rows['baseline_p50_ms'].median():.1f} ms)"
    return f"time per frame, in units of the fastest ({rows['p50_ms'].min():.1f} ms)"


def _front_list(side: Axes, best: pd.DataFrame) -> None:
    """The front as a list: number, artifact, time as on the axis and in milliseconds, accuracy."""
    side.axis("off")
    side.set_title("Pareto front: nothing is faster and more accurate", fontsize=10)
    rows = gathering.rows(best)
    cells = [
        [
            str(n),
            f"{r['label']} {r['precision']}.{r['format']}",
            f"{r['relative_time']:.2f} ({r['p50_ms']:.2f} ms)",
            f"{r['val_map50_95']:.3f}",
        ]
        for n, r in enumerate(rows, 1)
    ]
    table = side.table(cells, colWidths=(0.06, 0.5, 0.29, 0.15), cellLoc="left", edges="horizontal", loc="upper left")
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    for cell in table.get_celld().values():
        cell.set_edgecolor("#E4E7EB")


def _pareto_handles(measured: pd.DataFrame) -> list[Line2D]:
    methods = [method for method in style.METHOD_NAMES if (measured["method"] == method).any()]
    lines = [Line2D([], [], color=style.METHOD_COLOURS[m], linewidth=5, label=style.METHOD_NAMES[m]) for m in methods]
    artifacts = dict.fromkeys(zip(measured["format"], measured["precision"], strict=True))
    return [*lines, *(style.marker(kind, precision, style.GREY) for kind, precision in artifacts)]
