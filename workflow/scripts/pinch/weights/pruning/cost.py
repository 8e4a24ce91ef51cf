"""The cost of channels: multiply-accumulates of the convolutions that make and use them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from pinch.weights.pruning.graph import ChannelGraph, Unit


@dataclass(frozen=True)
class Convolution:
    """One convolution at full width.

    Attributes:
        macs: multiply-accumulates, in the same unit for all convolutions.
        makes: the unit whose channels it makes; None if they cannot be pruned.
        uses: the share of its input channels that comes from each unit; the others cannot be pruned.
    """

    macs: float
    makes: str | None
    uses: Mapping[str, float]


class Costs:
    """Multiply-accumulates of a network as a function of the widths of its units.

    Matrix products of attention are not counted: they are a few percent, on the smallest feature map, and decrease with
    the same widths.
    """

    def __init__(self, units: list[Unit], convolutions: list[Convolution]) -> None:
        self._widths = {unit.name: unit.width for unit in units}
        self._convolutions = convolutions
        self.per_channel = {unit.name: self._slope(unit.name) / max(len(unit.groups), 1) for unit in units}
        """Multiply-accumulates of one channel of each unit's groups at full width of all others."""

    def macs(self, widths: Mapping[str, int]) -> float:
        """Multiply-accumulates left at these widths, as a fraction of all."""
        left = {name: widths[name] / width for name, width in self._widths.items()}
        return sum(self._left(each, left) for each in self._convolutions) / sum(
            each.macs for each in self._convolutions
        )

    @staticmethod
    def _left(each: Convolution, left: Mapping[str, float]) -> float:
        made = left[each.makes] if each.makes else 1.0
        used = 1.0 - sum(share * (1.0 - left[name]) for name, share in each.uses.items())
        return each.macs * made * used

    def _slope(self, name: str) -> float:
        shares = (each.macs * ((each.makes == name) + each.uses.get(name, 0.0)) for each in self._convolutions)
        return sum(shares) / self._widths[name]


def channel_costs(graph: ChannelGraph) -> Costs:
    """The costs of a detector's units, for a small image: all layers scale equally with the size of the image."""
    macs = _measure(graph.network)
    makes: dict[nn.Conv2d, str] = {}
    uses: dict[nn.Conv2d, dict[str, float]] = {module: {} for module in macs}
    for unit in graph.units:
        for module, makes_it, channels in graph.members(unit):
            if module not in macs:
                continue
            if makes_it:
                makes[module] = unit.name
            else:
                before = uses[module].get(unit.name, 0.0)
                uses[module][unit.name] = before + channels / module.in_channels
    return Costs(graph.units, [Convolution(macs[module], makes.get(module), uses[module]) for module in macs])


@torch.no_grad()
def _measure(network: Any) -> dict[nn.Conv2d, float]:
    """Multiply-accumulates of each convolution that is used in a forward pass."""
    macs: dict[nn.Conv2d, float] = {}

    def count(module: nn.Conv2d, _: Any, output: torch.Tensor) -> None:
        macs[module] = float(module.weight[0].numel() * output[0].numel())

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d)]
    weight = next(p for p in network.parameters() if p.ndim == 4)
    side = 2 * int(network.stride.max())
    training = network.training
    network.eval()(torch.zeros(1, weight.shape[1], side, side, dtype=weight.dtype, device=weight.device))
    network.train(training)
    for hook in hooks:
        hook.remove()
    return macs
