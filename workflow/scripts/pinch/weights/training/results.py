"""Read results.csv in the run folder, where Ultralytics writes the metrics of each epoch."""

import csv
from itertools import pairwise
from pathlib import Path
from typing import Any


def seconds(path: Path) -> float:
    """Seconds of all epochs. The times of a resumed run start again from 0."""
    times = [row["time"] for row in _results(path)]
    return sum(now - before if now > before else now for before, now in pairwise([0.0, *times]))


def _results(path: Path) -> list[dict[str, float]]:
    """The rows of Ultralytics' results.csv."""
    with open(path, newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [{key.strip(): float(value) for key, value in row.items() if key.strip()} for row in rows]


def curve(path: Path) -> list[dict[str, Any]]:
    """For each epoch accuracy on val (fractions), precision, recall and losses."""
    return [
        {
            "epoch": int(row["epoch"]),
            "map50": row["metrics/mAP50(B)"],
            "map50_95": row["metrics/mAP50-95(B)"],
            "precision": row["metrics/precision(B)"],
            "recall": row["metrics/recall(B)"],
            **{key.replace("/", "_"): value for key, value in row.items() if "loss" in key},
        }
        for row in _results(path)
    ]
