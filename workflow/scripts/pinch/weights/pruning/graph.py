"""Channels of a detector that must be removed together: torch-pruning's dependency graph, divided into units."""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch_pruning as tp
from torch import nn
from ultralytics.nn.modules.head import Detect

from pinch.core.errors import PinchError
from pinch.core.limits import processor_seconds
from pinch.weights.pruning.splitting import AttentionPruner, TwoHalves, WholeAttention, split

_BRANCHES = ("cv2", "cv3", "one2one_cv2", "one2one_cv3")
# The largest detectors of Ultralytics need 3 seconds. Where torch-pruning misreads an operation inside a residual
# branch, it goes round in circles.
_PROCESSOR_SECONDS = 30


@dataclass
class Unit:
    """Groups of channels that must keep the same width.

    A group is a set of layers that are coupled channel by channel. Usually a unit has one group. The two halves of a
    block are two groups of one unit: different channels may be removed from them, but the same number.

    Attributes:
        name: the convolution that produces the channels, as the stock network calls it.
        roots: for each group, the convolution that produces it.
        groups: torch-pruning's groups.
        width: channels of each group.
        divisor: the width must stay a multiple of it (the heads of an attention block, else 1).
    """

    name: str
    roots: list[nn.Conv2d]
    groups: list[Any]
    width: int
    divisor: int


class ChannelGraph:
    """The dependency graph of a detector.

    Attributes:
        network: the network, with the stand-ins of `pinch.weights.pruning.splitting.split`.
        units: the units that can be pruned, in the order of the network.
    """

    def __init__(self, network: Any) -> None:
        """Trace the network.

        Raises:
            PinchError: its channels cannot be removed (see `removable`).
        """
        with removable(network):
            split(network)
            self.network = network
            self._graph = _trace(network)
            self.units = self._units()

    def prune(self, root: nn.Conv2d, channels: list[int]) -> None:
        """Remove output channels of `root` and everything that depends on them."""
        self._graph.get_pruning_group(root, tp.prune_conv_out_channels, channels).prune()

    def members(self, unit: Unit) -> Iterator[tuple[nn.Conv2d, bool, int]]:
        """Each convolution that makes (True) or uses (False) channels of a unit, and the number of these channels."""
        for group in unit.groups:
            for dep, channels in group:
                if isinstance(dep.target.module, nn.Conv2d):
                    yield dep.target.module, self._graph.is_out_channel_pruning_fn(dep.handler), len(channels)

    def _units(self) -> list[Unit]:
        names = {module: name for name, module in self.network.named_modules()}
        halves = {
            half: module
            for module in names
            if isinstance(module, TwoHalves)
            for half in (module.first.conv, module.second.conv)
        }
        groups = list(self._graph.get_all_groups(detection_convolutions(self.network), [nn.Conv2d]))
        units: dict[Any, Unit] = {}
        for group in groups:
            root = group[0].dep.target.module
            producers = [dep.target.module for dep, _ in group if self._graph.is_out_channel_pruning_fn(dep.handler)]
            block = next((halves[module] for module in producers if module in halves), None)
            name = f"{names[block]}.conv" if block else names[root]
            heads = [m.hidden[0].num_heads for m in producers if isinstance(m, WholeAttention)]
            unit = units.setdefault(block or root, Unit(name, [], [], root.out_channels, 1))
            assert unit.width == root.out_channels, unit.name
            unit.roots.append(root)
            unit.groups.append(group)
            unit.divisor = math.lcm(unit.divisor, *heads)
        order = {name: number for number, name in enumerate(names.values())}
        return sorted(units.values(), key=lambda unit: order[unit.name.removesuffix(".conv")])


@contextlib.contextmanager
def removable(network: Any) -> Iterator[None]:
    """Say in one sentence that channels of this architecture cannot be removed, where the block fails or never ends.

    Raises:
        PinchError: it does.
    """
    try:
        with processor_seconds(_PROCESSOR_SECONDS):
            yield
    except PinchError:
        raise
    except Exception as error:  # whatever torch-pruning and torch raise over an operation that they misread
        name = Path(str(network.yaml.get("yaml_file") or "this architecture")).stem
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise PinchError(
            f"channels of {name} cannot be removed, because it has operations that torch-pruning cannot follow "
            f"({reason}): set coarse.ratios to [], or choose another base model"
        ) from error


def detection_convolutions(network: Any) -> list[nn.Conv2d]:
    """The convolutions whose outputs are the detections."""
    head = network.model[-1]
    return [branch[-1] for name in _BRANCHES for branch in getattr(head, name, None) or []]


def _trace(network: Any) -> tp.DependencyGraph:
    weight = next(p for p in network.parameters() if p.ndim == 4)
    stride = int(network.stride.max())
    image = torch.zeros(1, weight.shape[1], 2 * stride, 2 * stride, dtype=weight.dtype, device=weight.device)
    wanted = {p: p.requires_grad for p in network.parameters()}
    with _only_convolutions(network):
        network.requires_grad_(True)
        graph = tp.DependencyGraph().build_dependency(
            network, image, customized_pruners={WholeAttention: AttentionPruner()}, verbose=False
        )
    for parameter, needed in wanted.items():
        parameter.requires_grad_(needed)
    return graph


@contextlib.contextmanager
def _only_convolutions(network: Any) -> Iterator[None]:
    """For tracing, make attention one layer, and end the head with its branches, before boxes are decoded."""
    head: Detect = network.model[-1]
    attention = [m for m in network.modules() if isinstance(m, WholeAttention)]

    def forward(features: list[torch.Tensor]) -> list[torch.Tensor]:
        branches = [getattr(head, name, None) for name in _BRANCHES]
        return [branch[i](x) for branch in branches if branch for i, x in enumerate(features)]

    for module in attention:
        module.tracing = True
    head.forward = forward  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        del head.forward
        for module in attention:
            module.tracing = False
