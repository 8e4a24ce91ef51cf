"""Read results.csv in the run folder, where Ultralytics writes the metrics of each epoch."""

import csv
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

from pinch.core.record_types.weights import Epoch

_LOSSES = {field.name for field in fields(Epoch) if field.name.endswith("_loss")}


def seconds(path: Path) -> float:
    """Seconds of all epochs. The times of a resumed run start again from 0."""
    times = [row["time"] for row in _results(path)]
    return sum(now - before if now > before else now for before, now in pairwise([0.0, *times]))


def _results(path: Path) -> list[dict[str, float]]:
    """The rows of Ultralytics' results.csv."""
    with open(path, newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [{key.strip(): float(value) for key, value in row.items() if key.strip()} for row in rows]


def curve(path: Path) -> list[Epoch]:
    """The epochs in their order."""
    return [
        Epoch(
            epoch=int(row["epoch"]),
            map50=row["metrics/mAP50(B)"],
            map50_95=row["metrics/mAP50-95(B)"],
            precision=row["metrics/precision(B)"],
            recall=row["metrics/recall(B)"],
            **{name: value for key, value in row.items() if (name := key.replace("/", "_")) in _LOSSES},
        )
        for row in _results(path)
    ]
