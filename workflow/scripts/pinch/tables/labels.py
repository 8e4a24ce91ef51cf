"""How devices are called where a reader sees them."""

import pandas as pd


def place(device: str, threads: int) -> str:
    """Where something was timed: "cpu, 1 thread"."""
    return f"{device}, {threads} thread{'s' if threads != 1 else ''}"


def places(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each device and thread count, with how to call them."""
    keys = list(dict.fromkeys(zip(table["device"], table["threads"], strict=True)))
    return [(place(d, t), table[(table["device"] == d) & (table["threads"] == t)]) for d, t in keys]
