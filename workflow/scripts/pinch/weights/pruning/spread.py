"""How a ratio of channels is spread over the layers: the width that each unit keeps."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.studies import LayerScanRecord
from pinch.weights.pruning import kinds
from pinch.weights.pruning.cost import Costs, channel_costs
from pinch.weights.pruning.graph import ChannelGraph, Unit
from pinch.weights.pruning.ranking import Scores, comparable

# The least that a non-uniform spread leaves of a layer, as a share of what the uniform one would. Scores of a network
# as it is say little of what a layer can be trained to. Between 0.4 and 0.8 it matters little (docs/method.md).
FLOOR = 0.6
# Nor does it leave less than these channels where the uniform one leaves more: all that a network knows of a scale
# passes through single layers, and eight channels are few for that (docs/method.md).
NARROWEST = 16
# The most that it takes from one.
CEILING = 0.95
# Prices of a channel and of its multiply-accumulates, relative to the mean score.
_LOWEST_PRICE, _HIGHEST_PRICE = 1e-4, 1e4
Curve = dict[float, float]
"""Accuracy lost (fraction of the base's mAP50-95) by ratio, for one layer."""


def widths(graph: ChannelGraph, pruning: kinds.ChannelRemoval, scores: Scores) -> dict[str, int]:
    """The width that each unit keeps.

    Raises:
        PinchError: no widths keep to the limit of multiply-accumulates, or the layer scan cannot be used.
    """
    match pruning.spread:
        case kinds.Uniform():
            return uniform(graph.units, pruning.ratio, pruning.round_to)
        case kinds.Global(macs_limit):
            between_layers = comparable(scores, pruning.ranking)
            return globally(
                graph.units, pruning.ratio, pruning.round_to, between_layers, channel_costs(graph), macs_limit
            )
        case kinds.Sensitivity(scan):
            return by_sensitivity(graph.units, pruning.ratio, pruning.round_to, read_curves(scan))


def uniform(units: list[Unit], ratio: float, round_to: int) -> dict[str, int]:
    """The same ratio in every layer, rounded to a multiple of `round_to` channels."""
    return {unit.name: _rounded(unit, unit.width * (1 - ratio), round_to) for unit in units}


def globally(
    units: list[Unit], ratio: float, round_to: int, scores: Scores, costs: Costs, macs_limit: float
) -> dict[str, int]:
    """Rank the channels of all layers together: lose the least score for a number of channels and of MACs.

    By the method of Lagrange multipliers, a channel stays if its score is worth a price for being a channel and a price
    for its multiply-accumulates. The first is found for each value of the second, which is the lowest that serves.

    Args:
        units: the layers.
        ratio: of channels to remove.
        round_to: widths are multiples of it.
        scores: of all channels, comparable between layers.
        costs: of all channels.
        macs_limit: most multiply-accumulates that may be left, relative to `usual_macs`.

    Raises:
        PinchError: that many channels cannot be left with so few multiply-accumulates.
    """
    groups = {name: [np.sort(group.numpy()) for group in found] for name, found in scores.items()}
    score = float(np.mean([group.mean() for found in groups.values() for group in found]))
    cost = sum(costs.per_channel.values()) / len(units)
    limit = macs_limit * usual_macs(units, ratio, round_to, costs)

    def widths_at(price: float) -> dict[str, int]:
        def kept(unit: Unit, pressure: float) -> float:
            threshold = score * (pressure + price * costs.per_channel[unit.name] / cost)
            return float(np.mean([len(group) - np.searchsorted(group, threshold) for group in groups[unit.name]]))

        # Where multiply-accumulates are dear, being a channel may be worth something: the price is below zero.
        return _balanced(units, ratio, round_to, kept, lowest=-_HIGHEST_PRICE, highest=_HIGHEST_PRICE)

    free = widths_at(0.0)
    if costs.macs(free) <= limit:
        return free
    exponents = math.log(_LOWEST_PRICE), math.log(_HIGHEST_PRICE)
    price = _bisect(lambda exponent: costs.macs(widths_at(math.exp(exponent))) <= limit, *exponents, 20)
    found = widths_at(math.exp(price))
    if costs.macs(found) > limit:
        raise PinchError(
            f"removing {ratio:.0%} of the channels globally leaves {costs.macs(found):.1%} of the multiply-accumulates "
            f"at least, more than the {limit:.1%} that a macs_limit of {macs_limit:g} allows: raise macs_limit"
        )
    return found


def usual_macs(units: list[Unit], ratio: float, round_to: int, costs: Costs) -> float:
    """The share of multiply-accumulates that suits a ratio: what `uniform` leaves, or half of the share of channels.

    The first falls with the square of the channels left. Beyond half of them the second is more: a network pays for the
    last multiply-accumulates with much accuracy.
    """
    return max(costs.macs(uniform(units, ratio, round_to)), (1 - ratio) / 2)


def by_sensitivity(units: list[Unit], ratio: float, round_to: int, curves: Mapping[str, Curve]) -> dict[str, int]:
    """Take from every layer as much as costs the same accuracy, by a layer scan.

    Raises:
        PinchError: the scan lacks a layer.
    """
    missing = [unit.name for unit in units if unit.name not in curves]
    if missing:
        raise PinchError(f"the layer scan lacks {missing[0]}: it is of another model, scan this one")

    def kept(unit: Unit, loss: float) -> float:
        return unit.width * (1 - _ratio_at(curves[unit.name], loss))

    return _balanced(units, ratio, round_to, kept, lowest=0.0, highest=1.0)


def read_curves(record: Path) -> dict[str, Curve]:
    """The losses of a layer scan, by layer and ratio.

    Raises:
        PinchError: the file is no record of a layer scan, or the base of the scan found nothing.
    """
    if not record.is_file():
        raise PinchError(f"{record} does not exist: run scan_layers.py")
    curves: dict[str, Curve] = {}
    try:
        for row in records.read(record, LayerScanRecord).value.layers:
            if row.method == "coarse":
                curves.setdefault(row.layer, {})[row.ratio] = 1 - row.map50_95 / row.base_map50_95
    except (PinchError, ZeroDivisionError) as error:
        raise PinchError(
            f"{record} is not the record of a layer scan with an accuracy above zero: run scan_layers.py"
        ) from error
    return curves


def require_channels(units: list[Unit], ratio: float) -> None:
    """Refuse a ratio that leaves, to the nearest channel, none of a layer (rounding would hide it).

    Raises:
        PinchError: it does.
    """
    narrowest = min(units, key=lambda unit: unit.width)
    if narrowest.width * (1 - ratio) < 0.5:
        raise PinchError(
            f"pruning {ratio:.0%} of the channels leaves layer {narrowest.name} ({narrowest.width} channels) empty: "
            "lower it"
        )


def _balanced(
    units: list[Unit],
    ratio: float,
    round_to: int,
    kept: Callable[[Unit, float], float],
    lowest: float,
    highest: float,
) -> dict[str, int]:
    """Find the pressure at which all layers together keep the wanted share of channels, by bisection.

    Args:
        units: the layers.
        ratio: of channels to remove.
        round_to: widths are multiples of it.
        kept: the channels a unit keeps at a pressure between `lowest` and `highest`, falling.
        lowest: pressure at which almost all channels are kept.
        highest: pressure at which almost none is kept.
    """
    least = {unit.name: _least(unit, ratio) for unit in units}

    def widths_at(pressure: float) -> dict[str, int]:
        return {unit.name: _rounded(unit, max(kept(unit, pressure), least[unit.name]), round_to) for unit in units}

    wanted = sum(unit.width for unit in units) * (1 - ratio)
    return widths_at(_bisect(lambda pressure: sum(widths_at(pressure).values()) <= wanted, lowest, highest, 50))


def _bisect(enough: Callable[[float], bool], low: float, high: float, steps: int) -> float:
    """The lowest value that is enough, from above; `high` where none is."""
    for _ in range(steps):
        middle = (low + high) / 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return high


def _least(unit: Unit, ratio: float) -> float:
    """The least width that a non-uniform spread leaves, before it is rounded."""
    usual = unit.width * (1 - ratio)
    least = max(usual * FLOOR, unit.width * (1 - CEILING))
    return max(least, NARROWEST) if usual > NARROWEST else least


def _rounded(unit: Unit, width: float, round_to: int) -> int:
    """The nearest multiple of `round_to` (and of the unit's divisor), at least one of them and at most the width."""
    step = math.lcm(round_to, unit.divisor)
    return min(max(round(width / step), 1) * step, unit.width)


def _ratio_at(curve: Curve, loss: float) -> float:
    """The highest ratio whose loss is at most `loss`, between the measured points along straight lines."""
    below_ratio, below_loss = 0.0, 0.0
    for ratio, measured in sorted(curve.items()):
        measured = max(measured, below_loss)
        if measured > loss:
            return below_ratio + (ratio - below_ratio) * (loss - below_loss) / (measured - below_loss)
        below_ratio, below_loss = ratio, measured
    # Beyond the last measured ratio nothing is known: go on towards all channels as the loss goes towards all accuracy.
    return below_ratio + (1 - below_ratio) * (loss - below_loss) / max(1 - below_loss, 1e-9)
