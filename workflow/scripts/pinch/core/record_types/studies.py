"""Records of studies."""

from dataclasses import dataclass
from typing import ClassVar

from pinch.core.record_types.base import Record
from pinch.core.record_types.weights import TrainingRecord


@dataclass(frozen=True, kw_only=True)
class LayerLoss:
    """The accuracy of a network of which one layer alone is pruned, and that of the whole network."""

    layer: str
    method: str
    ratio: float
    map50_95: float
    base_map50_95: float


@dataclass(frozen=True, kw_only=True)
class StudyRecord(Record):
    """A study of a network in jobs, or one of its parts.

    Attributes:
        model: name of the model that was pruned.
        model_sha256: of its file; None in older records.
        split, images: that were looked at, and how many images.
        base_map50_95: of the whole network; of a study that was gathered, as its first part measured it.
    """

    kind: ClassVar[str] = "sensitivity"
    model: str
    model_sha256: str | None = None
    split: str
    images: int
    base_map50_95: float


@dataclass(frozen=True, kw_only=True)
class LayerScanRecord(StudyRecord):
    """A layer scan, or a part of one: at some of its ratios.

    Attributes:
        method: "coarse" or "fine".
        layers: one entry for each layer and ratio.
    """

    made_by: ClassVar[str] = "scan_layers.py"
    method: str
    layers: list[LayerLoss]


@dataclass(frozen=True, kw_only=True)
class VariantAccuracy:
    """The accuracy of a network, pruned in one of the study's variants.

    Attributes:
        variant: its title, see `pinch.run.studies`.
        ratio: of the weights of each layer that were to be zeroed.
        tuned: whether it was tuned after pruning.
        map50_95: of the network.
        sparsity: share of zeros among all weights that pruning may change.
        tuning: how it was tuned; None where it was not, and in older records.
    """

    variant: str
    ratio: float
    tuned: bool
    map50_95: float
    sparsity: float
    tuning: TrainingRecord | None = None


@dataclass(frozen=True, kw_only=True)
class ExplainRecord(StudyRecord):
    """The study of two mistakes, or a part of it: some of its variants.

    Attributes:
        rows: one entry for each variant and ratio.
    """

    made_by: ClassVar[str] = "explain_pruning.py"
    rows: list[VariantAccuracy]
