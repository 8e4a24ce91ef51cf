"""What a run knows of an artifact: its figures, what it was chosen for, and the records behind them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinch.apps.bundle.contract import Accuracy, ChosenFor, Contract, Measured, Time
from pinch.core.errors import PinchError
from pinch.core.provenance import Provenance
from pinch.core.record_types.data import DatasetRecord
from pinch.core.record_types.exports import ExportRecord
from pinch.core.record_types.measurements import AccuracyRecord
from pinch.core.record_types.weights import PruningRecord, TrainingRecord
from pinch.run import manifest
from pinch.run.formats import format_of
from pinch.tables import chosen, gathering
from pinch.tables.cells import clean
from pinch.tables.reading import RunRecords

_SPLITS = {"val": "val_", "test": ""}
"""Splits with the prefixes of their columns."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a run says of an artifact; None, or nothing, where it does not.

    Attributes:
        measured: its figures.
        chosen_for: what it was chosen for.
        row: its row of artifacts.csv.
        accuracy, export, training, pruning, dataset: records of it, of its model, and of the data.
        made: how the accuracy was measured.
    """

    measured: Measured
    chosen_for: list[ChosenFor]
    row: dict[str, Any]
    accuracy: AccuracyRecord | None
    export: ExportRecord | None
    training: TrainingRecord | None
    pruning: PruningRecord | None
    dataset: DatasetRecord | None
    made: Provenance | None


def chosen_files(results: Path) -> tuple[list[Path], list[str]]:
    """The chosen artifacts of a run that apps run, and the names of the others.

    Raises:
        PinchError: nothing was chosen, or nothing that an app runs.
    """
    names = chosen.files(results)
    fit = [name for name in names if (entry := format_of(name)) and entry.app_runtime]
    if not fit:
        raise PinchError(
            f"{results}/tables/selection.csv names no file that an app runs, so there is nothing to bundle"
        )
    return [results / "artifacts" / name for name in fit], [name for name in names if name not in fit]


def of_run(results: Path, contract: Contract) -> Known:
    """What a run knows of the artifact that a contract describes.

    Raises:
        PinchError: the run has no such artifact, measured another state of it, or a record of it cannot be used.
    """
    expected = manifest.load(results)
    artifact = next((each for each in expected.artifacts if each.file == contract.file), None)
    rows = _rows(results, "artifacts", contract.file)
    if artifact is None or not rows:
        raise PinchError(f"{results} measured no {contract.file}: name the run that it is from, or leave out --results")
    read, file, model = RunRecords(results), contract.file, artifact.model
    accuracy = read.read("bundle", file, f"accuracy/{file}", AccuracyRecord)
    known = Known(
        measured=_measured(rows[0], _rows(results, "inference", file)),
        chosen_for=_chosen_for(results, file),
        row=rows[0],
        accuracy=accuracy.value if accuracy else None,
        export=read.optional("bundle", file, f"export/{file}", ExportRecord),
        training=read.optional("bundle", file, f"training/{model}", TrainingRecord),
        pruning=read.optional("bundle", file, f"pruning/{model.untuned}", PruningRecord),
        dataset=read.optional("bundle", file, "dataset", DatasetRecord),
        made=accuracy.provenance if accuracy else None,
    )
    if read.missing:
        raise PinchError(f"{results}/{read.missing[0]['record']} cannot be used: {read.missing[0]['reason']}")
    if read.states.get(file, contract.sha256) != contract.sha256:
        raise PinchError(f"{results} measured another state of {file}: run the workflow again")
    return known


def _rows(results: Path, table: str, file: str) -> list[dict[str, Any]]:
    """The rows of a table that are of a file."""
    found = gathering.read(results, table)
    return clean(found[found["file"] == file])


def _chosen_for(results: Path, file: str) -> list[ChosenFor]:
    if not (results / "tables/selection.csv").exists():
        return []
    rows = _rows(results, "selection", file)
    return [ChosenFor(want=row["want"], place=row["place"], reason=row["reason"]) for row in rows]


def _measured(row: dict[str, Any], timed: list[dict[str, Any]]) -> Measured:
    accuracy = [
        Accuracy(
            split=split,
            images=row[f"{prefix}images"],
            map50=row[f"{prefix}map50"],
            map50_95=row[f"{prefix}map50_95"],
            low=row[f"{prefix}map50_95_low"],
            high=row[f"{prefix}map50_95_high"],
        )
        for split, prefix in _SPLITS.items()
        if row[f"{prefix}map50_95"] is not None
    ]
    times = [
        Time(
            **{
                name: each[name]
                for name in ("device", "processor", "threads", "preprocess_ms", "p50_ms", "p90_ms", "postprocess_ms")
            }
        )
        for each in timed
        if each["p50_ms"] is not None
    ]
    return Measured(
        accuracy=accuracy,
        times=times,
        bytes_zipped=row["bytes_zipped"],
        kept=row["val_kept"],
        kept_low=row["val_kept_low"],
        kept_high=row["val_kept_high"],
    )
