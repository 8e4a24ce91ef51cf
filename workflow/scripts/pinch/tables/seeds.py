"""How far results depend on the seed: the models of every seed, and means over the seeds with their intervals.

Each seed's pruned models are compared with the base, or its twin, of the same seed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from pinch.measuring import interval
from pinch.run import comparing

Row = Mapping[str, Any]

SEEDS, MEANS = "seeds", "models_over_seeds"
_ABOUT = ("label", "method", "ratio", "tuned")
_MEASURED = ("map50", "map50_95", "val_map50", "val_map50_95")
_KEPT = ("kept", "val_kept")
FIGURES = (*_MEASURED, "map50_95_before_tuning", *_KEPT)
"""What has a mean over seeds: columns of the table models, and shares of the unpruned model of the same seed."""
COLUMNS = {
    SEEDS: [
        *("model", "seed", "own_model", *_ABOUT, *_MEASURED),
        *(*(f"{name}_before_tuning" for name in _MEASURED), *_KEPT, "unpruned"),
    ],
    MEANS: [
        *("model", *_ABOUT, "seeds"),
        *(f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")),
        *("kept_least", "kept_most"),
    ],
}
"""The tables and their columns, see results/README.md."""


def rows(own: Iterable[Row], others: Iterable[Row], seed: int | None) -> list[dict[str, Any]]:
    """The table `seeds`: one row for each model and seed, the run's own seed first.

    Args:
        own: the rows of the table models.
        others: the same of the models with other seeds, and in each its `seed` and `own_model`, the name of the run's
            own model that it repeats.
        seed: the run's own; None if it is not known.
    """
    first = [{**row, "seed": seed, "own_model": row["model"]} for row in own]
    found = list(_compared(first, None))
    for _, same in groupby(sorted(others, key=lambda row: row["seed"]), key=lambda row: row["seed"]):
        found += _compared(list(same), comparing.base(first))
    return found


def _compared(models: Sequence[Row], shared: Row | None) -> Iterator[dict[str, Any]]:
    """The rows of one seed, with what they keep; `shared` is the base of all seeds, if this one has none of its own."""
    base, twin = comparing.base(models) or shared, comparing.twin(models)
    unpruned = comparing.unpruned([row for row in (base, twin) if row is not None])
    for row in models:
        # Models that were not tuned have nothing before it.
        told = {name: row.get(name) for name in COLUMNS[SEEDS]} | dict.fromkeys(_KEPT)
        if unpruned and row is not base and row is not twin:
            kept = {name: comparing.kept(row[name], unpruned[name]) for name in ("map50_95", "val_map50_95")}
            told |= {"kept": kept["map50_95"], "val_kept": kept["val_map50_95"], "unpruned": unpruned["model"]}
        yield told


def means(of_seeds: Iterable[Row]) -> list[dict[str, Any]]:
    """The table `models_over_seeds`: for each model of the run the mean of each figure, and its interval.

    A figure that is not known with every seed has no mean.

    Args:
        of_seeds: the rows of the table `seeds`.
    """
    repeated: dict[str, list[Row]] = {}
    for row in of_seeds:
        repeated.setdefault(row["own_model"], []).append(row)
    return [_means(model, found) for model, found in repeated.items()]


def _means(model: str, found: Sequence[Row]) -> dict[str, Any]:
    # Where the model of the run's own seed is missing, the others still have its method and ratio.
    told = {"model": model} | {name: found[0][name] for name in _ABOUT} | {"seeds": len(found)}
    for name in FIGURES:
        values = [row[name] for row in found]
        if None not in values:
            middle, low, high = interval.of_mean(values)
            if low is not None and high is not None:
                # Of two or three seeds, ends may lie where no accuracy can.
                low, high = max(0.0, low), high if name in _KEPT else min(1.0, high)
            told |= {name: middle, f"{name}_low": low, f"{name}_high": high}
    if "kept" in told:
        told |= {"kept_least": min(row["kept"] for row in found), "kept_most": max(row["kept"] for row in found)}
    return told
