"""Whether the base had been trained to its plateau, beyond which more epochs of the same kind gain nothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pinch.run import comparing
from pinch.run.comparing import Row

_LEAST_DIFFERENCES = 3
# A normally distributed difference exceeds twice its standard deviation in one case of twenty.
_SIGNIFICANT = 2


@dataclass(frozen=True)
class Plateau:
    """What tells whether the base had reached its plateau.

    Attributes:
        rising: whether its last epoch was its best on val.
        gain: mAP50-95 on val that its twin has more than it; None if one of them is unknown.
        noise: standard deviation of the difference between two epochs of the twin, see `noise`; None if unknown.
    """

    rising: bool
    gain: float | None
    noise: float | None

    @property
    def gains(self) -> bool:
        """Whether the twin gains more than noise."""
        return self.gain is not None and self.noise is not None and self.gain > _SIGNIFICANT * self.noise

    @property
    def reached(self) -> bool:
        """Whether nothing shows that more epochs would help the base."""
        return not (self.rising or self.gains)


def of(models: Sequence[Row], training: Sequence[Row]) -> Plateau | None:
    """What the tables of a run tell of its base.

    Args:
        models: rows of tables/models.csv.
        training: rows of tables/training.csv; those of the base are missing if it was given.

    Returns:
        None if the base is not in the table of models.
    """
    base, twin = comparing.base(models), comparing.twin(models)
    if base is None:
        return None
    curve = _curve(training, base)
    rising = bool(curve) and curve[-1]["epoch"] == curve[-1]["best_epoch"]
    gain = None
    if twin is not None and None not in (base["val_map50_95"], twin["val_map50_95"]):
        gain = twin["val_map50_95"] - base["val_map50_95"]
    return Plateau(rising, gain, noise([row["map50_95"] for row in _curve(training, twin)]) if twin else None)


def noise(curve: Sequence[float]) -> float | None:
    """How much mAP50-95 differs between two epochs by chance, from a training curve.

    It is the root mean square of the differences between successive epochs, in the second half of the curve, where the
    learning rate is low. For independent deviations that is the standard deviation of a difference, and a slow trend
    hardly adds to it (von Neumann et al. 1941, "The mean square successive difference").

    Args:
        curve: mAP50-95 on val after each epoch.

    Returns:
        The standard deviation; None for curves that are too short to tell.
    """
    differences = [after - before for before, after in pairwise(curve[len(curve) // 2 - 1 :])]
    if len(differences) < _LEAST_DIFFERENCES:
        return None
    return math.sqrt(sum(difference**2 for difference in differences) / len(differences))


def _curve(training: Sequence[Row], model: Row) -> list[Row]:
    rows = [row for row in training if row["model"] == model["model"] and row["map50_95"] is not None]
    return sorted(rows, key=lambda row: row["epoch"])
