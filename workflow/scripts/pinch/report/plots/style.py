"""The style of all plots: sizes, names, and Okabe and Ito's colours, which colour-blind readers can distinguish."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pinch.core.files import atomic
from pinch.run.formats import FORMATS, PRECISIONS

# Okabe and Ito, "Color Universal Design", 2008.
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILLION = "#222222", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00"
PALETTE = {"black": BLACK, "orange": ORANGE, "sky": SKY, "green": GREEN, "blue": BLUE, "vermillion": VERMILLION}
GREY = "#8A8F98"
METHOD_COLOURS = {"none": BLACK, "coarse": BLUE, "fine": VERMILLION, "size": GREEN, "width": ORANGE, "depth": SKY}
METHOD_NAMES = {"none": "base", "coarse": "coarse pruning", "fine": "fine pruning"}
METHOD_NAMES |= {"size": "smaller pictures", "width": "narrower network", "depth": "fewer blocks"}
RIVAL_MARKS: dict[str, Any] = {"size": "x", "width": 1, "depth": 3}
"""What marks rivals of pruning besides their colour: a cross, a tick to the right, and one downwards."""
_PRECISION_COLOURS = {name: PALETTE[precision.colour] for name, precision in PRECISIONS.items()}
DPI = 130
SHOWN = 3
"""Chosen files that pictures compare with the unpruned model: those that are chosen most often."""


@contextlib.contextmanager
def applied() -> Iterator[None]:
    """Use the project's style within the block."""
    with mpl.rc_context(), sns.axes_style("whitegrid"), sns.plotting_context("notebook", font_scale=0.85):
        mpl.rcParams.update(
            {
                "text.parse_math": False,  # a name may have dollar signs
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.titleweight": "bold",
                "axes.titlelocation": "left",
                "grid.color": "#E4E7EB",
                "axes.edgecolor": GREY,
                "legend.frameon": False,
                "figure.constrained_layout.use": True,
            }
        )
        yield


def figure(
    width: float, height: float, rows: int = 1, columns: int = 1, **options: object
) -> tuple[Figure, list[Axes]]:
    """A figure (inches) without pyplot's global state, and its axes in reading order."""
    drawn = Figure(figsize=(width, height))
    axes = drawn.subplots(rows, columns, squeeze=False, **options)  # type: ignore[call-overload]
    return drawn, list(axes.flat)


def note(text: str) -> Figure:
    """A plot that says why there is nothing to see."""
    drawn, (axis,) = figure(8, 2)
    axis.axis("off")
    axis.text(0.5, 0.5, text, ha="center", va="center", fontsize=13, color=GREY)
    return drawn


def precision_colour(precision: str) -> str:
    """The colour of a precision, the same in all plots."""
    return _PRECISION_COLOURS.get(precision, GREY)


def model_labels(table: pd.DataFrame, models: list[str]) -> list[str]:
    """The labels of `models`, in their order, from a table."""
    labels = dict(zip(table["model"], table["label"], strict=True))
    return [labels[model] for model in models]


def save(drawn: Figure, path: Path) -> Path:
    """Write a figure as PNG, completely or not at all."""
    with atomic(path) as temporary:
        drawn.savefig(temporary, dpi=DPI, facecolor="white")
    return path


def beside(axis: Axes, text: str, x: float, y: float) -> None:
    """Write a small grey text to the right of a bar's end."""
    axis.annotate(text, (x, y), (4, 0), textcoords="offset points", va="center", fontsize=8.5, color="#5B6470")


def above(axis: Axes, text: str, x: float, y: float, colour: str) -> None:
    """Write a value above its point, readable over lines."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    axis.annotate(text, (x, y), (0, 7), textcoords="offset points", ha="center", color=colour, bbox=box)


def numbered(axis: Axes, text: str, x: float, y: float, lift: float) -> None:
    """Write a number to the upper left of its point, `lift` points higher than usual."""
    offset = (-5, 5 + lift)
    axis.annotate(text, (x, y), offset, textcoords="offset points", ha="right", fontweight="bold", fontsize=9)


def marker(kind: str, precision: str, colour: str) -> Line2D:
    """The marker of an artifact, for legends."""
    return Line2D([], [], linestyle="", label=f"{precision} {kind}", **look(kind, precision, colour))


def look(kind: str, precision: str, colour: str) -> dict[str, Any]:
    """The properties of an artifact's marker: one shape per precision, one filling per format, in all plots."""
    shape = PRECISIONS[precision].marker if precision in PRECISIONS else "D"
    filling = FORMATS[kind].filling if kind in FORMATS else "full"
    return {"marker": shape, "fillstyle": filling, "color": colour, "markersize": 6}
