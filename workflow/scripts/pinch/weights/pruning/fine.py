"""Fine (unstructured) pruning: single weights are zeroed by magnitude, and masks keep them zero.

Shapes and inference time stay the same; only the size of a compressed file decreases.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pinch.core.errors import PinchError
from pinch.core.record_types.weights import FineRecord, LayerSparsity
from pinch.weights import checkpoints
from pinch.weights.checkpoints import Checkpoint
from pinch.weights.pruning import files, kinds
from pinch.weights.pruning import masks as mask_tools


def prune(checkpoint: Checkpoint, pruning: kinds.FinePruning) -> dict[str, Any]:
    """Zero weights of `checkpoint.model` in place and return the `pinch` entry with their masks.

    Raises:
        PinchError: it is pruned already, or the ratio leaves nothing of a layer.
    """
    checkpoints.require_unpruned(checkpoint)
    masks = choose(mask_tools.prunable(checkpoint.model), pruning)
    mask_tools.apply(checkpoint.model, masks)
    measured = mask_tools.require_sparsity(checkpoint.model, masks, pruning.ratio, str(checkpoint.path))
    meta = files.entry(checkpoint, "fine", pruning.ratio, pruning.settings())
    return meta | {"sparsity": measured, "masks": mask_tools.pack(masks)}


def choose(weights: Mapping[str, torch.Tensor], pruning: kinds.FinePruning) -> mask_tools.Masks:
    """The masks of weights by name.

    Raises:
        PinchError: the ratio leaves nothing of a layer.
    """
    match pruning:
        case kinds.LayerMagnitude(ratio):
            return mask_tools.layer_masks(weights, ratio)
        case kinds.GlobalMagnitude(ratio):
            return mask_tools.global_masks(weights, ratio)
        case kinds.Lamp(ratio):
            return mask_tools.global_masks(weights, ratio, mask_tools.lamp)
        case kinds.TwoOfFour():
            return mask_tools.two_of_four_masks(weights)


def layers(checkpoint: Checkpoint) -> list[LayerSparsity]:
    """The sparsity of each convolution."""
    rows = mask_tools.prunable(checkpoint.model).items()
    return [
        LayerSparsity(
            layer=name.removesuffix(".weight"),
            weights=weight.numel(),
            sparsity=1 - int(weight.count_nonzero()) / weight.numel(),
        )
        for name, weight in rows
    ]


def prune_file(base: Path, output: Path, pruning: kinds.FinePruning) -> FineRecord:
    """Prune the checkpoint `base`, write it to `output`, and return the record."""
    meta, checkpoint, told = files.prune(base, output, lambda checkpoint: prune(checkpoint, pruning))
    return FineRecord(**told, sparsity=meta["sparsity"], layers=layers(checkpoint))


def reapply(pruned: Path, tuned: Path, output: Path) -> float:
    """Zero the weights of a tuned model that are zero in its pruned original; return the measured sparsity.

    This is for models that were tuned without masks.

    Raises:
        PinchError: the pruned model has no masks, or the shapes of the tuned model do not match them.
    """
    original, model = checkpoints.load(pruned), checkpoints.load(tuned)
    if not original.meta.get("masks"):
        raise PinchError(f"{pruned} has no masks: give a model that fine_prune.py wrote")
    _require_same_shapes(original, model)
    masks = mask_tools.unpack(original.meta["masks"], model.model, str(tuned))
    mask_tools.apply(model.model, masks)
    measured = mask_tools.require_sparsity(model.model, masks, original.meta["sparsity"], str(tuned))
    checkpoints.save(output, model.model, {**original.meta, "tuned": True}, model)
    return measured


def _require_same_shapes(original: Checkpoint, model: Checkpoint) -> None:
    shapes = {name: tuple(p.shape) for name, p in model.model.named_parameters()}
    for name in original.meta["masks"]:
        wanted = tuple(original.model.get_parameter(name).shape)
        if shapes.get(name) != wanted:
            raise PinchError(
                f"{model.path} does not match the masks of {original.path}: {name} has the shape {shapes.get(name)}, "
                f"its mask {wanted}; give a model that was tuned from {original.path.name}"
            )
