"""Gather the records of a run into tables. Every cell is read from a record; none is computed here.

`gather` reads the records that the manifest names, so records of an earlier run in the same folder are in no table.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from pinch.core.errors import PinchError
from pinch.core.files import atomic
from pinch.core.record_types.data import BOX_COUNTS, DatasetRecord
from pinch.core.record_types.exports import ExportRecord
from pinch.core.record_types.imported import ImportedRecord
from pinch.core.record_types.measurements import AccuracyRecord, InferenceRecord
from pinch.core.record_types.studies import ExplainRecord, LayerScanRecord
from pinch.core.record_types.weights import TrainingRecord
from pinch.core.text import first
from pinch.run import manifest
from pinch.run.identity import Artifact, Model
from pinch.tables import accuracies, compared, composition, intervals, provenance, seeds, stages, timings, trainings
from pinch.tables.cells import flat, pick, scalars
from pinch.tables.reading import RunRecords

# Columns of names, which may look like numbers or like missing values ("1", "null").
_NAMES = ["class", "worst_class", "of_float_worst_class", "val_worst_class", "val_of_float_worst_class", "detected"]
_NAMES += ["model", "label", "file", "reference", "layer", "source", "records", "pinch", "git_revision"]
_NAMES += ["val_lowest_class", "want", "runner_up", "own_model", "unpruned"]
_NAMES += ["device", "imported", "processor", "proxy_for", "place", "cpu_flags", "clock_mhz", "nodes"]
# The first columns of each table are a fixed interface: see results/README.md.
COLUMNS = {
    "models": [
        *["model", "method", "ratio", "parameters", "nonzero_parameters", "macs", "map50", "map50_95"],
        *["map50_before_tuning", "map50_95_before_tuning", "val_map50", "val_map50_95"],
        *["val_map50_before_tuning", "val_map50_95_before_tuning", "imgsz", "bytes", "bytes_zipped", "label", "tuned"],
        *accuracies.LOOKED_AT,
        *[*accuracies.IN_USE, *intervals.COLUMNS["models"]],
    ],
    "artifacts": [
        *["model", "format", "precision", "file", "bytes", "bytes_zipped", *accuracies.FIXED],
        *["method", "ratio", "label", "imgsz", "failed", "unchecked", "target", "export_seconds"],
        *accuracies.LOOKED_AT,
        *["candidates", "candidates_kept", "known_slow", "costly", "accuracy_notes"],
        *[*accuracies.IN_USE, *intervals.COLUMNS["artifacts"]],
    ],
    "inference": timings.COLUMNS,
    "dataset": composition.COLUMNS,
    "training": trainings.COLUMNS,
    "sensitivity": [
        *["study", "method", "layer", "variant", "ratio", "tuned", "map50_95", "base_map50_95", "sparsity"],
        *["split", "images"],
    ],
    "chosen": ["file", "map50", "map50_95", "images", "part_map50_95", "part_images"],
    "stages": stages.COLUMNS,
    "provenance": provenance.COLUMNS,
    **seeds.COLUMNS,
    "missing": ["table", "row", "record", "reason"],
    **compared.COLUMNS,
}
# Who writes the tables that gather.py does not.
_COMMANDS = dict.fromkeys(("selection", "output_types"), "select_models.py") | {"chosen": "evaluate_chosen.py"}
_WHOLE = ["parameters", "nonzero_parameters", "macs", "imgsz", "bytes", "bytes_zipped", "threads", "frames", "warmup"]
_WHOLE += ["rounds", "images", "users", "boxes", "epoch", "best_epoch", "epochs_requested", "jobs", "seed", "seeds"]
_WHOLE += [*accuracies.LOOKED_AT, "images_with", "users_with", *(f"images_of_{count}" for count in BOX_COUNTS)]
_WHOLE += ["persons", "val_persons", "part_images", "candidates", "batch", "batch_used", "diverged_epoch", "count"]
_WHOLE += ["averaged_epochs"]


@dataclass
class Gathered:
    """The tables by name, and the rows of the table `missing`: what the manifest names but no record has."""

    tables: dict[str, pd.DataFrame]
    missing: list[dict[str, str]]


def gather(results: Path, partial: bool = False, reasons: Mapping[str, str] | None = None) -> Gathered:
    """Gather a run's records into tables.

    Args:
        results: folder of the run, `results/<name>`.
        partial: make the tables without records that are missing or cannot be used, instead of raising an error.
        reasons: why a record is missing, as far as the caller knows, by its path relative to `results`.

    Raises:
        PinchError: a record is missing or cannot be used and not `partial`, or there is nothing to gather.
    """
    read = RunRecords(results, reasons or {})
    reader = _Reader(read, manifest.load(results))
    tables = {
        "models": reader.models(),
        "artifacts": reader.artifacts(),
        "inference": reader.inference(),
        "dataset": composition.rows(read.optional("dataset", "dataset", "dataset", DatasetRecord)),
        "training": reader.training(),
        "sensitivity": reader.sensitivity(),
        "stages": stages.rows(results / "benchmarks"),
        "missing": read.missing,
    }
    intervals.add(read, tables["models"], tables["artifacts"])
    tables[seeds.SEEDS] = seeds.rows(tables["models"], reader.other_seeds(), reader.expected.seed)
    tables[seeds.MEANS] = seeds.means(tables[seeds.SEEDS])
    tables["provenance"] = provenance.rows(read.made)
    if read.missing and not partial:
        raise PinchError(_describe(read.missing, results))
    return Gathered({name: frame(name, rows) for name, rows in tables.items()}, read.missing)


def frame(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A table from its rows: the fixed columns first, then all other keys of the rows, with whole numbers as Int64."""
    table = pd.DataFrame(rows, columns=_columns(name, rows))
    for column in table.columns.intersection(_WHOLE):
        table[column] = pd.to_numeric(table[column]).round().astype("Int64")
    return table


def _columns(name: str, rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys([*COLUMNS[name], *(key for row in rows for key in row)]))


def write(results: Path, name: str, table: pd.DataFrame) -> None:
    """Write `results/tables/<name>.csv`, completely or not at all."""
    with atomic(results / f"tables/{name}.csv") as temporary:
        table.to_csv(temporary, index=False)


def write_all(results: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write several tables, by their names, as `write` does."""
    for name, table in tables.items():
        write(results, name, table)


def read(results: Path, name: str) -> pd.DataFrame:
    """Read `results/tables/<name>.csv`. Where nothing was compared, the tables of `compared` are empty.

    Raises:
        PinchError: it does not exist, or is not this table.
    """
    path = results / f"tables/{name}.csv"
    if not path.exists() and name in compared.COLUMNS:
        return pd.DataFrame(columns=compared.COLUMNS[name])
    if not path.exists():
        raise PinchError(f"{path} does not exist: run {_COMMANDS.get(name, 'gather.py')} {results} first")
    try:
        table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(_NAMES, str))
    except (ValueError, UnicodeDecodeError) as error:
        raise PinchError(f"{path} is not a table ({error}): run gather.py again") from error
    lacking = [column for column in COLUMNS.get(name, []) if column not in table]
    if lacking:
        raise PinchError(f"{path} lacks the columns {', '.join(lacking)}: run gather.py again")
    return table


def rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as dictionaries."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _describe(missing: list[dict[str, str]], results: Path) -> str:
    unique = list(dict.fromkeys(f"{row['record']} ({row['reason']})" for row in missing))
    shown = first(unique, 3, between="; ")
    return (
        f"{len(unique)} of the records that {results}/manifest.json asks for cannot be used: {shown}. "
        f"Run the workflow again to make them, or see what is there with partial_report.py {results}"
    )


@dataclass(frozen=True)
class _Reader:
    """Makes the rows of each table from the records that the manifest expects."""

    found: RunRecords
    expected: manifest.Manifest
    _exports: dict[str, ExportRecord | None] = field(default_factory=dict)

    def _export(self, file: str) -> ExportRecord | None:
        """How an artifact was exported, read once for all tables."""
        if file not in self._exports:
            self._exports[file] = self.found.optional("export", file, f"export/{file}", ExportRecord)
        return self._exports[file]

    def models(self) -> list[dict[str, Any]]:
        return [row for model in self.expected.models if (row := self._model("models", model))]

    def other_seeds(self) -> list[dict[str, Any]]:
        """The same of models with other seeds, with what `seeds.rows` needs to know of them."""
        rows = []
        for model in self.expected.other_seeds:
            # For the provenance of all records.
            self.found.optional(seeds.SEEDS, str(model), f"training/{model}", TrainingRecord)
            if row := self._model(seeds.SEEDS, model):
                own = replace(model, seed=None)
                rows.append({**row, "label": own.label, "seed": model.seed, "own_model": str(own)})
        return rows

    def _model(self, table: str, model: Model) -> dict[str, Any] | None:
        name, before = str(model), None
        measured = self.found.required(table, name, f"accuracy/{name}", AccuracyRecord)
        if measured is None:
            return None
        if model.tuned:
            before = self.found.required(table, name, f"accuracy/{self._tuned_from(model)}", AccuracyRecord)
        return (
            _of_model(model)
            | pick(measured, "parameters", "nonzero_parameters", "macs", "imgsz", "bytes", "bytes_zipped")
            | accuracies.cells(measured)
            | accuracies.before_tuning(before)
        )

    def _tuned_from(self, model: Model) -> Model:
        """The model before it was tuned; a twin whose seed has no base of its own was made of the run's."""
        made = model.method != "none" or model.untuned in self.expected.other_seeds
        return model.untuned if made else replace(model.untuned, seed=None)

    def artifacts(self) -> list[dict[str, Any]]:
        rows = []
        for artifact in self.expected.artifacts:
            file = artifact.file
            export = self._export(file)
            measured = self.found.required("artifacts", file, f"accuracy/{file}", AccuracyRecord)
            # An export whose record cannot be used may have failed its check.
            if measured is None or (export is None and self.found.exists(f"export/{file}")):
                continue
            row = _of_artifact(artifact) | pick(measured, "bytes", "bytes_zipped", "imgsz") | accuracies.cells(measured)
            row |= {"accuracy_notes": "; ".join(measured.notes) or None}
            if export:
                row |= pick(export, "failed", "unchecked", "target", "known_slow", "costly")
                row |= {"export_seconds": export.seconds}
                if export.head:
                    row |= {"candidates": export.head.candidates, "candidates_kept": export.head.kept}
                for part in ("parity", "guard", "calibration"):
                    row |= flat(part, getattr(export, part))
            rows.append(row)
        return rows

    def inference(self) -> list[dict[str, Any]]:
        rows = []
        for timing in self.expected.timings:
            file = timing.artifact.file
            row_name = f"{file} on {timing.device}, {timing.threads} threads"
            found = self.found.read("inference", row_name, f"inference/{timing.place}/{file}", InferenceRecord)
            if found is None:
                continue
            export = self._export(file)
            target = export.target if export else None
            rows.append(_of_artifact(timing.artifact) | timings.row(timing, found.value, found.provenance, target))
        return timings.placed([*rows, *self._imported()])

    def _imported(self) -> Iterator[dict[str, Any]]:
        artifacts = {artifact.file: artifact for artifact in self.expected.artifacts}
        for name in self.expected.imported:
            record = self.found.required("inference", f"times of {name}", f"imported/{name}", ImportedRecord)
            if record is None:
                continue
            for timed in record.timings:
                if timed.file in artifacts:
                    yield _of_artifact(artifacts[timed.file]) | timings.imported_row(name, record, timed)

    def training(self) -> list[dict[str, Any]]:
        rows = []
        for model in self.expected.models:
            name = f"training/{model}"
            if record := self.found.optional("training", str(model), name, TrainingRecord):
                found = trainings.rows(record, self.found.made[name].seed)
                rows += [row | _of_model(model) for row in found]
        return rows

    def sensitivity(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for name in self.expected.studies:
            # A scan that was made by hand may have any name.
            kind = ExplainRecord if name == "explain" else LayerScanRecord
            match self.found.required("sensitivity", name, f"sensitivity/{name}", kind):
                case LayerScanRecord() as scan:
                    rows += [{"study": "layers"} | scalars(scan) | scalars(row) for row in scan.layers]
                case ExplainRecord() as study:
                    rows += [{"study": "explain"} | scalars(study) | scalars(row) for row in study.rows]
        return rows


def _of_model(model: Model) -> dict[str, Any]:
    return model.fields() | {"label": model.label}


def _of_artifact(artifact: Artifact) -> dict[str, Any]:
    return _of_model(artifact.model) | {
        "model": artifact.sized_model,
        "label": artifact.label,
        "format": artifact.format.name,
        "precision": artifact.precision,
        "file": artifact.file,
    }
