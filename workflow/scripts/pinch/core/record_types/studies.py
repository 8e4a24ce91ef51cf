"""Records of studies."""

from dataclasses import dataclass
from typing import ClassVar

from pinch.core.record_types.base import Record


@dataclass(frozen=True, kw_only=True)
class LayerLoss:
    """The accuracy of a network of which one layer alone is pruned, and that of the whole network."""

    layer: str
    method: str
    ratio: float
    map50_95: float
    base_map50_95: float


@dataclass(frozen=True, kw_only=True)
class LayerScanRecord(Record):
    """A layer scan: model, method, split and images that it looked at, the unpruned accuracy, and each layer's."""

    kind: ClassVar[str] = "sensitivity"
    made_by: ClassVar[str] = "scan_layers.py"
    model: str
    method: str
    split: str
    images: int
    base_map50_95: float
    layers: list[LayerLoss]


@dataclass(frozen=True, kw_only=True)
class VariantAccuracy:
    """The accuracy and the share of zeros among all weights of a network, pruned in one of the study's variants."""

    variant: str
    ratio: float
    tuned: bool
    map50_95: float
    sparsity: float


@dataclass(frozen=True, kw_only=True)
class ExplainRecord(Record):
    """The study of two mistakes: model, split and images looked at, the unpruned accuracy, and each variant's."""

    kind: ClassVar[str] = "sensitivity"
    made_by: ClassVar[str] = "explain_pruning.py"
    model: str
    split: str
    images: int
    base_map50_95: float
    rows: list[VariantAccuracy]
