"""How a ratio of channels is distributed over the layers: the width that each unit keeps."""

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

# A spread that is not uniform leaves at least this share of the width that the uniform one leaves: scores of the
# untuned network say little about what a layer can learn. It was chosen among others (docs/studies/README.md).
FLOOR = 0.6
# A non-uniform spread leaves at least this many channels if the uniform one leaves more. All information about a scale
# passes through single layers, and eight channels are too few for that (docs/method.md).
NARROWEST = 16
# The largest share of its channels that a non-uniform spread removes from a layer.
CEILING = 0.95
# The least usual share of multiply-accumulates, relative to the share of channels left. With multiples of 16 channels
# it goes on from what `uniform` leaves of a YOLO11n at a ratio of 50%; chosen on val (docs/studies/README.md).
_LEAST_MACS = 0.6
# Limits of the prices of a channel and of its multiply-accumulates, relative to the mean score.
_LOWEST_PRICE, _HIGHEST_PRICE = 1e-4, 1e4
Curve = dict[float, float]
"""Accuracy lost (fraction of the base's mAP50-95) by ratio, for one layer."""


def widths(graph: ChannelGraph, pruning: kinds.ChannelRemoval, scores: Scores) -> dict[str, int]:
    """The width that each unit keeps.

    Raises:
        PinchError: no widths meet the limit of multiply-accumulates, or the layer scan cannot be used.
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
    return {unit.name: rounded(unit, unit.width * (1 - ratio), round_to) for unit in units}


def globally(
    units: list[Unit], ratio: float, round_to: int, scores: Scores, costs: Costs, macs_limit: float
) -> dict[str, int]:
    """Rank the channels of all layers together: the highest total score for a number of channels and of MACs.

    Method of Lagrange multipliers: a channel stays if its score exceeds a price per channel plus a price for its
    multiply-accumulates. The second price is the lowest that meets `macs_limit`; the first one follows from it.

    Args:
        units: the layers.
        ratio: of channels to remove.
        round_to: widths are multiples of it.
        scores: of all channels, comparable between layers.
        costs: of all channels.
        macs_limit: maximum of the multiply-accumulates left, relative to `usual_macs`.

    Raises:
        PinchError: no widths with this number of channels meet `macs_limit`.
    """
    groups = {name: [np.sort(group.numpy()) for group in found] for name, found in scores.items()}
    score = float(np.mean([group.mean() for found in groups.values() for group in found]))
    cost = sum(costs.per_channel.values()) / len(units)
    limit = macs_limit * usual_macs(units, ratio, round_to, costs)

    def widths_at(price: float) -> dict[str, int]:
        def kept(unit: Unit, pressure: float) -> float:
            threshold = score * (pressure + price * costs.per_channel[unit.name] / cost)
            return float(np.mean([len(group) - np.searchsorted(group, threshold) for group in groups[unit.name]]))

        # If the price of multiply-accumulates is high, the price per channel may be negative.
        return _balanced(units, ratio, round_to, kept, lowest=-_HIGHEST_PRICE, highest=_HIGHEST_PRICE)

    free = widths_at(0.0)
    if costs.macs(free) <= limit:
        return free
    exponents = math.log(_LOWEST_PRICE), math.log(_HIGHEST_PRICE)
    price = _bisect(lambda exponent: costs.macs(widths_at(math.exp(exponent))) <= limit, *exponents, 20)
    found = widths_at(math.exp(price))
    if costs.macs(found) > limit:
        raise PinchError(
            f"removing {ratio:.0%} of the channels globally leaves at least {costs.macs(found):.1%} of the multiply-"
            f"accumulates, more than the {limit:.1%} that a macs_limit of {macs_limit:g} allows: raise macs_limit"
        )
    return found


def usual_macs(units: list[Unit], ratio: float, round_to: int, costs: Costs) -> float:
    """The usual share of multiply-accumulates for a ratio: what `uniform` leaves, or a part of the share of channels.

    The first decreases with the square of the channels left, so the second is larger if less than about half of them
    are left: removing the last multiply-accumulates costs much accuracy, and widths that are not multiples of what
    kernels compute at once save little time.
    """
    return max(costs.macs(uniform(units, ratio, round_to)), _LEAST_MACS * (1 - ratio))


def by_sensitivity(units: list[Unit], ratio: float, round_to: int, curves: Mapping[str, Curve]) -> dict[str, int]:
    """Prune every layer so far that each one costs the same accuracy, according to a layer scan.

    Raises:
        PinchError: the scan lacks a layer.
    """
    missing = [unit.name for unit in units if unit.name not in curves]
    if missing:
        raise PinchError(f"the layer scan lacks {missing[0]}: it is of another model, so scan this one")

    def kept(unit: Unit, loss: float) -> float:
        return unit.width * (1 - _ratio_at(curves[unit.name], loss))

    return _balanced(units, ratio, round_to, kept, lowest=0.0, highest=1.0)


def read_curves(record: Path) -> dict[str, Curve]:
    """The losses of a layer scan, by layer and ratio.

    Raises:
        PinchError: the file is not the record of a layer scan, or the accuracy of its base is 0.
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
    """Refuse a ratio that leaves less than half a channel of a layer (rounding up to one channel would hide it).

    Raises:
        PinchError: the ratio is too high.
    """
    narrowest = min(units, key=lambda unit: unit.width)
    if narrowest.width * (1 - ratio) < 0.5:
        raise PinchError(
            f"pruning {ratio:.0%} of the channels leaves layer {narrowest.name} ({narrowest.width} channels) empty: "
            "lower the ratio"
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
        kept: the number of channels that a unit keeps at a pressure; it decreases with the pressure.
        lowest: pressure at which almost all channels are kept.
        highest: pressure at which almost no channel is kept.
    """
    least = {unit.name: _least(unit, ratio) for unit in units}

    def widths_at(pressure: float) -> dict[str, int]:
        return {unit.name: rounded(unit, max(kept(unit, pressure), least[unit.name]), round_to) for unit in units}

    wanted = sum(unit.width for unit in units) * (1 - ratio)
    return widths_at(_bisect(lambda pressure: sum(widths_at(pressure).values()) <= wanted, lowest, highest, 50))


def _bisect(enough: Callable[[float], bool], low: float, high: float, steps: int) -> float:
    """The lowest value that is enough, approached from above; `high` if none is."""
    for _ in range(steps):
        middle = (low + high) / 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return high


def _least(unit: Unit, ratio: float) -> float:
    """The minimum width that a non-uniform spread leaves, before rounding."""
    usual = unit.width * (1 - ratio)
    least = max(usual * FLOOR, unit.width * (1 - CEILING))
    return max(least, NARROWEST) if usual > NARROWEST else least


def rounded(unit: Unit, width: float, round_to: int) -> int:
    """The nearest multiple of `round_to` and of the unit's divisor, at least one of these and at most the width."""
    step = math.lcm(round_to, unit.divisor)
    return min(max(round(width / step), 1) * step, unit.width)


def _ratio_at(curve: Curve, loss: float) -> float:
    """The highest ratio whose loss is at most `loss`, by linear interpolation between the measured points."""
    below_ratio, below_loss = 0.0, 0.0
    for ratio, measured in sorted(curve.items()):
        measured = max(measured, below_loss)
        if measured > loss:
            return below_ratio + (ratio - below_ratio) * (loss - below_loss) / (measured - below_loss)
        below_ratio, below_loss = ratio, measured
    # Above the last measured ratio, extrapolate linearly to the loss of all accuracy at ratio 1.
    return below_ratio + (1 - below_ratio) * (loss - below_loss) / max(1 - below_loss, 1e-9)
