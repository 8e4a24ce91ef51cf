"""How models and devices are called where a reader sees them."""

import pandas as pd

from pinch.names import parse_model, percent


def model(name: str) -> str:
    """A model's short name: "coarse 50%", the base's own, with the image size behind it where the name has one."""
    stem, _, size = name.rpartition("_")
    at_size = f" @{size}" if size.isdigit() and parse_model(stem).method != "none" else ""
    parsed = parse_model(stem if at_size else name)
    return parsed.name if parsed.method == "none" else f"{parsed.method} {percent(parsed.ratio)}%{at_size}"


def place(device: str, threads: int) -> str:
    """Where something was timed: "cpu, 1 thread"."""
    return f"{device}, {threads} thread{'s' if threads != 1 else ''}"


def places(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each device and thread count, with how to call them."""
    keys = list(dict.fromkeys(zip(table["device"], table["threads"], strict=True)))
    return [(place(d, t), table[(table["device"] == d) & (table["threads"] == t)]) for d, t in keys]
