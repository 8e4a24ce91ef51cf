"""Rows of tables, and what captions compute of them."""

from typing import Any

Row = dict[str, Any]


def share(value: float | None, whole: float | None) -> float | None:
    """`value / whole`; None if one of them is unknown or `whole` is 0."""
    return value / whole if value is not None and whole else None


def span(values: list[float | None]) -> Row | None:
    """The lowest and the highest of the known values; None without any."""
    known = [value for value in values if value is not None]
    return {"low": min(known), "high": max(known)} if known else None
