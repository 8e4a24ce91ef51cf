"""What pruning costs: accuracy against ratio, per layer, and what the reference did wrong."""

from pathlib import Path

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from pinch import tables
from pinch.names import percent
from pinch.plots import style


def coarse(results: Path) -> Figure:
    """Channel ratio against accuracy, before and after fine-tuning."""
    return _sweep(tables.read(results, "models"), "coarse", "channels removed (%)")


def fine(results: Path) -> Figure:
    """Weight ratio against accuracy, before and after fine-tuning."""
    return _sweep(tables.read(results, "models"), "fine", "weights set to zero (%)")


def _sweep(models: pd.DataFrame, method: str, label: str) -> Figure:
    pruned = models[models["method"] == method].sort_values("ratio")
    if pruned.empty:
        return style.note(f"This run has no model from {style.METHOD_NAMES[method]}.")
    base = models[models["method"] == "none"]
    drawn, axes = style.figure(11, 4.6, 1, 2, sharey=True)
    for axis, (column, title) in zip(axes, (("map50_95", "mAP50-95"), ("map50", "mAP50")), strict=True):
        colour = style.METHOD_COLOURS[method]
        x = pruned["ratio"] * 100
        if len(base):
            level = base[column].iloc[0]
            axis.axhline(level, color=style.BLACK, linewidth=1.4, linestyle=(0, (6, 3)), label=f"base ({level:.3f})")
        axis.plot(x, pruned[column], color=colour, marker="o", linewidth=2, label="after fine-tuning")
        before = pruned[f"{column}_before_tuning"]
        axis.plot(
            x, before, color=colour, marker="o", markerfacecolor="white", linestyle=":", label="before fine-tuning"
        )
        for ratio, value in zip(x, pruned[column], strict=True):
            style.above(axis, f"{value:.3f}", ratio, value, colour)
        axis.set(title=f"{title} on test", xlabel=label, ylabel="accuracy", ylim=(-0.02, 1.06), xlim=(0, 100))
        axis.set_xticks(range(0, 101, 10))
        axis.legend(loc="lower left")
    return drawn


def layers(results: Path) -> Figure:
    """Heat map of what each layer's pruning costs without tuning: layers across, ratios down, one panel per method."""
    scan = tables.read(results, "sensitivity")
    scan = scan[scan["study"] == "layers"]
    if scan.empty:
        return style.note("This run has no layer scan.")
    scan = scan.assign(drop=scan["base_map50_95"] - scan["map50_95"], percent=scan["ratio"].map(percent))
    methods = list(scan["method"].unique())
    order = list(dict.fromkeys(scan["layer"]))
    ratios = scan.groupby("method")["ratio"].nunique().sum()
    width = max(9.0, 0.19 * len(order) + 3)
    drawn, axes = style.figure(width, 2.2 + 0.45 * ratios, len(methods), 1, sharex=True)
    for axis, method in zip(axes, methods, strict=True):
        grid = scan[scan["method"] == method].pivot_table(index="percent", columns="layer", values="drop")[order]
        sns.heatmap(grid, ax=axis, cmap="cividis_r", vmin=0, cbar_kws={"label": "mAP50-95 lost"}, linewidths=0.4)
        axis.set(title=style.METHOD_NAMES[method], xlabel="", ylabel="ratio (%)")
        axis.set_xticks([i + 0.5 for i in range(len(order))], order, rotation=90, fontsize=7)
    return drawn


def explain(results: Path) -> Figure:
    """The reference's mistakes beside the right way: accuracy on test against ratio for each way of pruning."""
    study = tables.read(results, "sensitivity")
    study = study[study["study"] == "explain"]
    if study.empty:
        return style.note("This run did not repeat the reference's mistakes.")
    methods = list(dict.fromkeys(study["method"]))
    ways = list(dict.fromkeys(study["way"]))
    colours = dict(zip(ways, (style.BLUE, style.VERMILLION, style.ORANGE, style.GREEN, style.SKY), strict=False))
    drawn, axes = style.figure(5.8 * len(methods), 4.8, 1, len(methods), sharey=True)
    for axis, method in zip(axes, methods, strict=True):
        for way in ways:
            rows = study[(study["method"] == method) & (study["way"] == way)].sort_values("ratio")
            line = {"color": colours.get(way, style.GREY), "marker": "o"}
            axis.plot(rows["ratio"] * 100, rows["map50_95"], linewidth=2, label=way, **line)
            before = rows["map50_95_before_tuning"]
            axis.plot(rows["ratio"] * 100, before, linestyle=":", markerfacecolor="white", **line)
        level = study["base_map50_95"].iloc[0]
        axis.axhline(level, color=style.BLACK, linewidth=1.4, linestyle=(0, (6, 3)), label=f"base ({level:.3f})")
        axis.set(
            title=style.METHOD_NAMES[method], xlabel="ratio (%)", ylabel="mAP50-95", ylim=(-0.02, 1.02), xlim=(0, 100)
        )
    handles, names = axes[0].get_legend_handles_labels()
    drawn.legend(handles, names, loc="outside lower center", ncols=4, title="solid: after tuning, dotted: before")
    return drawn
