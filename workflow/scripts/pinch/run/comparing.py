"""What accuracies are compared with, and when they are high enough for that.

Pruned models are tuned after pruning. The base gets a twin that is tuned for as many epochs, so that what pruned models
keep is not a matter of epochs.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pinch.run.identity import METHODS, Model

LEAST = 0.01
"""Least mAP50-95 of a model that others are compared with. Below, a box found by chance changes a share by much."""

Row = Mapping[str, Any]


def comparable(map50_95: float | None) -> float | None:
    """An mAP50-95 that others are stated as shares of; None if it is unknown or below LEAST (0 and NaN included)."""
    return map50_95 if map50_95 is not None and map50_95 >= LEAST else None


def kept(map50_95: float | None, whole: float | None) -> float | None:
    """The share of an mAP50-95 that is kept; None if one is unknown or the whole is not `comparable`."""
    whole = comparable(whole)
    return map50_95 / whole if map50_95 is not None and whole else None


def base(models: Iterable[Row]) -> Row | None:
    """The row of the base; None if there is none. For the rows see `unpruned`."""
    return next((row for row in models if row["method"] == "none" and not row["tuned"]), None)


def twin(models: Iterable[Row]) -> Row | None:
    """The row of the base's twin; None if there is none. For the rows see `unpruned`."""
    return next((row for row in models if row["method"] == "none" and row["tuned"]), None)


def unpruned(models: Iterable[Row]) -> Row | None:
    """The model that `kept` is relative to, on val and on test: of the base and its twin, the better one on val.

    Args:
        models: a row for each model, with `method` and `tuned` as in `Model.fields` and with `val_map50_95` (None or
            NaN: unknown): the rows of tables/models.csv, or rows made of accuracy records.

    Returns:
        Its row: the base's, unless the twin's mAP50-95 on val is higher. None if there is no row of the base.
    """
    rows = list(models)
    first, tuned = base(rows), twin(rows)
    if first is None or tuned is None:
        return first
    known = [comparable(row["val_map50_95"]) or 0.0 for row in (first, tuned)]
    return tuned if known[1] > known[0] else first


def unpruned_model(val_map50_95: Mapping[Model, float | None]) -> Model | None:
    """The same of models, by their mAP50-95 on val."""
    models = {str(model): model for model in val_map50_95}
    chosen = unpruned(model.fields() | {"val_map50_95": value} for model, value in val_map50_95.items())
    return models[chosen["model"]] if chosen else None


def twin_method(config: Mapping[str, Any]) -> str | None:
    """The method whose tuning the base's twin gets: the one with the most epochs, of two equal ones the first.

    Args:
        config: a configuration, with all defaults.

    Returns:
        One of METHODS; None if the run has nothing to compare with a twin, or makes none.
    """
    compared = any(config[method]["ratios"] for method in METHODS) or any(config["rivals"].values())
    return tuning_method(config) if config["tune_base"] and compared else None


def tuning_method(config: Mapping[str, Any]) -> str:
    """The method whose tuning networks get that are not pruned: of those the run has, or else of all, as above."""
    methods = [method for method in METHODS if config[method]["ratios"]] or METHODS
    return max(methods, key=lambda method: config[method]["epochs"])
