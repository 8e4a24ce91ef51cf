"""Options of pruning."""

from dataclasses import dataclass

from pinch.core.options import COMMAND, CONFIG, option


@dataclass(frozen=True, kw_only=True)
class Ratios:
    """Which pruned models there are."""

    ratios: tuple[float, ...] = option(
        (),
        help="shares of channels or weights to remove, each a model of its own; between 0 and 1",
        above=0,
        below=1,
        where=CONFIG,
    )


@dataclass(frozen=True, kw_only=True)
class CoarsePruning:
    """Structured pruning: whole channels are removed."""

    mode: str = option(
        "remove",
        help="`remove` takes channels out; `mask` zeroes them and keeps shapes, as the write-up did, to compare",
        choices=("remove", "mask"),
    )
    ranking: str = option(
        "taylor", help="what makes a channel important", choices=("ln", "group_norm", "taylor", "bn_scale")
    )
    norm: int = option(2, help="order of the norm for the rankings `ln` and `group_norm`", choices=(1, 2))
    spread: str = option(
        "global", help="how the ratio is spread over layers", choices=("uniform", "global", "sensitivity")
    )
    macs_limit: float = option(
        1.15,
        help="for the spread `global`: most multiply-accumulates left, relative to those that `uniform` leaves (about "
        "the square of the share of channels) or, beyond 50%, to half the share of channels",
        minimum=0.5,
    )
    round_to: int = option(8, help="widths are kept at multiples of this; odd widths are slow", minimum=1)
    activation: str = option(
        "silu",
        help="`silu` as in the base, or in its place `hardswish` or `relu`: cheaper (int8 files gain from `relu` only, "
        "OpenVINO's from both; see docs/benchmark.md), if fine-tuning makes up for it (docs/method.md)",
        choices=("silu", "hardswish", "relu"),
    )


@dataclass(frozen=True, kw_only=True)
class FinePruning:
    """Unstructured pruning: single weights are zeroed."""

    scope: str = option(
        "lamp",
        help="where weights are ranked by magnitude: `layer` within each layer (as the write-up did), `global` over "
        "all, `lamp` over all by layer-adaptive scores (Lee et al. 2021)",
        choices=("layer", "global", "lamp"),
    )
    pattern: str | None = option(
        None, help='`"2:4"` zeroes two of every four weights (ratio 0.5 only)', choices=("2:4",)
    )


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """Studies of what pruning costs."""

    scan: bool = option(
        False, help="prune each layer alone, measure the accuracy lost, and draw a heat map", where=CONFIG
    )
    ratios: tuple[float, ...] = option((0.3, 0.5, 0.7), help="ratios of the layer scan", above=0, below=1)
    images: int = option(200, help="pictures of the val split to measure on, at most", minimum=1, where=COMMAND)
    explain: bool = option(
        False, help="repeat the mistakes of the write-up beside the right way, for the report", where=CONFIG
    )
