"""The layer scan: the accuracy lost by pruning one layer alone, without tuning."""

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pinch.core.errors import PinchError
from pinch.core.record_types.studies import LayerLoss, LayerScanRecord
from pinch.studies.validation import Conditions, Validation
from pinch.weights import checkpoints
from pinch.weights.checkpoints import Checkpoint
from pinch.weights.pruning import coarse, kinds, ranking
from pinch.weights.pruning import masks as mask_tools
from pinch.weights.pruning.graph import ChannelGraph
from pinch.weights.pruning.splitting import join


def scan(model: Path, data: Path, method: str, ratios: Sequence[float], conditions: Conditions) -> LayerScanRecord:
    """Prune each layer alone at each ratio and measure mAP50-95 on val.

    For "coarse" a layer is a unit of the dependency graph (channels that must keep one width), ranked by norm; for
    "fine" it is a convolution, ranked by magnitude.

    Args:
        model: checkpoint of a trained detector.
        data: data.yaml.
        method: "coarse" or "fine".
        ratios: of channels or weights.
        conditions: of measuring.

    Returns:
        A record with one row for each layer and ratio.

    Raises:
        PinchError: the model is pruned already, its accuracy is 0, so that no loss can be measured, or as `Validation`
            says.
    """
    checkpoint = checkpoints.load(model)
    checkpoints.require_unpruned(checkpoint)
    validation = Validation(data, "val", checkpoint, conditions)
    base = validation.map50_95(checkpoint.model)
    if not base > 0:
        raise PinchError(
            f"{model} detects nothing in the val split of {data}, so a layer scan cannot measure a loss: train it first"
        )
    pruned = {"coarse": _pruned_units, "fine": _pruned_convolutions}[method]
    rows = []
    for layer, ratio, network in pruned(checkpoint, ratios):
        left = validation.map50_95(network)
        rows.append(LayerLoss(layer=layer, method=method, ratio=ratio, map50_95=left, base_map50_95=base))
        print(f"{layer} {ratio:.0%}: mAP50-95 {left:.3f} of {base:.3f}", flush=True)
    return LayerScanRecord(
        model=model.stem,
        model_sha256=checkpoint.sha256,
        method=method,
        split="val",
        images=validation.images,
        base_map50_95=base,
        layers=rows,
    )


def _pruned_units(checkpoint: Checkpoint, ratios: Sequence[float]) -> Iterator[tuple[str, float, Any]]:
    """Networks with channels of one unit removed."""
    whole = ChannelGraph(copy.deepcopy(checkpoint.model))
    scores = ranking.rank(whole, kinds.GroupNorm())
    for unit in whole.units:
        for ratio in ratios:
            graph = ChannelGraph(copy.deepcopy(checkpoint.model))
            kept = max(round(unit.width * (1 - ratio) / unit.divisor), 1) * unit.divisor
            coarse.narrow(graph, {unit.name: kept}, scores)
            join(graph.network)
            yield unit.name, ratio, graph.network


def _pruned_convolutions(checkpoint: Checkpoint, ratios: Sequence[float]) -> Iterator[tuple[str, float, Any]]:
    """Networks with weights of one convolution zeroed."""
    for name in mask_tools.prunable(checkpoint.model):
        for ratio in ratios:
            network = copy.deepcopy(checkpoint.model)
            weights = {name: mask_tools.prunable(network)[name]}
            mask_tools.apply(network, mask_tools.layer_masks(weights, ratio))
            yield name.removesuffix(".weight"), ratio, network
