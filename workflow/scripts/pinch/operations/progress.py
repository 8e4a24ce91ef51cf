"""The progress of trainings, read from their run folders: epoch, accuracy on val, time left."""

import contextlib
import csv
import statistics
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yaml

from pinch.core.errors import PinchError

# A training counts as stopped if it has written nothing for this many of its epochs and this many seconds.
_SILENT_EPOCHS = 3
_SILENT_SECONDS = 300
# Columns without which a row is not yet complete.
_NEEDED = {"epoch", "time", "metrics/mAP50-95(B)"}


@dataclass(frozen=True)
class Training:
    """One training.

    Attributes:
        model: its name.
        state: "done", "running", or "silent" (killed, or waiting to be resumed).
        epoch: number of finished epochs.
        epochs: number of requested epochs.
        map50, map50_95: of the last epoch, on val; None before the first ends.
        best: highest map50_95 so far.
        seconds_left: upper limit, for all epochs (patience may end it earlier); None if it is not known.
        silent_seconds: seconds since the run folder last changed.
    """

    model: str
    state: str
    epoch: int
    epochs: int
    map50: float | None
    map50_95: float | None
    best: float | None
    seconds_left: float | None
    silent_seconds: float


def trainings(results: Path, now: float | None = None) -> list[Training]:
    """The trainings of a run that have begun, the most recently changed last.

    Args:
        results: `results/<name>`.
        now: the current time in seconds since the epoch; None: the system's.

    Raises:
        PinchError: there is no such run.
    """
    models = results / "models"
    if not models.is_dir():
        raise PinchError(f"{models} does not exist: name the folder of a run, such as results/demo")
    clock = time.time() if now is None else now
    found = []
    for folder in (*models.iterdir(), *results.glob("studies/*/*")):
        # A training that begins or is removed at this moment is left out.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
            found.append(_read(folder, clock))
    return sorted(found, key=lambda training: -training.silent_seconds)


def _read(folder: Path, now: float) -> Training:
    epochs = int(yaml.safe_load((folder / "args.yaml").read_text())["epochs"])
    rows = _rows(folder / "results.csv")
    changed = max(_changed(path) for path in (folder, *folder.glob("*.*"), *folder.glob("weights/*")))
    done = _changed(folder.parent / f"{folder.name}.pt") >= changed
    spent = [row["time"] for row in rows]
    steps = [after - before for before, after in pairwise([0.0, *spent]) if after > before]
    pace = statistics.median(steps) if steps else None
    silent = max(0.0, now - changed)
    alive = silent < max(_SILENT_SECONDS, _SILENT_EPOCHS * (pace or 0))
    last = rows[-1] if rows else {}
    return Training(
        model=folder.name,
        state="done" if done else "running" if alive else "silent",
        epoch=int(last.get("epoch", 0)),
        epochs=epochs,
        map50=last.get("metrics/mAP50(B)"),
        map50_95=last.get("metrics/mAP50-95(B)"),
        best=max((row["metrics/mAP50-95(B)"] for row in rows), default=None),
        seconds_left=None if pace is None or done else pace * (epochs - int(last["epoch"])),
        silent_seconds=silent,
    )


def _changed(path: Path) -> float:
    """When a file was last changed; 0 if it is not there, or no more."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _rows(path: Path) -> list[dict[str, float]]:
    """The epochs of Ultralytics' results.csv; what is being written is left out."""
    try:
        lines = list(csv.DictReader(path.read_text().splitlines()))
    except (OSError, ValueError, csv.Error):
        return []
    rows = []
    for line in lines:
        try:
            row = {key.strip(): float(value) for key, value in line.items() if key}
        except (TypeError, ValueError, AttributeError):
            continue
        if row.keys() >= _NEEDED:
            rows.append(row)
    return rows
