"""Records of training and pruning."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pinch.core.record_types.base import Record


@dataclass(frozen=True, kw_only=True)
class BaseCheckRecord(Record):
    """A base model that was opened and pruned on trial before anything was trained.

    Attributes:
        base_model: name of its file.
        parameters: of the network with the run's classes.
        classes: names, in the order of their numbers.
        coarse_ratios, fine_ratios: those that it can be pruned at.
        widths, depths: shares of its width, and of its blocks, that rivals can have.
    """

    kind: ClassVar[str] = "base_check"
    made_by: ClassVar[str] = "check_base_model.py"
    base_model: str
    parameters: int
    classes: list[str]
    coarse_ratios: list[float]
    fine_ratios: list[float]
    widths: list[float] = field(default_factory=list)
    depths: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch of training: accuracy, precision and recall on val, and losses (None: not one of this training's)."""

    epoch: int
    map50: float
    map50_95: float
    precision: float | None = None
    recall: float | None = None
    train_box_loss: float | None = None
    train_cls_loss: float | None = None
    train_dfl_loss: float | None = None
    train_l1_loss: float | None = None
    train_dis_loss: float | None = None
    val_box_loss: float | None = None
    val_cls_loss: float | None = None
    val_dfl_loss: float | None = None
    val_l1_loss: float | None = None
    val_dis_loss: float | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingRecord(Record):
    """A training or fine-tuning.

    Attributes:
        model: the trained model's name.
        base_model: name of the file that it started from.
        epochs_requested, epochs_run: the most, and how many there were.
        best_epoch: the one with the best weights, which were kept, counted from 1.
        seconds: of all epochs.
        imgsz: side of the input in pixels.
        device: "cpu", "gpu" or numbers of GPUs.
        parameters: of the network, zeros included.
        teacher: name of the checkpoint that it was distilled from; None without.
        schedule: "cubic" (weights were zeroed gradually), "3 steps" (channels were removed in so many) or "one-shot".
        curve: one entry for each epoch.
        sparsity: share of zeros among the masked weights; 0 without masks.
        taken_over: whether the training was found finished, and its model taken.
        versions: of the packages that trained it; empty in older records.
        batch: images per step that were asked for; None in older records, as for `batch_used`.
        batch_used: images per step that there were, fewer where the memory of the GPU did not hold those asked for.
        diverged_epoch: the epoch whose losses or weights were not finite, which ended the training before its time;
            None: there was none.
        averaged_epochs: at the end, whose averaged weights were kept instead of those of the best epoch; 0: none.
        averaged_map50_95: of that average on val, whether it was kept or not; None without one.
        activation: of the network, by its name in `pinch.run.activations.ACTIVATIONS`; several names where layers
            differ; None in older records, and where it has none of them.
    """

    kind: ClassVar[str] = "training"
    made_by: ClassVar[str] = "train.py"
    model: str
    base_model: str
    epochs_requested: int
    epochs_run: int
    best_epoch: int
    seconds: float
    imgsz: int
    device: str
    parameters: int
    teacher: str | None = None
    schedule: str = "one-shot"
    curve: list[Epoch]
    sparsity: float = 0.0
    taken_over: bool = False
    versions: dict[str, str] = field(default_factory=dict)
    batch: int | None = None
    batch_used: int | None = None
    diverged_epoch: int | None = None
    averaged_epochs: int = 0
    averaged_map50_95: float | None = None
    activation: str | None = None


@dataclass(frozen=True, kw_only=True)
class NetworkSize:
    """Parameters of a network, those that are not zero, and its MACs."""

    parameters: int
    nonzero_parameters: int
    macs: int


@dataclass(frozen=True, kw_only=True)
class PruningRecord(Record):
    """A pruning.

    Attributes:
        model: the pruned model's name.
        method: "coarse" or "fine".
        ratio: requested, of channels (coarse) or weights (fine).
        settings: see `settings` of `pinch.weights.pruning.kinds`.
        before, after: size of the network.
        tuning: how it was tuned in the same command; None where it was not.
    """

    kind: ClassVar[str] = "pruning"
    made_by: ClassVar[str] = "coarse_prune.py or fine_prune.py"
    model: str
    method: str
    ratio: float
    settings: dict[str, Any]
    before: NetworkSize
    after: NetworkSize
    tuning: TrainingRecord | None = None


@dataclass(frozen=True, kw_only=True)
class LayerWidth:
    """Output channels of a convolution before pruning, and those that are left and not all zero."""

    layer: str
    width: int
    kept: int


@dataclass(frozen=True, kw_only=True)
class CoarseRecord(PruningRecord):
    """A coarse pruning, with what it left of each convolution."""

    made_by: ClassVar[str] = "coarse_prune.py"
    layers: list[LayerWidth]


@dataclass(frozen=True, kw_only=True)
class LayerSparsity:
    """Weights of a convolution, and the share of them that is zero."""

    layer: str
    weights: int
    sparsity: float


@dataclass(frozen=True, kw_only=True)
class FineRecord(PruningRecord):
    """A fine pruning, with the share of zeros among all masked weights and in each convolution."""

    made_by: ClassVar[str] = "fine_prune.py"
    sparsity: float
    layers: list[LayerSparsity]


@dataclass(frozen=True, kw_only=True)
class RivalRecord(PruningRecord):
    """A rival of pruning, before it is tuned: like a pruning, but `method` is one of `pinch.run.identity.RIVALS`.

    Attributes:
        imgsz: side of its images in pixels, for which `after` is; `before` is for the base's.
    """

    made_by: ClassVar[str] = "make_rival.py"
    imgsz: int
