"""The importance of each channel; the least important ones are removed first."""

from collections.abc import Iterable
from typing import Any

import torch
import torch_pruning as tp
from torch import nn

from pinch.weights.pruning import kinds
from pinch.weights.pruning.graph import ChannelGraph

Scores = dict[str, list[torch.Tensor]]
"""By the name of a unit: for each of its groups (width,) scores."""


def rank(graph: ChannelGraph, ranking: kinds.Ranking, batches: Iterable[dict[str, Any]] | None = None) -> Scores:
    """Score the channels of every group.

    Args:
        graph: the graph of a detector.
        ranking: how importance is measured.
        batches: training batches, for rankings that need data.
    """
    match ranking:
        case kinds.FilterNorm(norm):
            return _score(graph, tp.importance.MagnitudeImportance(p=norm, group_reduction="first", normalizer=None))
        case kinds.GroupNorm(norm):
            return _score(graph, tp.importance.GroupMagnitudeImportance(p=norm))
        case kinds.BatchNormScale():
            return _score(graph, tp.importance.BNScaleImportance())
        case kinds.Taylor():
            assert batches is not None
            return _taylor(graph, batches)


def comparable(scores: Scores, ranking: kinds.Ranking) -> Scores:
    """Scores that can be compared between layers: changes of the loss, or others divided by their group's mean."""
    if isinstance(ranking, kinds.Taylor):
        return scores
    return {name: [group / group.mean().clamp_min(1e-12) for group in groups] for name, groups in scores.items()}


def _score(graph: ChannelGraph, importance: tp.importance.Importance) -> Scores:
    return {unit.name: [importance(group).cpu() for group in unit.groups] for unit in graph.units}


def _taylor(graph: ChannelGraph, batches: Iterable[dict[str, Any]]) -> Scores:
    """The mean over batches of |sum of gradient times weight| of each channel."""
    importance = tp.importance.GroupTaylorImportance(multivariable=True, normalizer=None)
    scores: Scores = {}
    for gradients in _backward(graph.network, batches):
        assert gradients
        for name, groups in _score(graph, importance).items():
            before = scores.get(name, [torch.zeros_like(group) for group in groups])
            scores[name] = [a + b for a, b in zip(before, groups, strict=True)]
    graph.network.zero_grad(set_to_none=True)
    return scores


def _backward(network: Any, batches: Iterable[dict[str, Any]]) -> Iterable[bool]:
    """Compute the gradients of each batch's loss in the parameters; batch-norm statistics do not change."""
    from ultralytics.cfg import get_cfg

    arguments, needed = getattr(network, "args", {}), {p: p.requires_grad for p in network.parameters()}
    network.args = get_cfg()  # weights of the parts of the loss
    network.requires_grad_(True).train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    for batch in batches:
        network.zero_grad(set_to_none=True)
        network.loss(batch)[0].sum().backward()
        yield True
    network.args, network.criterion = arguments, None
    network.eval()
    for parameter, wanted in needed.items():
        parameter.requires_grad_(wanted)
