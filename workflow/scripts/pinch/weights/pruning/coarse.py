"""Coarse (structured) pruning: whole channels are removed, which makes the network smaller and faster, or zeroed."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pinch.core.errors import PinchError
from pinch.core.record_types.weights import CoarseRecord, LayerWidth
from pinch.data.dataset import Dataset
from pinch.run.image_counts import GRADIENT_IMAGES, STATISTICS_IMAGES
from pinch.weights import checkpoints
from pinch.weights.checkpoints import Checkpoint
from pinch.weights.pruning import activations, files, images, kinds, ranking, spread
from pinch.weights.pruning import masks as mask_tools
from pinch.weights.pruning.graph import ChannelGraph, detection_convolutions, removable
from pinch.weights.pruning.splitting import join


def prune(checkpoint: Checkpoint, pruning: kinds.CoarsePruning, dataset: Dataset | None = None) -> dict[str, Any]:
    """Prune `checkpoint.model` in place and return the `pinch` entry. Removal also recalibrates batch norms.

    Args:
        checkpoint: an unpruned detector.
        pruning: how to prune.
        dataset: its training images are used; without it batch-norm statistics are not changed.

    Raises:
        PinchError: it is pruned already, nothing would be left of a layer, or ranking or spread lack data.
    """
    checkpoints.require_unpruned(checkpoint)
    meta = files.entry(checkpoint, "coarse", pruning.ratio, pruning.settings())
    match pruning:
        case kinds.ChannelRemoval():
            _remove(checkpoint, pruning, dataset)
            return meta
        case kinds.ChannelMasking():
            return meta | _mask(checkpoint.model, pruning)


def try_out(network: Any, pruning: kinds.CoarsePruning) -> None:
    """Prune a copy of a network as far as its architecture matters: without data, at the same ratio in every layer.

    Raises:
        PinchError: the network cannot be pruned like this.
    """
    network = copy.deepcopy(network)
    match pruning:
        case kinds.ChannelRemoval():
            graph = ChannelGraph(network)
            spread.require_channels(graph.units, pruning.ratio)
            widths = spread.uniform(graph.units, pruning.ratio, pruning.round_to)
            _shrink(graph, widths, ranking.rank(graph, kinds.FilterNorm()))
        case kinds.ChannelMasking():
            _mask(network, pruning)


def _remove(checkpoint: Checkpoint, pruning: kinds.ChannelRemoval, dataset: Dataset | None) -> None:
    def widths(graph: ChannelGraph, scores: ranking.Scores) -> dict[str, int]:
        spread.require_channels(graph.units, pruning.ratio)
        return spread.widths(graph, pruning, scores)

    remove(checkpoint.model, pruning, widths, dataset, checkpoint.imgsz)


def remove(
    network: Any,
    pruning: kinds.ChannelRemoval,
    widths: Callable[[ChannelGraph, ranking.Scores], dict[str, int]],
    dataset: Dataset | None,
    imgsz: int,
) -> None:
    """Remove channels of a network, in place, and recalibrate its batch norms.

    Args:
        network: a detector, in eval mode, on the CPU.
        pruning: how channels are ranked, and what else is done to them.
        widths: the width that each unit keeps, by the name of the unit, from the graph and the scores of its channels.
        dataset: its training images are used; without it batch-norm statistics are not changed.
        imgsz: side of these images in pixels.

    Raises:
        PinchError: nothing would be left of a layer, or ranking or spread lack data.
    """
    batches = _batches(pruning, dataset, imgsz)
    graph = ChannelGraph(network)
    scores = ranking.rank(graph, pruning.ranking, batches)
    _shrink(graph, widths(graph, scores), scores)
    activations.replace(network, pruning.activation)
    if dataset is None:
        print("no data set given: batch-norm statistics are not recalibrated after pruning", flush=True)
    else:
        recalibrate(network, dataset, imgsz, seed=pruning.seed)


def _batches(pruning: kinds.ChannelRemoval, dataset: Dataset | None, imgsz: int) -> Iterator[dict[str, Any]] | None:
    """The training batches that the ranking needs."""
    if not pruning.ranking.needs_data:
        return None
    if dataset is None:
        raise PinchError(f"the ranking {pruning.ranking.name} needs training data: give a data set with --dataset")
    return images.batches(dataset, imgsz, GRADIENT_IMAGES, seed=pruning.seed)


def _shrink(graph: ChannelGraph, widths: dict[str, int], scores: ranking.Scores) -> None:
    """Narrow a network, restore its stock classes, and check its widths and that it still computes."""
    with removable(graph.network):
        narrow(graph, widths, scores)
        for unit in graph.units:
            for found in (root.out_channels for root in unit.roots):
                if found != widths[unit.name]:
                    raise ValueError(f"{unit.name} is left with {found} channels instead of {widths[unit.name]}")
        join(graph.network)
        checkpoints.describe(graph.network, 2 * int(graph.network.stride.max()))


def narrow(graph: ChannelGraph, widths: dict[str, int], scores: ranking.Scores) -> None:
    """Remove the least important channels of each unit that `widths` names, down to that width."""
    for unit in graph.units:
        for root, importance in zip(unit.roots, scores[unit.name], strict=True):
            unimportant = importance.argsort()[: unit.width - widths.get(unit.name, unit.width)].tolist()
            if unimportant:
                graph.prune(root, sorted(unimportant))


def _mask(network: nn.Module, pruning: kinds.ChannelMasking) -> dict[str, Any]:
    """Zero filters by their norm in every convolution except DFL's and those whose outputs are the detections."""
    final = {id(convolution.weight) for convolution in detection_convolutions(network)}
    masks = {}
    for name, weight in mask_tools.prunable(network).items():
        if id(weight) not in final:
            structured = nn.utils.prune.LnStructured(pruning.ratio, n=pruning.norm, dim=0)
            masks[name] = structured.compute_mask(weight.detach(), torch.ones_like(weight)).bool()
            if not masks[name].any():
                raise PinchError(f"the ratio leaves nothing of layer {name.removesuffix('.weight')}: lower it")
    mask_tools.apply(network, masks)
    return {"sparsity": mask_tools.sparsity(network, masks), "masks": mask_tools.pack(masks)}


@torch.no_grad()
def recalibrate(
    network: nn.Module, dataset: Dataset, imgsz: int, count: int = STATISTICS_IMAGES, seed: int = 0
) -> None:
    """Measure batch-norm statistics again, because the removed channels no longer contribute to the activations.

    They become plain means over `count` training images of `imgsz` pixels.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    for batch in images.batches(dataset, imgsz, count, seed=seed):
        network(batch["img"])
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()


def prune_file(base: Path, output: Path, pruning: kinds.CoarsePruning, dataset: Dataset | None = None) -> CoarseRecord:
    """Prune the checkpoint `base`, write it to `output`, and return the record."""
    wide: dict[str, int] = {}

    def change(checkpoint: Checkpoint) -> dict[str, Any]:
        wide.update(_widths(checkpoint.model))
        return prune(checkpoint, pruning, dataset)

    _, checkpoint, told = files.prune(base, output, change)
    kept = _widths(checkpoint.model).items()
    return CoarseRecord(**told, layers=[LayerWidth(layer=name, width=wide[name], kept=width) for name, width in kept])


def _widths(network: nn.Module) -> dict[str, int]:
    """Output channels of each convolution that are not all zero."""
    convolutions = ((name, m.weight) for name, m in network.named_modules() if isinstance(m, nn.Conv2d))
    return {name: int(weight.detach().flatten(1).any(dim=1).sum()) for name, weight in convolutions}
