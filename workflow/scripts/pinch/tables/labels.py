"""Names of devices for readers."""

import pandas as pd


def place(device: str, threads: int) -> str:
    """A device with its thread count: "cpu, 1 thread"."""
    return f"{device}, {threads} thread{'s' if threads != 1 else ''}"


def places(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each device and thread count, with its name."""
    keys = list(dict.fromkeys(zip(table["device"], table["threads"], strict=True)))
    return [(place(d, t), table[(table["device"] == d) & (table["threads"] == t)]) for d, t in keys]
