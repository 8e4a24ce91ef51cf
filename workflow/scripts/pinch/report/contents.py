"""The contents of the report: one entry per plot, table and page, in the order in which it is read.

Rules declare their outputs from these lists and commands write them, so both have the same. Paths are relative to the
folder of a run (`results/<name>`). Snakemake imports this module when it parses the workflow, so it must be fast.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pinch

TEMPLATES = Path(pinch.__file__).parents[2] / "report"
"""Templates of captions, and the style and the script of pages."""
# Tables that gather.py writes. The first three are results for users; plots and captions need the others.
TABLES = tuple(
    f"tables/{name}.csv"
    for name in (
        *("models", "artifacts", "inference", "dataset", "training", "sensitivity", "stages", "provenance", "missing"),
        *("seeds", "models_over_seeds"),
    )
)
SELECTION = "tables/selection.csv"
OUTPUT_TYPES = "tables/output_types.csv"
SAMPLES = "plots/samples.png"
CHOSEN = "tables/chosen.html"
OVER_SEEDS = "tables/models_over_seeds.html"
PARETO = "plots/pareto.png"
# Tables that compare_chosen.py writes, and the sheet of pictures.
DEGRADATION = tuple(f"tables/{name}.csv" for name in ("classes", "sizes_of_boxes", "confusion", "agreement"))
FAILURES = "plots/failures.png"
# From the end: what to ship, then what that rests on. The keys are the stems of pages and of captions.
SECTIONS = {
    "choice": "1 Choice",
    "speed": "2 Speed, accuracy and size",
    "sensitivity": "3 Sensitivity",
    "degradation": "4 Degradation",
    "resources": "5 Resources",
    "time": "6 Where the time goes",
    "data": "7 Data",
    "measuring": "8 How it was measured",
}


@dataclass(frozen=True)
class Item:
    """One plot or table of the report.

    Attributes:
        path: the file, relative to the folder of the run; the caption has the same stem.
        section: a key of SECTIONS.
        title: its title in the report.
        optional: whether only some runs have it (a study, samples of the data set, chosen models on all of test).
    """

    path: str
    section: str
    title: str
    optional: bool = False

    @property
    def caption(self) -> str:
        """The rendered caption, relative to the folder of the run."""
        return f"captions/{Path(self.path).stem}.rst"


ITEMS = (
    Item(PARETO, "choice", "Time against accuracy, and the choices"),
    Item("tables/selection.html", "choice", "Which model to choose, and why"),
    Item("tables/output_types.html", "choice", "How the output type was selected"),
    Item(CHOSEN, "choice", "The chosen models on all of test", optional=True),
    Item("plots/files.png", "speed", "Time, accuracy and size of each file"),
    Item("tables/files.html", "speed", "Table of files"),
    Item("plots/coarse_prune_evaluation.png", "sensitivity", "Coarse pruning: ratio against accuracy"),
    Item("plots/fine_prune_evaluation.png", "sensitivity", "Fine pruning: ratio against accuracy"),
    Item("tables/models.html", "sensitivity", "Table of models"),
    Item(OVER_SEEDS, "sensitivity", "How far models depend on the seed", optional=True),
    Item("plots/training.png", "sensitivity", "Training and fine-tuning curves"),
    Item("plots/layer_sensitivity.png", "sensitivity", "Which layers bear pruning", optional=True),
    Item("plots/explain.png", "sensitivity", "Why the reference collapsed", optional=True),
    Item("plots/class_losses.png", "degradation", "What each class loses"),
    Item("plots/size_losses.png", "degradation", "What boxes of each size lose"),
    Item("plots/confusion.png", "degradation", "Which classes are confused"),
    Item(FAILURES, "degradation", "Pictures in which the choice fails", optional=True),
    Item("tables/agreement.html", "degradation", "Agreement with the unpruned model"),
    Item("plots/artifact_accuracy.png", "degradation", "What each file keeps"),
    Item("tables/artifacts.html", "degradation", "Table of accuracies"),
    Item("plots/latency.png", "resources", "Time per frame"),
    Item("tables/inference.html", "resources", "Table of times"),
    Item("plots/memory.png", "resources", "Peak memory"),
    Item("tables/memory.html", "resources", "Table of memory and energy"),
    Item("plots/frames.png", "time", "Where the time of a frame goes"),
    Item("plots/stages.png", "time", "Where the run's own time went"),
    Item("tables/stages.html", "time", "Table of stages"),
    Item(SAMPLES, "data", "Samples with their boxes", optional=True),
    Item("plots/classes.png", "data", "Boxes per class and split"),
    Item("tables/provenance.html", "measuring", "Machines, seeds and versions"),
)
# The plot of each optional study, by the name of its record.
STUDY_PLOTS = {"layers": "plots/layer_sensitivity.png", "explain": "plots/explain.png"}
PLOTS = tuple(item.path for item in ITEMS if item.path.startswith("plots/") and not item.optional)
HTML_TABLES = tuple(item.path for item in ITEMS if item.path.endswith(".html") and not item.optional)
PAGES = tuple(f"pages/{section}.html" for section in SECTIONS)
FRONT = "captions/workflow.rst"
# The same page for readers without Snakemake's report, beside the other pages.
INDEX = "pages/index.html"


def captions(optional: tuple[str, ...] = ()) -> list[str]:
    """The captions of a run whose report has these `optional` items and all others."""
    wanted = [item.caption for item in ITEMS if not item.optional or item.path in optional]
    # A plot and the table of the same name share a caption.
    return list(dict.fromkeys([FRONT, *[f"captions/{section}.rst" for section in SECTIONS], *wanted]))


def report_arguments(run: str | Path, path: str) -> dict[str, Any]:
    """The arguments of Snakemake's `report()` for a file of the report.

    Args:
        run: folder of the run, `results/<name>`.
        path: the file, relative to it; one of ITEMS, PAGES, or a table as .csv.

    Returns:
        `caption` (absolute, because Snakemake would look for it beside the rule file; it is read only when the report
        is made), `category`, and `labels`. The labels begin with numbers because the report sorts them as text.
    """
    section, position, title, caption = _place(path)
    return {
        "caption": str((Path(run) / caption).resolve()),
        "category": SECTIONS[section],
        "labels": {"result": f"{list(SECTIONS).index(section) + 1}.{position} {title}"},
    }


def _place(path: str) -> tuple[str, int, str, str]:
    """Section, position in it, title and caption of a file of the report."""
    if path in PAGES:
        section = Path(path).stem
        return section, 0, "This section on one page", f"captions/{section}.rst"
    stem, suffix = Path(path).stem, Path(path).suffix
    for item in ITEMS:
        if path == item.path or (suffix == ".csv" and item.path == f"tables/{stem}.html"):
            position = [i for i in ITEMS if i.section == item.section].index(item) + 1
            return item.section, position, item.title + (" (CSV)" if suffix == ".csv" else ""), item.caption
    raise KeyError(path)
