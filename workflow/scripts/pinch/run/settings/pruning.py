"""Options of pruning."""

from dataclasses import dataclass

from pinch.core.options import COMMAND, CONFIG, option
from pinch.run.activations import ACTIVATIONS


@dataclass(frozen=True, kw_only=True)
class Ratios:
    """Which pruned models there are."""

    ratios: tuple[float, ...] = option(
        (),
        help="shares of channels or weights to remove, between 0 and 1; each gives one model",
        above=0,
        below=1,
        where=CONFIG,
    )


@dataclass(frozen=True, kw_only=True)
class EqualTerms:
    """What pruned models are compared with."""

    tune_base: bool = option(
        True,
        help="also tune a twin of the base, with the options of `coarse` or `fine`, whichever has more epochs; what "
        "pruned models keep is then relative to the better of the base and its twin on val",
        where=CONFIG,
    )


@dataclass(frozen=True, kw_only=True)
class CoarsePruning:
    """Structured pruning: whole channels are removed."""

    mode: str = option(
        "remove",
        help="`remove` removes channels; `mask` only zeroes them, as the write-up did, for comparison",
        choices=("remove", "mask"),
    )
    ranking: str = option(
        "taylor", help="how the importance of channels is measured", choices=("ln", "group_norm", "taylor", "bn_scale")
    )
    norm: int = option(2, help="order of the norm for the rankings `ln` and `group_norm`", choices=(1, 2))
    spread: str = option(
        "global",
        help="how the removed channels are distributed over layers",
        choices=("uniform", "global", "sensitivity"),
    )
    macs_limit: float = option(
        1.15,
        help="for the spread `global`: maximum of the multiply-accumulates left, relative to what `uniform` leaves "
        "(about the square of the share of channels) or, for ratios above 40%, to 0.6 of the share of channels",
        minimum=0.5,
    )
    round_to: int = option(
        16,
        help="widths of layers become multiples of this: kernels compute 16 channels at once, and fewer in about the "
        "same time (docs/studies/README.md)",
        minimum=1,
    )
    activation: str | None = option(
        None,
        help="by default that of the base; instead of it `silu`, or `hardswish` or `relu`, which cost less time (int8 "
        "files gain from `relu` only, OpenVINO's from both; see docs/benchmark.md) but need fine-tuning "
        "(docs/method.md)",
        choices=tuple(ACTIVATIONS),
    )


@dataclass(frozen=True, kw_only=True)
class FinePruning:
    """Unstructured pruning: single weights are zeroed."""

    scope: str = option(
        "lamp",
        help="which weights are ranked together by magnitude: `layer` those of each layer (as the write-up did), "
        "`global` those of all layers, `lamp` those of all layers by layer-adaptive scores (Lee et al. 2021)",
        choices=("layer", "global", "lamp"),
    )
    pattern: str | None = option(
        None, help='`"2:4"` zeroes two of every four weights (ratio 0.5 only)', choices=("2:4",)
    )


@dataclass(frozen=True, kw_only=True)
class LayerScan:
    """The study of layers: each is pruned alone."""

    scan: bool = option(
        False, help="prune each layer alone, measure the accuracy lost, and draw a heat map", where=CONFIG
    )
    ratios: tuple[float, ...] = option(
        (0.3, 0.5, 0.7), help="ratios of the layer scan, each a job of its own", above=0, below=1
    )
    images: int = option(
        200,
        help="maximum number of images of the val split to measure on, drawn with the seed",
        minimum=1,
        where=COMMAND,
    )


@dataclass(frozen=True, kw_only=True)
class Explain:
    """The study of the write-up's mistakes, in several variants of one network."""

    explain: bool = option(
        False,
        help="repeat the mistakes of the write-up and compare them with the right way, in six jobs, of which three "
        "fine-tune as `fine` says",
        where=CONFIG,
    )
    ratios: tuple[float, ...] = option(
        (0.1, 0.3, 0.5),
        help="shares of weights to zero in variants that are not tuned",
        above=0,
        below=1,
        where=COMMAND,
    )
    tuning_ratio: float = option(
        0.3, help="share of weights to zero in variants that are tuned", above=0, below=1, where=COMMAND
    )
    images: int = option(
        1000, help="maximum number of images to measure on, drawn with the seed", minimum=1, where=COMMAND
    )
