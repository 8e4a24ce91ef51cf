"""Draw all plots of a run from its tables."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from pinch.report import contents
from pinch.report.plots import accuracy, data, degradation, files, pareto, sensitivity, speed, style
from pinch.tables import gathering

# By the stem of the plot's file: a function that takes the folder of a run and returns a figure.
_DRAW: dict[str, Callable[[Path], Figure]] = {
    "classes": data.classes,
    "coarse_prune_evaluation": sensitivity.coarse,
    "fine_prune_evaluation": sensitivity.fine,
    "layer_sensitivity": sensitivity.layers,
    "explain": sensitivity.explain,
    "training": accuracy.training,
    "artifact_accuracy": accuracy.artifacts,
    "latency": speed.latency,
    "memory": speed.memory,
    "frames": speed.frames,
    "stages": data.stages,
    "files": files.files,
    "pareto": pareto.pareto,
    "class_losses": degradation.class_losses,
    "size_losses": degradation.size_losses,
    "confusion": degradation.confusion,
}


def draw(results: Path) -> list[Path]:
    """Draw every plot of the report. A plot without data becomes a note that says so.

    Raises:
        PinchError: a table is missing.
    """
    wanted = [*contents.PLOTS, *optional(results)]
    with style.applied():
        return [style.save(_DRAW[Path(path).stem](results), results / path) for path in wanted]


def optional(results: Path) -> list[str]:
    """The optional plots that the run has data for."""
    studies = set(gathering.read(results, "sensitivity")["study"].dropna())
    return [plot for study, plot in contents.STUDY_PLOTS.items() if study in studies]
