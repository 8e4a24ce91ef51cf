"""What accuracies are stated as shares of, and when one is high enough for that."""

from pinch.run.identity import Model
from pinch.run.manifest import Manifest

LEAST = 0.01
"""Least mAP50-95 of a model that others are compared with. Below, a box found by chance changes a share by much."""


def comparable(map50_95: float | None) -> float | None:
    """An mAP50-95 that others are stated as shares of; None if it is unknown or below LEAST (0 and NaN included)."""
    return map50_95 if map50_95 is not None and map50_95 >= LEAST else None


def reference(expected: Manifest) -> Model | None:
    """The model whose accuracy is the whole of which others keep a share; None if the run has no base."""
    return expected.base
