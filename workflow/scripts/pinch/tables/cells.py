"""Cells of tables from what a record says, whatever kind it is."""

from typing import Any


def pick(source: Any, *names: str) -> dict[str, Any]:
    """Some of its fields."""
    return {name: getattr(source, name) for name in names}


def scalars(source: Any) -> dict[str, Any]:
    """Its figures and names; a digest is neither."""
    found = {name: value for name, value in vars(source).items() if isinstance(value, str | int | float)}
    return {name: value for name, value in found.items() if not name.endswith("sha256")}


def flat(prefix: str, source: Any) -> dict[str, Any]:
    """A part of an export record as columns: `share` of `guard` becomes guard_share; of a list its length."""
    if source is None:
        return {}
    counts = {name: len(value) for name, value in vars(source).items() if isinstance(value, list)}
    return {f"{prefix}_{name}": value for name, value in (scalars(source) | counts).items()}
