"""Iterative coarse pruning: channels are removed in steps, and the network is tuned between them.

Where and how many channels are removed in all is what a pruning in one step has decided. Which ones they are is ranked
again in each step, on the weights that are tuned by then (Molchanov et al., CVPR 2019, section 3.2).
"""

import copy
from typing import Any

from pinch.core.errors import PinchError
from pinch.data.dataset import Dataset
from pinch.weights.checkpoints import Checkpoint
from pinch.weights.pruning import coarse, kinds, spread
from pinch.weights.pruning.graph import ChannelGraph, Unit


class StepwiseRemoval:
    """The steps from a whole network to the widths of a pruned one.

    Attributes:
        widths: for each step, the width that each unit keeps, by its name; the last ones are the pruned network's.
    """

    def __init__(self, whole: Checkpoint, pruned: Checkpoint, steps: int, dataset: Dataset, imgsz: int) -> None:
        """Plan the steps. Every step removes about the same share of the channels that are left before it.

        Args:
            whole: the network before pruning; it is not changed.
            pruned: the same network after coarse pruning in one step, by `remove`.
            steps: number of steps.
            dataset: its training images rank channels and recalibrate batch norms.
            imgsz: side of these images in pixels.

        Raises:
            PinchError: the two are not the same network.
        """
        self._pruning = _pruning(pruned)
        self._dataset, self._imgsz = dataset, imgsz
        last = unit_widths(pruned.model)
        units = ChannelGraph(copy.deepcopy(whole.model)).units
        if {unit.name for unit in units} != last.keys() or any(unit.width < last[unit.name] for unit in units):
            raise PinchError(f"{pruned.path} was not made from {whole.path}: give the model that it was pruned from")
        self.widths = [
            {unit.name: self._width(unit, last[unit.name], number / steps) for unit in units}
            for number in range(1, steps + 1)
        ]

    def _width(self, unit: Unit, last: int, progress: float) -> int:
        between = unit.width * (last / unit.width) ** progress
        return last if progress == 1 else max(last, spread.rounded(unit, between, self._pruning.round_to))

    def shrink(self, network: Any, step: int) -> None:
        """Take a step (counted from 1) with a network after earlier steps, in place.

        Args:
            network: in eval mode, float32, on the CPU.
            step: its number; steps before it that were not taken are part of it.
        """
        coarse.remove(network, self._pruning, lambda *_: self.widths[step - 1], self._dataset, self._imgsz)


def _pruning(pruned: Checkpoint) -> kinds.ChannelRemoval:
    """How channels were ranked and removed. The spread, which may need a scan, is left out: widths are known."""
    settings = pruned.meta["settings"]
    options = {name: settings.get(name) for name in ("ranking", "norm", "round_to", "activation")}
    pruning = kinds.coarse_pruning(pruned.meta["ratio"], seed=settings["seed"], **options)
    assert isinstance(pruning, kinds.ChannelRemoval)
    return pruning


def unit_widths(network: Any) -> dict[str, int]:
    """The width of each unit of a detector, which is not changed, by its name."""
    return {unit.name: unit.width for unit in ChannelGraph(copy.deepcopy(network)).units}
