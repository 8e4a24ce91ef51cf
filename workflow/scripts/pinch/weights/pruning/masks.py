"""Masks: which convolution weights a fine-pruned model keeps.

A mask is a boolean tensor of its weight's shape, true for weights that are kept. Checkpoints store masks packed, eight
entries per byte, by the name of the weight in the unwrapped network (`model.0.conv.weight`), so that they fit however
the network is wrapped later.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils import prune

from pinch.core.errors import PinchError

Masks = dict[str, torch.Tensor]
# Largest allowed difference between the sparsity of a tuned model and the requested one.
TOLERANCE = 0.001


def prunable(network: nn.Module) -> dict[str, torch.Tensor]:
    """The weights that pruning may change, by name: those of all convolutions except DFL's.

    The weights of DFL's convolution are the constants 0..15, a decoding table. Zeroing one of them moves every box, and
    tuning cannot repair it, because training uses another table.
    """
    from ultralytics.nn.modules.block import DFL

    tables = {id(m.conv) for m in network.modules() if isinstance(m, DFL)}
    convolutions = ((n, m) for n, m in network.named_modules() if isinstance(m, nn.Conv2d) and id(m) not in tables)
    return {f"{name}.weight": convolution.weight for name, convolution in convolutions}


def layer_masks(weights: Mapping[str, torch.Tensor], ratio: float | Mapping[str, float]) -> Masks:
    """Keep the largest weights of every layer.

    Args:
        weights: by name.
        ratio: the fraction to zero, in every layer or by the name of its weight.

    Raises:
        PinchError: nothing would be left of a layer.
    """
    ratios = ratio if isinstance(ratio, Mapping) else dict.fromkeys(weights, ratio)
    return _none_empty({name: _keep_largest(weight.detach().abs(), ratios[name]) for name, weight in weights.items()})


def global_masks(
    weights: Mapping[str, torch.Tensor], ratio: float, score: Callable[[torch.Tensor], torch.Tensor] = torch.abs
) -> Masks:
    """Keep the weights of the highest scores of all layers together.

    Args:
        weights: by name.
        ratio: the fraction of all of them to zero.
        score: gives the scores of one layer's weights, comparable between layers.

    Raises:
        PinchError: nothing would be left of a layer.
    """
    scores = torch.cat([score(weight.detach()).flatten() for weight in weights.values()])
    kept = _keep_largest(scores, ratio).split([weight.numel() for weight in weights.values()])  # type: ignore[arg-type]
    return _none_empty({name: part.view_as(weights[name]) for name, part in zip(weights, kept, strict=True)})


def lamp(weight: torch.Tensor) -> torch.Tensor:
    """The LAMP scores of a layer's weights, flat: each square divided by the sum of the squares that are not smaller.

    Equation 3 of Lee et al., "Layer-adaptive sparsity for the magnitude-based pruning", ICLR 2021.
    """
    squares, order = weight.flatten().square().sort()
    remaining = squares.flip(0).cumsum(0).flip(0)
    return torch.empty_like(squares).scatter_(0, order, squares / remaining.clamp_min(torch.finfo(squares.dtype).tiny))


def two_of_four_masks(weights: Mapping[str, torch.Tensor]) -> Masks:
    """Keep the two largest of every four consecutive weights along the input channels.

    Sparse tensor cores compute this pattern. Layers whose number of input channels is not a multiple of four (the first
    one, depthwise ones) get no mask.
    """
    masks = {}
    for name, weight in weights.items():
        if weight.shape[1] % 4:
            continue
        fours = weight.detach().abs().movedim(1, -1).unflatten(-1, (-1, 4))
        largest = fours.topk(2, dim=-1).indices
        mask = torch.zeros_like(fours, dtype=torch.bool).scatter_(-1, largest, True)
        masks[name] = mask.flatten(-2).movedim(-1, 1).contiguous()
    return masks


def _keep_largest(scores: torch.Tensor, ratio: float) -> torch.Tensor:
    # Weights may have the layout channels last during training, which torch's pruning cannot read.
    scores = scores.contiguous()
    return prune.L1Unstructured(amount=ratio).compute_mask(scores, torch.ones_like(scores)).bool()


def _none_empty(masks: Masks) -> Masks:
    empty = next((name for name, mask in masks.items() if not mask.any()), None)
    if empty:
        raise PinchError(
            f"the ratio leaves nothing of layer {empty.removesuffix('.weight')} ({masks[empty].numel()} weights): "
            "lower it"
        )
    return masks


@torch.no_grad()
def apply(network: nn.Module, masks: Masks) -> None:
    """Zero, in place, the weights that the masks do not keep."""
    parameters = dict(network.named_parameters())
    for name, mask in masks.items():
        parameters[name].mul_(mask.to(parameters[name].device))


def sparsity(network: nn.Module, masks: Masks) -> float:
    """The fraction of exact zeros in the weights that have a mask."""
    parameters = dict(network.named_parameters())
    zeros = sum(parameters[name].numel() - int(parameters[name].count_nonzero()) for name in masks)
    return zeros / sum(mask.numel() for mask in masks.values())


def require_sparsity(network: nn.Module, masks: Masks, ratio: float, what: str) -> float:
    """Check that masked weights are zero and that the sparsity is the requested one within TOLERANCE; return it.

    Raises:
        PinchError: one of the two is wrong.
    """
    parameters = dict(network.named_parameters())
    broken = [name for name, mask in masks.items() if parameters[name].detach().cpu()[~mask.cpu()].any()]
    measured = sparsity(network, masks)
    if broken or abs(measured - ratio) > TOLERANCE:
        where = f"; masked weights are not zero in {broken[0].removesuffix('.weight')}" if broken else ""
        raise PinchError(f"{what} has {measured:.2%} of its weights at zero, but {ratio:.2%} were requested{where}")
    return measured


def pack(masks: Masks) -> dict[str, torch.Tensor]:
    """Pack masks, eight entries per byte, into uint8 tensors of one dimension."""
    return {name: torch.from_numpy(np.packbits(mask.cpu().numpy().reshape(-1))) for name, mask in masks.items()}


def unpack(packed: Mapping[str, torch.Tensor], network: nn.Module, what: str) -> Masks:
    """The masks of `network` from their packed form.

    Args:
        packed: from a checkpoint's `pinch` entry.
        network: the network with the weights of the masks.
        what: name of the network in the error, e.g. its file.

    Raises:
        PinchError: a weight is missing, or its number of entries is not that of its mask.
    """
    parameters: dict[str, Any] = dict(network.named_parameters())
    masks = {}
    for name, bits in packed.items():
        size = parameters[name].numel() if name in parameters else 0
        if len(bits) != (size + 7) // 8:
            raise PinchError(
                f"{what} does not fit the masks: {name} has {size} weights, but its mask has "
                f"{len(bits) * 8 - 7} to {len(bits) * 8}; give the pruned model that it was tuned from"
            )
        flat = np.unpackbits(bits.numpy(), count=size).astype(bool)
        masks[name] = torch.from_numpy(flat).view(parameters[name].shape)
    return masks
