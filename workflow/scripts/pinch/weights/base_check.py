"""Whether a base model can be what a run wants of it: found out in seconds, before anything is trained."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pinch.core.record_types.weights import BaseCheckRecord
from pinch.weights import checkpoints, rivals
from pinch.weights.checkpoints import Checkpoint
from pinch.weights.pruning import coarse, fine, kinds
from pinch.weights.pruning import masks as mask_tools
from pinch.weights.sources import require_classes, require_teacher
from pinch.weights.training.start import open_file


def check(
    base: str | Path,
    classes: list[str],
    coarse_prunings: Sequence[kinds.CoarsePruning] = (),
    fine_prunings: Sequence[kinds.FinePruning] = (),
    trained: bool = False,
    teachers: Sequence[Path] = (),
    widths: Sequence[float] = (),
    depths: Sequence[float] = (),
) -> BaseCheckRecord:
    """Open a base model and prune it on trial.

    Args:
        base: a checkpoint, or a .yaml of Ultralytics.
        classes: names, in order, that the model is going to detect, or detects already.
        coarse_prunings: those wanted.
        fine_prunings: those wanted.
        trained: whether it is used as it is; otherwise it is trained first, which replaces a head of other classes.
        teachers: checkpoints from which pruned models learn.
        widths: shares of its width that rivals have.
        depths: shares of its residual blocks that rivals keep.

    Raises:
        PinchError: it cannot be read, is no detector, is pruned already, cannot be pruned or made a rival as wanted
            or, if it is trained, does not detect these classes; or pruned models cannot learn from a teacher.
    """
    checkpoint = open_file(base, len(classes))
    if trained:
        require_classes(checkpoint, classes, "the data set")
    if coarse_prunings or fine_prunings or widths or depths or not trained:
        checkpoints.require_unpruned(checkpoint)
    network = _as_trained(checkpoint, len(classes))
    for teacher in teachers:
        require_teacher(teacher, network, classes, "the data set")
    if coarse_prunings:
        coarse.try_out(network, max(coarse_prunings, key=lambda pruning: pruning.ratio))
    for pruning in fine_prunings:
        # Only the weights of a trained model tell which of them a ranking of all layers takes.
        fine.choose(mask_tools.prunable(network), pruning if trained else _in_each_layer(pruning))
    for width in widths:
        rivals.narrower(network, width)
    for depth in depths:
        rivals.require_blocks(network, depth)
    return BaseCheckRecord(
        base_model=Path(base).name,
        parameters=checkpoints.count_parameters(network),
        classes=classes,
        coarse_ratios=[pruning.ratio for pruning in coarse_prunings],
        fine_ratios=[pruning.ratio for pruning in fine_prunings],
        widths=list(widths),
        depths=list(depths),
    )


def _as_trained(checkpoint: Checkpoint, classes: int) -> Any:
    """The network as its training makes it: Ultralytics builds another one for another number of classes."""
    from ultralytics.nn.tasks import DetectionModel

    if checkpoint.model.model[-1].nc == classes:
        return checkpoint.model
    return DetectionModel(copy.deepcopy(checkpoint.model.yaml), nc=classes, verbose=False).eval()


def _in_each_layer(pruning: kinds.FinePruning) -> kinds.FinePruning:
    return pruning if isinstance(pruning, kinds.TwoOfFour) else kinds.LayerMagnitude(pruning.ratio)
