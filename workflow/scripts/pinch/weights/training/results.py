"""What a run folder says of the run: results.csv, where Ultralytics writes the metrics of each epoch, and more."""

import csv
import math
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from pinch.core.files import read_json, write_text
from pinch.core.record_types.weights import Epoch

RESULTS, DIVERGED, AVERAGED = "results.csv", "diverged.json", "averaged.json"
"""The files: the second says in which epoch losses or weights were no longer finite, the third how accurate the average
of the weights of the last epochs is."""
_LOSSES = {field.name for field in fields(Epoch) if field.name.endswith("_loss")}


def keep(path: Path, epochs: int) -> None:
    """Remove the rows of later epochs, which a run that is resumed after `epochs` epochs makes again."""
    if not path.is_file():
        return
    header, *rows = path.read_text().splitlines(keepends=True)
    # A row that was being written when the run was killed is of a later epoch, too.
    kept = [row for row in rows if row.split(",")[0].strip().isdecimal() and int(row.split(",")[0]) <= epochs]
    write_text(path, "".join([header, *kept]))


def diverged_epoch(folder: Path) -> int | None:
    """The epoch in which losses or weights were no longer finite, counted from 1; None if there was none."""
    path = folder / DIVERGED
    return int(read_json(path)["epoch"]) if path.exists() else None


def averaged(folder: Path) -> dict[str, Any]:
    """How many epochs were averaged if the average was kept (else 0), and its mAP50-95 on val (None without one)."""
    path = folder / AVERAGED
    return read_json(path) if path.exists() else {"averaged_epochs": 0, "averaged_map50_95": None}


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
    """The epochs in their order, without those whose accuracy was not finite. A loss that was not finite is None."""
    return [
        Epoch(
            epoch=int(row["epoch"]),
            map50=row["metrics/mAP50(B)"],
            map50_95=row["metrics/mAP50-95(B)"],
            precision=row["metrics/precision(B)"],
            recall=row["metrics/recall(B)"],
            **{
                name: value if math.isfinite(value) else None
                for key, value in row.items()
                if (name := key.replace("/", "_")) in _LOSSES
            },
        )
        for row in _results(path)
        if math.isfinite(row["metrics/mAP50-95(B)"])
    ]
