"""When an accuracy is high enough to state others as shares of it."""

LEAST = 0.01
"""Least mAP50-95 of a model that others are compared with. Below, a box found by chance changes a share by much."""


def comparable(map50_95: float | None) -> float | None:
    """An mAP50-95 that others are stated as shares of; None if it is unknown or below LEAST (0 and NaN included)."""
    return map50_95 if map50_95 is not None and map50_95 >= LEAST else None
