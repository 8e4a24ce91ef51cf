"""The data set, and the time of the run's jobs."""

from pathlib import Path
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from pinch.core.record_types.data import BOX_COUNTS, QUANTILES
from pinch.core.text import counted
from pinch.report.plots import style
from pinch.tables import gathering
from pinch.tables import stages as stage_table


def classes(results: Path) -> Figure:
    """Boxes per class in each split, boxes per image, and sizes of boxes."""
    data = gathering.read(results, "dataset")
    if data.empty:
        return style.note("This run has no record of its data set.")
    splits = data.drop_duplicates("split").set_index("split")
    colours = dict(zip(splits.index, (style.BLUE, style.ORANGE, style.GREEN), strict=False))
    count = data["class"].nunique()
    drawn = Figure(figsize=(9.4, max(1.6 + 0.38 * count, 4.4)))
    grid = drawn.add_gridspec(3, 2, width_ratios=(2, 1), height_ratios=(2, 3, 3))
    axis = drawn.add_subplot(grid[:, 0])
    sns.barplot(data, y="class", x="boxes", hue="split", palette=colours, saturation=1, ax=axis, legend=False)
    axis.set(title="Boxes per class", xlabel="boxes", ylabel="")
    legend = drawn.add_subplot(grid[0, 1])
    legend.axis("off")
    legend.legend(
        [Patch(color=colours[split]) for split in splits.index],
        [_described(split, row) for split, row in splits.iterrows()],
        loc="upper left",
        borderaxespad=0,
    )
    # Older records do not tell, and a data set without boxes has no sides.
    if splits["images_of_0"].notna().all():
        _boxes_per_image(drawn.add_subplot(grid[1, 1]), splits, colours)
    if splits["side_p50"].notna().all():
        _box_sides(drawn.add_subplot(grid[2, 1]), splits, colours)
    return drawn


def _described(split: Any, row: pd.Series) -> str:
    persons = f", {row['users']:,.0f} persons" if pd.notna(row["users"]) else ""
    return f"{split}: {row['images']:,.0f} images{persons}"


def _boxes_per_image(axis: Axes, splits: pd.DataFrame, colours: dict[str, str]) -> None:
    shares = splits[[f"images_of_{count}" for count in BOX_COUNTS]].astype(float)
    shares = shares.div(splits["images"], axis=0).set_axis(BOX_COUNTS, axis=1)
    long = shares.rename_axis("split").reset_index().melt("split", var_name="boxes", value_name="share")
    sns.barplot(long, x="boxes", y="share", hue="split", palette=colours, saturation=1, ax=axis, legend=False)
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    axis.set(title="Boxes per image", xlabel="", ylabel="share of images")


def _box_sides(axis: Axes, splits: pd.DataFrame, colours: dict[str, str]) -> None:
    """The middle half, the middle nine tenths and the median of the sides of boxes, for each split."""
    for place, (split, row) in enumerate(splits.iterrows()):
        low, lower, middle, upper, high = (row[f"side_p{quantile}"] for quantile in QUANTILES)
        axis.plot([low, high], [place, place], color=colours[str(split)], linewidth=1.5)
        axis.plot([lower, upper], [place, place], color=colours[str(split)], linewidth=8, solid_capstyle="butt")
        axis.plot([middle], [place], "|", color="white", markersize=9, markeredgewidth=2)
    axis.set_yticks(range(len(splits)), list(splits.index))
    axis.set(title="Side of a box", xlabel="share of the image's side", ylim=(len(splits) - 0.5, -0.5))
    axis.set_xlim(left=0)
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.grid(axis="y", visible=False)


def stages(results: Path) -> Figure:
    """Wall time by stage; time in which several jobs ran is divided among them."""
    table = gathering.read(results, "stages")
    rules = table[table["rule"] != stage_table.ALL]
    if rules.empty:
        return style.note("This run has no benchmark files of Snakemake.")
    total = rules["share_seconds"].sum()
    drawn, (axis,) = style.figure(9.4, 1.4 + 0.36 * len(rules))
    axis.barh(rules["rule"].str.replace("_", " "), rules["share_seconds"] / 60, color=style.BLUE)
    for place, row in enumerate(gathering.rows(rules)):
        memory = f", at most {row['peak_rss_mb'] / 1024:.1f} GiB" if pd.notna(row["peak_rss_mb"]) else ""
        jobs = counted(row["jobs"], "job")
        share = row["share_seconds"] / total if total else 0
        style.beside(axis, f"{share:.0%}   {jobs}{memory}", row["share_seconds"] / 60, place)
    axis.invert_yaxis()
    axis.margins(x=0.3)
    axis.grid(axis="y", visible=False)
    axis.set(title=f"Wall time by stage: {total / 60:.1f} minutes", xlabel="minutes (jobs side by side share them)")
    return drawn
