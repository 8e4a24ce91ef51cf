"""Cells of tables: from what a record says, whatever kind it is, and read from a table."""

from typing import Any

import pandas as pd


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


def clean(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table with plain Python values, None for an empty cell."""
    return [
        {
            str(key): None if pd.isna(value) else value.item() if hasattr(value, "item") else value
            for key, value in row.items()
        }
        for row in table.to_dict("records")
    ]
