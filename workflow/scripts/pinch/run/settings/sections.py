"""The sections of a configuration, made from the declarations, in the chapters of config/README.md."""

from dataclasses import dataclass
from typing import Any

from pinch.run.settings import choosing, data, exporting, measuring, pruning, rivals, training


@dataclass(frozen=True)
class Section:
    """A section of the configuration.

    Attributes:
        parts: the declarations whose options are its keys.
        key: the key of the section; empty for options that are keys of the configuration itself. A section within
            another one has the keys of both, with a dot between them, and stands after it.
        help: one sentence without its full stop.
        nullable: whether the section may be null, which is then the default.
        usual: if it is a list of sections, the default, as values of its one part; empty if it is a single section.
        instead: what to write where the value is of another type, as in earlier versions.
    """

    parts: tuple[type, ...]
    key: str = ""
    help: str = ""
    nullable: bool = False
    usual: tuple[Any, ...] = ()
    instead: str = ""


CHAPTERS: dict[str, tuple[Section, ...]] = {
    "General": (Section((data.General,)),),
    "Data": (
        Section((data.Source,)),
        Section(
            (data.Hagrid,),
            "hagrid",
            "HaGRID on this machine (v1, v2 or v2-1M); ignored if `dataset` or `synthetic` is given",
        ),
        Section(
            (data.Fetch,),
            "hagrid.fetch",
            "download HaGRID to `data/hagrid` before it is converted, on the node that runs Snakemake",
            nullable=True,
        ),
        Section(
            (data.Synthetic,),
            "synthetic",
            "render hands in HaGRID's layout instead of reading a data set",
            nullable=True,
        ),
        Section((data.Video,)),
    ),
    "Training": (
        Section((training.Start,)),
        Section(
            (training.ImageSize, training.Batches, training.Training, training.BaseActivation),
            "train",
            "training of the base model",
        ),
    ),
    "Pruning": (
        Section((pruning.EqualTerms,)),
        Section(
            (pruning.Ratios, pruning.CoarsePruning, training.CoarseTuning),
            "coarse",
            "structured pruning: whole channels are removed",
        ),
        Section(
            (pruning.Ratios, pruning.FinePruning, training.FineTuning),
            "fine",
            "unstructured pruning: single weights are zeroed",
        ),
        Section(
            (rivals.Rivals,),
            "rivals",
            "models that compete with pruned ones, and are tuned for as many epochs; by default none",
        ),
        Section((pruning.LayerScan, pruning.Explain), "sensitivity", "studies of what pruning costs"),
    ),
    "Export": (Section((exporting.Artifacts, exporting.Export), "export", "artifacts"),),
    "Measuring and choosing": (
        Section((measuring.Evaluation,), "evaluate", "accuracy of models and artifacts"),
        Section((measuring.Places, measuring.Timing), "measure", "timing of artifacts"),
        Section(
            (choosing.Want,),
            "select",
            "what is wanted of a model: a list; for each want, the best file is chosen at every place that it asks for",
            usual=choosing.USUAL,
            instead="write a list of wants, such as [{name: fast, prefer: fastest, kept: 0.95}]; kept is what keep was",
        ),
    ),
}
