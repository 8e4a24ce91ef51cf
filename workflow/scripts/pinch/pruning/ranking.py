"""How much each channel matters: what is least important goes first."""

from collections.abc import Iterable
from typing import Any

import torch
import torch_pruning as tp
from torch import nn

from pinch.pruning.graph import Graph

RANKINGS = ("ln", "group_norm", "taylor", "bn_scale")
# Those whose scores mean the same in every layer: a change of the loss.
COMPARABLE = ("taylor",)
Scores = dict[str, list[torch.Tensor]]
"""For each unit's name and each of its groups: (width,) scores."""


def rank(graph: Graph, ranking: str, norm: int = 2, batches: Iterable[dict[str, Any]] | None = None) -> Scores:
    """Score the channels of every group.

    Args:
        graph: a detector with stand-ins.
        ranking: "ln": norm of the filter that produces the channel. "group_norm": mean of the norms of all that is
            coupled with the channel, filters that produce it and weights that use it (DepGraph, Fang et al., CVPR
            2023). "taylor": the first-order change of the loss when the channel goes (Molchanov et al., CVPR 2019).
            "bn_scale": batch-norm scales (Network Slimming, Liu et al., ICCV 2017).
        norm: 1 or 2, for "ln" and "group_norm".
        batches: training batches, for "taylor" only.
    """
    if ranking == "taylor":
        assert batches is not None
        return _taylor(graph, batches)
    importance = {
        "ln": tp.importance.MagnitudeImportance(p=norm, group_reduction="first", normalizer=None),
        "group_norm": tp.importance.GroupMagnitudeImportance(p=norm),
        "bn_scale": tp.importance.BNScaleImportance(),
    }[ranking]
    return _score(graph, importance)


def comparable(scores: Scores, ranking: str) -> Scores:
    """Scores that can be compared between layers: as they are, or relative to the mean of their group."""
    if ranking in COMPARABLE:
        return scores
    return {name: [group / group.mean().clamp_min(1e-12) for group in groups] for name, groups in scores.items()}


def _score(graph: Graph, importance: tp.importance.Importance) -> Scores:
    return {unit.name: [importance(group).cpu() for group in unit.groups] for unit in graph.units}


def _taylor(graph: Graph, batches: Iterable[dict[str, Any]]) -> Scores:
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
    """Leave the gradients of each batch's loss in the parameters; batch norm keeps its statistics."""
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
