"""The seeds of a run: its own, with which its data are drawn and whose models are chosen from, and the others."""

from collections.abc import Mapping
from typing import Any

from pinch.core.errors import PinchError


def settle(config: dict[str, Any]) -> None:
    """Make the first of `seeds` the seed of a configuration that names none.

    Args:
        config: as it was written, without defaults, and not checked yet; `seed` is added where it is needed.
    """
    listed = config.get("seeds")
    # What is no seed is refused under its own key.
    if isinstance(listed, list) and listed and type(listed[0]) is int and listed[0] >= 0:
        config.setdefault("seed", listed[0])


def others(config: Mapping[str, Any]) -> list[int]:
    """The seeds besides the run's own, in the order in which they are listed.

    Args:
        config: with all defaults, and checked against the schema.

    Raises:
        PinchError: the run's own seed is not among those that are listed.
    """
    own, listed = config["seed"], config["seeds"]
    if listed and own not in listed:
        raise PinchError(f"seeds: {own} (seed) is not among {listed}: add it there, or leave out one of the two keys")
    return [seed for seed in listed if seed != own]
