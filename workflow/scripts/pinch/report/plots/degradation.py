"""What the chosen files lose of the unpruned model: by class, by size of box, and which classes are confused."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from pinch.report.plots import style
from pinch.tables import compared, gathering

NOTHING = "Nothing was compared in this run."
UNTOLD = "Test shows too few images or persons to tell any loss from chance."
_HEADINGS = {"ap": "mAP50-95", "map50_95": "mAP50-95", "recall": "recall", "precision": "precision"}
# Classes up to which a matrix has large cells.
_FEW = 15


def class_losses(results: Path) -> Figure:
    """What each class loses in the first chosen files: a row of panels for each file, a panel for each figure."""
    return _losses(gathering.read(results, "classes"), "class", compared.OF_CLASSES)


def size_losses(results: Path) -> Figure:
    """The same by size of box."""
    table = gathering.read(results, "sizes_of_boxes")
    ends = table.drop_duplicates("size").set_index("size")
    names = {size: _described(str(size), row["side_from"], row["side_to"]) for size, row in ends.iterrows()}
    return _losses(table.assign(size=table["size"].map(names)), "size", compared.OF_SIZES)


def _described(size: str, low: float, high: float) -> str:
    if low == 0:
        return f"{size}: up to {high:.1%}"
    return f"{size}: {low:.1%} {'and more' if pd.isna(high) else f'to {high:.1%}'}"


def _losses(table: pd.DataFrame, key: str, figures: Sequence[str]) -> Figure:
    table = table.dropna(subset=["reference"])
    files = list(table["file"].unique())[: style.SHOWN]
    if not files:
        return style.note(NOTHING)
    if table[[f"{figure}_loss" for figure in figures]].isna().all(axis=None):
        return style.note(UNTOLD)
    count = table[key].nunique()
    height = len(files) * (1.3 + 0.24 * count)
    drawn, axes = style.figure(3.2 * len(figures) + 2, height, len(files), len(figures), sharex="col", sharey="row")
    for number, file in enumerate(files):
        rows = table[table["file"] == file]
        if key == "class":
            rows = rows.sort_values(f"{figures[0]}_loss", ascending=False, na_position="last")
        for axis, figure in zip(axes[number * len(figures) :], figures, strict=False):
            _panel(axis, rows, figure)
            axis.set_xlabel(f"loss of {_HEADINGS[figure]}")
        first = axes[number * len(figures)]
        first.set_yticks(range(len(rows)), list(rows[key]))
        first.set_ylim(len(rows) - 0.5, -0.5)
        first.set_title(f"{file}, compared with {rows['reference'].iloc[0]}")
    return drawn


def _panel(axis: Axes, rows: pd.DataFrame, figure: str) -> None:
    """Dots with their intervals, and at the right edge the figure of the file itself."""
    axis.axvline(0, color=style.BLACK, linewidth=0.8)
    for place, row in enumerate(gathering.rows(rows)):
        value, low, high = (row[f"{figure}_loss{end}"] for end in ("", "_low", "_high"))
        if pd.notna(row[figure]):
            _at_the_edge(axis, f"{row[figure]:.2f}", place)
        if pd.isna(value):
            continue
        colour = style.VERMILLION if low > 0 else style.BLUE if high < 0 else style.GREY
        filled = "full" if colour != style.GREY else "none"
        axis.plot([low, high], [place, place], color=colour, linewidth=1.4)
        axis.plot([value], [place], "o", color=colour, fillstyle=filled, markersize=5)
    axis.grid(axis="y", visible=False)


def _at_the_edge(axis: Axes, text: str, y: float) -> None:
    where: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 8}
    axis.annotate(text, (1.01, y), color="#5B6470", annotation_clip=False, **where)


def confusion(results: Path) -> Figure:
    """Confusion matrices of the unpruned model and of the first chosen files, beside each other."""
    table, classes = gathering.read(results, "confusion"), gathering.read(results, "classes")
    files = list(classes["file"].unique())[: 1 + style.SHOWN]
    if len(files) < 2:
        return style.note(NOTHING)
    names = list(classes.loc[classes["file"] == files[0], "class"])
    matrices = [_matrix(table[table["file"] == file], names) for file in files]
    side = max(4.2, 1.6 + (0.3 if len(names) <= _FEW else 0.2) * len(names))
    columns = min(2, len(files))
    lines = -(-len(files) // columns)
    drawn, axes = style.figure(columns * side + 0.8, lines * (side + 0.3), lines, columns)
    # Few boxes are to be seen beside many.
    scale = PowerNorm(0.5, 0, max(1, *(int(_mistakes(matrix).max()) for matrix in matrices)))
    for axis, file, matrix in zip(axes, files, matrices, strict=False):
        shown = axis.imshow(np.ma.masked_equal(_mistakes(matrix), 0), cmap="Oranges", norm=scale)
        axis.imshow(np.ma.masked_equal(_diagonal(matrix), 0), cmap="Blues", vmin=0, vmax=8)
        _label(axis, matrix, names, scale)
        axis.set_title(file)
    for axis in axes[len(files) :]:
        axis.axis("off")
    drawn.colorbar(shown, ax=axes, label="boxes, where the classes differ", shrink=0.4, aspect=30)
    return drawn


def _matrix(rows: pd.DataFrame, names: list[str]) -> np.ndarray:
    """(c + 1, c + 1) boxes by class of the truth and detected class; last what is not there."""
    places = {name: number for number, name in enumerate(names)}
    matrix = np.zeros((len(names) + 1, len(names) + 1), int)
    for row in gathering.rows(rows):
        matrix[places.get(row["class"], len(names)), places.get(row["detected"], len(names))] = row["boxes"]
    return matrix


def _diagonal(matrix: np.ndarray) -> np.ndarray:
    """1 where classes are the same, without the last place, which is of no class."""
    return np.diag([1.0] * (len(matrix) - 1) + [0.0])


def _mistakes(matrix: np.ndarray) -> np.ndarray:
    """The boxes whose classes differ: the others would outshine them."""
    return np.where(_diagonal(matrix) > 0, 0, matrix)


def _label(axis: Axes, matrix: np.ndarray, names: list[str], scale: PowerNorm) -> None:
    size = 8 if len(names) <= _FEW else 6
    for row, column in np.argwhere(matrix):
        value = matrix[row, column]
        light = row != column and float(scale(value)) > 0.6
        colour = "white" if light else style.BLUE if row == column else style.BLACK
        axis.text(column, row, f"{value}", ha="center", va="center", fontsize=size, color=colour)
    axis.set_xticks(range(len(matrix)), [*names, "nothing"], rotation=90, fontsize=size + 1)
    axis.set_yticks(range(len(matrix)), [*names, "nothing"], fontsize=size + 1)
    axis.set(xlabel="detected", ylabel="truth")
    axis.grid(visible=False)
