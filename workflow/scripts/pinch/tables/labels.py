"""Names of devices for readers."""

import re

import pandas as pd

from pinch.core.text import counted
from pinch.run.settings.data import DEVICES

_DECORATION = re.compile(r"\((R|TM)\)|\b(CPU|Processor)\b|\bwith .*| @ [\d.]+GHz", re.IGNORECASE)


def place(device: str, threads: int) -> str:
    """A device with its thread count: "cpu, 1 thread"."""
    return f"{device}, {counted(threads, 'thread')}"


def places(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each processor and thread count, with its name.

    Times of different processors are never compared, so a partition with two kinds is two devices. Names say which
    processor where a device has several, and what ran the files on a device that was measured elsewhere.

    Args:
        table: with `device`, `threads` and `processor`. Where it has a column `place`, as the table of timings and what
            is made of it, names are from there, because a part of a run may not have all of its processors.
    """
    if "place" in table:
        return [(str(name), rows) for name, rows in table.groupby("place", sort=False)]
    processors = table["processor"].fillna("").astype(str)
    keys = list(zip(table["device"], table["threads"], processors, strict=True))
    found = []
    for device, threads, processor in dict.fromkeys(keys):
        kinds = list(dict.fromkeys(other for kind, _, other in keys if kind == device))
        several = f", {_short(processor, kinds)}" if len(kinds) > 1 or device not in DEVICES else ""
        found.append((place(device, threads) + several, table[[key == (device, threads, processor) for key in keys]]))
    return found


def with_places(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column `place`: the name of each row's processor and thread count, see `places`."""
    if "place" in table:
        return table
    names = pd.Series("", index=table.index, dtype=object)
    for name, rows in places(table):
        names[rows.index] = name
    return table.assign(place=names)


def _short(processor: str, others: list[str]) -> str:
    """A processor's name without decoration, unless that would be the name of two."""
    short = [" ".join(_DECORATION.sub("", name).split()) for name in others]
    own = short[others.index(processor)]
    return (own if short.count(own) == 1 else processor) or "unknown processor"
