"""The kinds of pruning, each with the options that only it has.

These are values that need no torch, so that commands and rules can ask which options a kind has.
`pinch.weights.pruning.coarse` and `pinch.weights.pruning.fine` do the pruning.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Literal

from pinch.core.errors import PinchError
from pinch.core.options import options_of
from pinch.core.text import listed
from pinch.run.settings import pruning as declared
from pinch.run.settings.data import General

# --- Coarse pruning: which channels are removed ---


class _Ranking:
    needs_data: ClassVar[bool] = False


@dataclass(frozen=True)
class FilterNorm(_Ranking):
    """Rank channels by the norm (of order 1 or 2) of the filter that produces them."""

    name: ClassVar[str] = "ln"
    norm: int = declared.CoarsePruning.norm


@dataclass(frozen=True)
class GroupNorm(_Ranking):
    """Rank channels by the mean norm (of order 1 or 2) of all weights coupled with them.

    These are the filters that produce a channel and the weights that use it (DepGraph, Fang et al., CVPR 2023).
    """

    name: ClassVar[str] = "group_norm"
    norm: int = declared.CoarsePruning.norm


@dataclass(frozen=True)
class Taylor(_Ranking):
    """Rank channels by the first-order change of the loss if they are removed (Molchanov et al., CVPR 2019)."""

    name: ClassVar[str] = "taylor"
    needs_data: ClassVar[bool] = True


@dataclass(frozen=True)
class BatchNormScale(_Ranking):
    """Rank channels by their batch-norm scales (Network Slimming, Liu et al., ICCV 2017)."""

    name: ClassVar[str] = "bn_scale"


Ranking = FilterNorm | GroupNorm | Taylor | BatchNormScale
RANKINGS: dict[str, type[Ranking]] = {kind.name: kind for kind in (FilterNorm, GroupNorm, Taylor, BatchNormScale)}


# --- Coarse pruning: how the ratio is spread over the layers ---


@dataclass(frozen=True)
class Uniform:
    """Prune every layer at the same ratio."""

    name: ClassVar[str] = "uniform"


@dataclass(frozen=True)
class Global:
    """Rank the channels of all layers together.

    Attributes:
        macs_limit: maximum of the multiply-accumulates left, relative to `pinch.weights.pruning.spread.usual_macs`.
    """

    name: ClassVar[str] = "global"
    macs_limit: float = declared.CoarsePruning.macs_limit


@dataclass(frozen=True)
class Sensitivity:
    """Prune every layer so far that each one costs the same accuracy.

    Attributes:
        scan: record of a layer scan.
    """

    name: ClassVar[str] = "sensitivity"
    scan: Path


Spread = Uniform | Global | Sensitivity
SPREADS: dict[str, type[Spread]] = {kind.name: kind for kind in (Uniform, Global, Sensitivity)}


# --- Coarse pruning ---


@dataclass(frozen=True)
class ChannelRemoval:
    """Remove channels, so that the network is smaller and faster.

    Attributes:
        ratio: fraction of the channels to remove.
        ranking: which channels are removed.
        spread: how many are removed from each layer.
        round_to: widths become multiples of it; other widths are slower on most processors.
        activation: one of `pinch.run.activations.ACTIVATIONS`, which replaces that of the base and needs fine-tuning;
            None: that of the base.
        seed: of the choice of training images.
    """

    mode: ClassVar[str] = "remove"
    ratio: float
    ranking: Ranking = GroupNorm()
    spread: Spread = Global()
    round_to: int = declared.CoarsePruning.round_to
    activation: str | None = declared.CoarsePruning.activation
    seed: int = General.seed

    def settings(self) -> dict[str, Any]:
        """Its settings in checkpoints and records, without the ratio, and without the path of a scan (a local file)."""
        spread = {key: value for key, value in asdict(self.spread).items() if key != "scan"}
        return {
            "ranking": self.ranking.name,
            **asdict(self.ranking),
            "spread": self.spread.name,
            **spread,
            "round_to": self.round_to,
            "activation": self.activation,
            "mode": self.mode,
            "seed": self.seed,
        }


@dataclass(frozen=True)
class ChannelMasking:
    """Zero the filters of lowest norm in every layer and keep shapes, like torch's ln_structured; for comparison.

    Attributes:
        ratio: fraction of the filters to zero.
        norm: order of the norm, 1 or 2.
    """

    mode: ClassVar[str] = "mask"
    ratio: float
    norm: int = declared.CoarsePruning.norm

    def settings(self) -> dict[str, Any]:
        """Its settings in checkpoints and records, without the ratio."""
        return {"norm": self.norm, "mode": self.mode}


CoarsePruning = ChannelRemoval | ChannelMasking
MODES: dict[str, type[CoarsePruning]] = {kind.mode: kind for kind in (ChannelRemoval, ChannelMasking)}
_KINDS = [*MODES.values(), *RANKINGS.values(), *SPREADS.values()]
# Flags of the options that only some kinds of coarse pruning have, by the names of their fields.
OPTIONS = {
    option.name: option.flag
    for option in options_of(declared.CoarsePruning)
    if option.name in {field.name for kind in _KINDS for field in fields(kind)}
}
OPTIONS |= {"scan": "--sensitivity"}


def coarse_options(mode: str, ranking: str, spread: str) -> set[str]:
    """The names in `OPTIONS` that coarse pruning of this mode, ranking and spread has."""
    kinds = [MODES[mode]] if mode == ChannelMasking.mode else [MODES[mode], RANKINGS[ranking], SPREADS[spread]]
    return {field.name for kind in kinds for field in fields(kind)} & set(OPTIONS)


def coarse_pruning(
    ratio: float, mode: str = declared.CoarsePruning.mode, seed: int = General.seed, **options: Any
) -> CoarsePruning:
    """The coarse pruning that options describe.

    Args:
        ratio: fraction of the channels.
        mode: one of `MODES`.
        seed: of the choice of training images.
        options: values by the names in `OPTIONS`; None if not given.

    Raises:
        PinchError: an option is given that this pruning does not have, or one that it needs is missing.
    """
    given = {name: value for name, value in options.items() if value is not None}
    ranking = RANKINGS[given.get("ranking", ChannelRemoval.ranking.name)]
    spread = SPREADS[given.get("spread", ChannelRemoval.spread.name)]
    require_own(given, mode, ranking.name, spread.name, OPTIONS)
    if mode == ChannelMasking.mode:
        return ChannelMasking(ratio, **given)
    if spread is Sensitivity and "scan" not in given:
        raise PinchError("the spread sensitivity needs the record of a layer scan: give it with --sensitivity")
    parts = {"ranking": ranking(**_own(ranking, given)), "spread": spread(**_own(spread, given))}
    return ChannelRemoval(ratio, seed=seed, **_own(ChannelRemoval, given) | parts)


def require_own(given: Collection[str], mode: str, ranking: str, spread: str, named: dict[str, str]) -> None:
    """Raise a PinchError for options that this coarse pruning does not have, which `named` says how to call."""
    others = [name for name in given if name not in coarse_options(mode, ranking, spread)]
    if others:
        removal = f"the ranking {ranking} with the spread {spread}"
        chosen = f"the mode {mode}" if mode == ChannelMasking.mode else removal
        name = named[others[0]]
        raise PinchError(f"{name} is for {_owners(others[0])}, not for {chosen}: leave out {name}")


def _own(kind: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The given values that are fields of a kind."""
    return {field.name: given[field.name] for field in fields(kind) if field.name in given}


def _owners(option: str) -> str:
    """The kinds that have an option, in words."""
    named: dict[str, dict[str, Any]] = {"mode": {**MODES}, "ranking": {**RANKINGS}, "spread": {**SPREADS}}
    phrases = []
    for what, kinds in named.items():
        names = [name for name, kind in kinds.items() if option in {field.name for field in fields(kind)}]
        if names:
            phrases.append(f"the {what}{'s' if len(names) > 1 else ''} {listed(names)}")
    return listed(phrases)


# --- Fine pruning ---


@dataclass(frozen=True)
class _Magnitude:
    scope: ClassVar[str]
    ratio: float

    def settings(self) -> dict[str, Any]:
        """Its settings in checkpoints and records, without the ratio."""
        return {"scope": self.scope, "pattern": None}


@dataclass(frozen=True)
class LayerMagnitude(_Magnitude):
    """Zero the smallest weights of every layer, the same fraction `ratio` in each."""

    scope: ClassVar[str] = "layer"


@dataclass(frozen=True)
class GlobalMagnitude(_Magnitude):
    """Zero the fraction `ratio` of all weights, the smallest of all layers together."""

    scope: ClassVar[str] = "global"


@dataclass(frozen=True)
class Lamp(_Magnitude):
    """Zero the fraction `ratio` of all weights, those with the lowest layer-adaptive scores (Lee et al., ICLR 2021)."""

    scope: ClassVar[str] = "lamp"


@dataclass(frozen=True)
class TwoOfFour:
    """Zero the smaller two of every four weights, the pattern that sparse tensor cores compute."""

    pattern: ClassVar[str] = "2:4"
    ratio: ClassVar[float] = 0.5

    def settings(self) -> dict[str, Any]:
        """Its settings in checkpoints and records, without the ratio."""
        return {"pattern": self.pattern}


FinePruning = LayerMagnitude | GlobalMagnitude | Lamp | TwoOfFour
SCOPES: dict[str, type[LayerMagnitude | GlobalMagnitude | Lamp]] = {
    kind.scope: kind for kind in (LayerMagnitude, GlobalMagnitude, Lamp)
}


def fine_pruning(ratio: float, scope: str | None = None, pattern: Literal["2:4"] | None = None) -> FinePruning:
    """The fine pruning that options describe.

    Args:
        ratio: fraction of the weights to zero.
        scope: where they are ranked, one of `SCOPES` (None: the declared default); not with a pattern.
        pattern: None, or "2:4".

    Raises:
        PinchError: a scope is given along with a pattern, or the ratio is not the pattern's.
    """
    if pattern is None:
        return SCOPES[scope or declared.FinePruning.scope](ratio)
    if scope is not None:
        raise PinchError(f"--scope is for pruning without a pattern, not for {pattern}: leave out --scope")
    if ratio != TwoOfFour.ratio:
        raise PinchError(f"the pattern {pattern} keeps two of four weights: give the ratio 0.5, not {ratio}")
    return TwoOfFour()
