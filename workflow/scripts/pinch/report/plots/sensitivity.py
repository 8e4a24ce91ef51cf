"""What pruning costs: accuracy by ratio and by layer, and the mistakes of the reference."""

from pathlib import Path

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pinch.report.plots import style
from pinch.run import comparing
from pinch.run.identity import percent
from pinch.tables import gathering, seeds

# Where a band is drawn around a ratio, in percent: if it is the only one, and if there are others.
_WIDTH = ((-2, 2), (0,))


def coarse(results: Path) -> Figure:
    """Channel ratio against accuracy, before and after fine-tuning, with a band where there are several seeds."""
    return _sweep(results, "coarse", "channels removed (%)")


def fine(results: Path) -> Figure:
    """Weight ratio against accuracy, before and after fine-tuning, with a band where there are several seeds."""
    return _sweep(results, "fine", "weights set to zero (%)")


def _sweep(results: Path, method: str, removed: str) -> Figure:
    models, of_seeds = gathering.read(results, "models"), gathering.read(results, seeds.SEEDS)
    pruned = models[models["method"] == method].sort_values("ratio")
    if pruned.empty:
        return style.note(f"This run has no model from {style.METHOD_NAMES[method]}.")
    rows = gathering.rows(models)
    # Long dashes for the base, short ones for its twin.
    unpruned = (("base", comparing.base(rows), (6, 3)), ("its twin", comparing.twin(rows), (2, 2)))
    drawn, axes = style.figure(9.4, 5.0, 1, 2, sharey=True)
    for axis, (column, title) in zip(axes, (("map50_95", "mAP50-95"), ("map50", "mAP50")), strict=True):
        colour = style.METHOD_COLOURS[method]
        x = pruned["ratio"] * 100
        for name, row, dashes in unpruned:
            if row is not None:
                label = f"{name} ({row[column]:.3f})"
                axis.axhline(row[column], color=style.BLACK, linewidth=1.4, linestyle=(0, dashes), label=label)
        for name in (column, f"{column}_before_tuning"):
            _band(axis, of_seeds[of_seeds["method"] == method], name, colour)
        _whiskers(axis, pruned, column, colour)
        axis.plot(x, pruned[column], color=colour, marker="o", linewidth=2, label="after fine-tuning")
        before = pruned[f"{column}_before_tuning"]
        axis.plot(
            x, before, color=colour, marker="o", markerfacecolor="white", linestyle=":", label="before fine-tuning"
        )
        for ratio, value in zip(x, pruned[column], strict=True):
            style.above(axis, f"{value:.3f}", ratio, value, colour)
        axis.set(title=f"{title} on test", xlabel=removed, ylabel="accuracy", ylim=(-0.02, 1.06), xlim=(0, 100))
        axis.set_xticks(range(0, 101, 10))
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    return drawn


def _band(axis: Axes, of_seeds: pd.DataFrame, column: str, colour: str) -> None:
    """From the lowest to the highest accuracy of all seeds, at ratios that were pruned with several."""
    ends = of_seeds.dropna(subset=[column]).groupby("ratio")[column].agg(["min", "max", "count"])
    ends = ends[ends["count"] > 1]
    if ends.empty:
        return
    label = None if column.endswith("_before_tuning") else f"lowest to highest of {ends['count'].max()} seeds"
    # A band at a single ratio has no width of its own.
    shown = [(100 * ratio + shift, *row) for ratio, *row in ends.itertuples() for shift in _WIDTH[len(ends) > 1]]
    x, low, high, _ = zip(*shown, strict=True)
    axis.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0, label=label)


def _whiskers(axis: Axes, pruned: pd.DataFrame, column: str, colour: str) -> None:
    """The 95% interval of each accuracy, where there is one (mAP50 has none)."""
    if f"{column}_low" in pruned:
        axis.vlines(pruned["ratio"] * 100, pruned[f"{column}_low"], pruned[f"{column}_high"], color=colour, linewidth=1)


def layers(results: Path) -> Figure:
    """Heat map of the accuracy lost by pruning one layer: layers are columns, ratios are rows; a panel per method."""
    scan = gathering.read(results, "sensitivity")
    scan = scan[scan["study"] == "layers"]
    if scan.empty:
        return style.note("This run has no layer scan.")
    scan = scan.assign(drop=scan["base_map50_95"] - scan["map50_95"], percent=scan["ratio"].map(percent))
    methods = list(scan["method"].unique())
    order = list(dict.fromkeys(scan["layer"]))
    ratios = scan.groupby("method")["ratio"].nunique().sum()
    width = max(9.4, 0.19 * len(order) + 3)
    drawn, axes = style.figure(width, 2.2 + 0.45 * ratios, len(methods), 1, sharex=True)
    for axis, method in zip(axes, methods, strict=True):
        grid = scan[scan["method"] == method].pivot_table(index="percent", columns="layer", values="drop")[order]
        sns.heatmap(grid, ax=axis, cmap="cividis_r", vmin=0, cbar_kws={"label": "mAP50-95 lost"}, linewidths=0.4)
        axis.set(title=style.METHOD_NAMES[method], xlabel="", ylabel="ratio (%)")
        axis.set_xticks([i + 0.5 for i in range(len(order))], order, rotation=90, fontsize=7)
    return drawn


def explain(results: Path) -> Figure:
    """The reference's mistakes beside the right way: by ratio without tuning, and at one ratio after tuning."""
    study = gathering.read(results, "sensitivity")
    study = study[study["study"] == "explain"]
    if study.empty:
        return style.note("This run did not repeat the reference's mistakes.")
    tuned = study["tuned"].astype(bool)
    base = study["base_map50_95"].iloc[0]
    drawn, (left, right) = style.figure(9.4, 4.6, 1, 2, sharey=True)
    _untuned(left, study[~tuned])
    _tuned(right, study[tuned])
    for axis in (left, right):
        axis.axhline(
            base, color=style.BLACK, linewidth=1.4, linestyle=(0, (6, 3)), label=f"base ({base:.3f})", zorder=0
        )
        axis.set_ylim(-0.02, 1.06)
    left.legend(loc="upper right")
    return drawn


def _untuned(axis: Axes, rows: pd.DataFrame) -> None:
    colours = (style.BLUE, style.VERMILLION, style.ORANGE)
    for variant, colour, marker in zip(dict.fromkeys(rows["variant"]), colours, "os^", strict=False):
        line = rows[rows["variant"] == variant].sort_values("ratio")
        axis.plot(line["ratio"] * 100, line["map50_95"], color=colour, marker=marker, linewidth=2, label=variant)
    axis.set(title="fine pruning without tuning", xlabel="weights set to zero (%)", ylabel="mAP50-95", xlim=(0, 100))


def _tuned(axis: Axes, rows: pd.DataFrame) -> None:
    """Bars of accuracy after tuning, each with the remaining share of zeros."""
    if rows.empty:
        axis.axis("off")
        return
    bars = range(len(rows))
    axis.bar(bars, rows["map50_95"], color=[style.BLUE, *[style.VERMILLION] * (len(rows) - 1)], width=0.6)
    for bar, row in zip(bars, gathering.rows(rows), strict=True):
        style.above(axis, f"{row['map50_95']:.3f}\n{row['sparsity']:.0%} zero", bar, row["map50_95"], style.BLACK)
    axis.set_xticks(bars, [str(variant).replace(", ", ",\n") for variant in rows["variant"]])
    axis.set(title=f"after tuning at {percent(rows['ratio'].iloc[0])}%")
    axis.grid(axis="x", visible=False)
