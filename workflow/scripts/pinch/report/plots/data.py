"""The data set, and the time of the run's jobs."""

from pathlib import Path

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from pinch.report.plots import style
from pinch.tables import gathering
from pinch.tables import stages as stage_table


def classes(results: Path) -> Figure:
    """Boxes per class in each split."""
    data = gathering.read(results, "dataset")
    if data.empty:
        return style.note("This run has no record of its data set.")
    names = {}
    for split, rows in data.groupby("split", sort=False):
        users = rows["users"].iloc[0]
        people = f", {users:.0f} users" if pd.notna(users) else ""
        names[split] = f"{split}: {rows['images'].iloc[0]:.0f} images{people}"
    count = data["class"].nunique()
    drawn, (axis,) = style.figure(9, 1.6 + 0.38 * count)
    colours = dict(zip(names.values(), (style.BLUE, style.ORANGE, style.GREEN), strict=False))
    sns.barplot(
        data.assign(split=data["split"].map(names)), y="class", x="boxes", hue="split", palette=colours, ax=axis
    )
    axis.set(title="Boxes per class", xlabel="boxes", ylabel="")
    axis.legend(title="", loc="upper left", bbox_to_anchor=(1, 1))
    return drawn


def stages(results: Path) -> Figure:
    """Wall time by stage; time in which several jobs ran is divided among them."""
    table = gathering.read(results, "stages")
    rules = table[table["rule"] != stage_table.ALL]
    if rules.empty:
        return style.note("This run has no benchmark files of Snakemake.")
    total = rules["share_seconds"].sum()
    drawn, (axis,) = style.figure(10, 1.4 + 0.36 * len(rules))
    axis.barh(rules["rule"].str.replace("_", " "), rules["share_seconds"] / 60, color=style.BLUE)
    for place, row in enumerate(gathering.rows(rules)):
        memory = f", at most {row['peak_rss_mb'] / 1024:.1f} GiB" if pd.notna(row["peak_rss_mb"]) else ""
        jobs = f"{row['jobs']} job{'s' if row['jobs'] != 1 else ''}"
        share = row["share_seconds"] / total if total else 0
        style.beside(axis, f"{share:.0%}   {jobs}{memory}", row["share_seconds"] / 60, place)
    axis.invert_yaxis()
    axis.margins(x=0.3)
    axis.grid(axis="y", visible=False)
    axis.set(title=f"Wall time by stage: {total / 60:.1f} minutes", xlabel="minutes (jobs side by side share them)")
    return drawn
