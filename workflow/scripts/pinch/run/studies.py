"""What a study consists of: parts, each measured by a job of its own, from whose records the study's is gathered."""

from collections.abc import Iterable
from dataclasses import dataclass

from pinch.run.identity import percent


@dataclass(frozen=True)
class Variant:
    """A pruned network of the study `explain`.

    Attributes:
        title: what records, plots and captions call it.
        layers: whether weights of the learned convolutions are zeroed.
        table: whether entries of DFL's table are zeroed.
        tuned: whether it is tuned after pruning, at one ratio; the others are measured at several.
        masks: whether masks keep its zeros in tuning.
    """

    title: str
    layers: bool = True
    table: bool = False
    tuned: bool = False
    masks: bool = False

    @property
    def name(self) -> str:
        """Its name in commands, rules and files: "with_dfl_masks_lost"."""
        return self.title.lower().replace(", ", "_").replace(" ", "_")


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("without DFL"),
        Variant("with DFL", table=True),
        Variant("DFL alone", layers=False, table=True),
        Variant("masks held", tuned=True, masks=True),
        Variant("masks lost", tuned=True),
        Variant("with DFL, masks lost", table=True, tuned=True),
    )
}
"""By name, in the order of the record."""

STUDIES = ("layers", "explain")
"""The studies, by the names of their records."""


def parts(study: str, ratios: Iterable[float]) -> list[str]:
    """The names of a study's parts: the ratios of the layer scan in percent, or the variants of `explain`.

    Args:
        study: one of STUDIES.
        ratios: of the layer scan.
    """
    return {"layers": [percent(ratio) for ratio in ratios], "explain": list(VARIANTS)}[study]
