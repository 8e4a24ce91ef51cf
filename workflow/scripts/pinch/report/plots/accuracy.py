"""Accuracy of models while they are trained, and of each exported file."""

from pathlib import Path

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from pinch.report.plots import style
from pinch.run import comparing
from pinch.tables import gathering

CHECKPOINTS = "PyTorch\ncheckpoint"
"""The column of checkpoints in the picture of artifacts."""


def training(results: Path) -> Figure:
    """mAP50-95 on val by epoch: a panel per model, its best epoch ringed, and the base's best as a dashed line."""
    curves = gathering.read(results, "training").dropna(subset=["map50_95"])
    if curves.empty:
        return style.note("Nothing was trained in this run.")
    models = list(dict.fromkeys(curves["model"]))
    columns = min(4, max(2, len(models)))
    rows = -(-len(models) // columns)
    drawn, axes = style.figure(2.4 * columns, 0.5 + 1.9 * rows, rows, columns, sharey=True)
    whole = curves[(curves["method"] == "none") & ~curves["tuned"].astype(bool)]["map50_95"].max()
    for axis, model in zip(axes, models, strict=False):
        points = curves[curves["model"] == model].sort_values("epoch")
        colour = style.METHOD_COLOURS[points["method"].iloc[0]]
        axis.axhline(whole, color=style.GREY, linewidth=1, linestyle=(0, (6, 3)))
        axis.plot(points["epoch"], points["map50_95"], color=colour, marker=".", linewidth=1.6)
        best = points[points["epoch"] == points["best_epoch"]]
        axis.plot(best["epoch"], best["map50_95"], "o", color=colour, markersize=8, fillstyle="none")
        axis.set_title(points["label"].iloc[0], fontsize=9)
        axis.set_ylim(0, 1)
        axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4, integer=True, min_n_ticks=1))
    for axis in axes[len(models) :]:
        axis.axis("off")
    drawn.supxlabel("epoch", fontsize=9)
    drawn.supylabel("mAP50-95 on val", fontsize=9)
    return drawn


def artifacts(results: Path) -> Figure:
    """Heat map of mAP50-95 on test, measured on each exported file: models are rows, artifacts are columns.

    Colours are shares of the unpruned model's accuracy, so a lossy export differs in colour from its neighbours. A file
    that failed its check is marked. Below each accuracy is half the width of its interval.
    """
    table = gathering.read(results, "artifacts").dropna(subset=["map50_95"])
    models = gathering.read(results, "models")
    if table.empty:
        return style.note("No artifact was evaluated in this run.")
    table = table.assign(artifact=table["format"] + "\n" + table["precision"])
    rows, columns = list(dict.fromkeys(table["model"])), list(dict.fromkeys(table["artifact"]))
    values = table.pivot_table(index="model", columns="artifact", values="map50_95").loc[rows, columns]
    checkpoints = models.set_index("model")["map50_95"].reindex(rows)
    if checkpoints.notna().any():
        values.insert(0, CHECKPOINTS, checkpoints)
    unpruned = comparing.unpruned(gathering.rows(models))
    scale = (comparing.comparable(unpruned["map50_95"]) if unpruned else None) or values.max().max()
    failed = set(table.loc[table["failed"].notna(), ["model", "artifact"]].itertuples(index=False, name=None))
    marks = [["\nfailed" if (row, column) in failed else "" for column in values.columns] for row in values.index]
    margins = _margins(table, models).reindex(index=values.index, columns=values.columns)
    texts = values.map("{:.3f}".format) + margins.map(lambda value: "" if pd.isna(value) else f"\n±{value:.3f}")
    texts += pd.DataFrame(marks, values.index, values.columns)
    height = 0.42 + 0.2 * margins.notna().any(axis=None)
    drawn, (axis,) = style.figure(2.6 + 1.05 * values.shape[1], 1.6 + height * len(rows))
    shares = values / scale if scale else values
    passed = shares.mask(pd.DataFrame(marks, values.index, values.columns) != "")
    colours = {
        "cmap": "cividis",
        "vmin": _floor(passed),
        "vmax": 1,
        "cbar_kws": {"label": "share of the unpruned model"},
    }
    sns.heatmap(shares, ax=axis, annot=texts, fmt="", linewidths=1.5, **colours)
    axis.set_yticks([i + 0.5 for i in range(len(rows))], style.model_labels(table, rows), rotation=0)
    axis.set(title="mAP50-95 on test, measured on the file itself", xlabel="", ylabel="")
    return drawn


def _margins(artifacts: pd.DataFrame, models: pd.DataFrame) -> pd.DataFrame:
    """Half the width of each accuracy's interval, as `artifacts` places accuracies; NaN where it is not known."""
    shown = pd.concat([models.assign(artifact=CHECKPOINTS), artifacts])
    shown = shown.assign(margin=(shown["map50_95_high"] - shown["map50_95_low"]).astype(float) / 2)
    return shown.pivot_table(index="model", columns="artifact", values="margin", dropna=False)


def _floor(shares: pd.DataFrame) -> float:
    """The lower end of the colour scale: just below the lowest share, so that small differences are visible."""
    lowest = shares.min().min()
    return max(0.0, lowest - 0.05) if pd.notna(lowest) else 0.0
