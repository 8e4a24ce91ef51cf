"""Gather the records of a run into tables. Every cell is read from a record; none is computed here.

`gather` reads the records that the manifest names, so records of an earlier run in the same folder are in no table.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.files import atomic
from pinch.run import manifest
from pinch.run.identity import Artifact, Model
from pinch.tables import stages

# The first columns of each table are a fixed interface: see results/README.md.
_ACCURACY = ["map50", "map50_95", "val_map50", "val_map50_95"]
_TIMES = ["p50_ms", "p90_ms", "p99_ms", "mean_ms", "min_ms", "preprocess_ms", "postprocess_ms"]
_CONDITIONS = ["peak_rss_mb", "energy_mj", "energy_source", "imgsz", "relative_to_baseline", "spread", "exclusive"]
_CONDITIONS += ["energy_net_mj", "frames", "warmup", "rounds", "source"]
COLUMNS = {
    "models": [
        *["model", "method", "ratio", "parameters", "nonzero_parameters", "macs", "map50", "map50_95"],
        *["map50_before_tuning", "map50_95_before_tuning", "val_map50", "val_map50_95"],
        *["val_map50_before_tuning", "val_map50_95_before_tuning", "imgsz", "bytes", "bytes_zipped", "label"],
    ],
    "artifacts": [
        *["model", "format", "precision", "file", "bytes", "bytes_zipped", *_ACCURACY],
        *["method", "ratio", "label", "imgsz", "target", "export_seconds"],
    ],
    "inference": [
        *["device", "model", "format", "precision", "threads", *_TIMES, "peak_rss_mb", "energy_mj", "energy_source"],
        *["file", "method", "ratio", "label", "imgsz"],
        *["relative_to_baseline", "baseline_file", "baseline_p50_ms", "spread", "exclusive"],
        *["busy_cores", "energy_net_mj", "frames", "warmup", "rounds", "source", "processor", "notes"],
    ],
    "dataset": ["split", "images", "users", "class", "boxes"],
    "training": [
        *["model", "epoch", "map50", "map50_95", "best_epoch", "epochs_requested", "seconds", "imgsz", "device"],
        *["method", "ratio", "label"],
    ],
    "sensitivity": [
        *["study", "method", "layer", "variant", "ratio", "tuned", "map50_95", "base_map50_95", "sparsity"],
        *["split", "images"],
    ],
    "stages": stages.COLUMNS,
    "missing": ["table", "row", "record", "reason"],
}
_WHOLE = ["parameters", "nonzero_parameters", "macs", "imgsz", "bytes", "bytes_zipped", "threads", "frames", "warmup"]
_WHOLE += ["rounds", "images", "users", "boxes", "epoch", "best_epoch", "epochs_requested", "jobs"]


@dataclass
class Gathered:
    """The tables by name, and the rows of the table `missing`: what the manifest names but no record has."""

    tables: dict[str, pd.DataFrame]
    missing: list[dict[str, str]]


def gather(results: Path, partial: bool = False) -> Gathered:
    """Gather a run's records into tables.

    Args:
        results: folder of the run, `results/<name>`.
        partial: make the tables without records that are missing or unreadable, instead of raising an error.

    Raises:
        PinchError: a record is missing or unreadable and not `partial`, or there is nothing to gather.
    """
    reader = _Reader(results, manifest.load(results))
    found = {
        "models": reader.models(),
        "artifacts": reader.artifacts(),
        "inference": reader.inference(),
        "dataset": reader.dataset(),
        "training": reader.training(),
        "sensitivity": reader.sensitivity(),
        "stages": stages.rows(results / "benchmarks"),
        "missing": reader.missing,
    }
    if reader.missing and not partial:
        raise PinchError(_describe(reader.missing, results))
    return Gathered({name: frame(name, rows) for name, rows in found.items()}, reader.missing)


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


def read(results: Path, name: str) -> pd.DataFrame:
    """Read `results/tables/<name>.csv`.

    Raises:
        PinchError: it does not exist, or is not this table.
    """
    path = results / f"tables/{name}.csv"
    if not path.exists():
        command = "select_models.py" if name == "selection" else "gather.py"
        raise PinchError(f"{path} does not exist: run {command} {results} first")
    try:
        table = pd.read_csv(path)
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
    shown = "; ".join(unique[:3]) + (f"; and {len(unique) - 3} more" if len(unique) > 3 else "")
    return (
        f"{len(unique)} of the records that {results}/manifest.json asks for cannot be used: {shown}. "
        "Run the workflow again to make them, or gather what is there with --partial"
    )


@dataclass
class _Reader:
    """Reads records and collects those that are missing."""

    results: Path
    expected: manifest.Manifest
    missing: list[dict[str, str]] = field(default_factory=list)

    def models(self) -> list[dict[str, Any]]:
        rows = []
        for model in self.expected.models:
            row = self._required("models", str(model), "accuracy", str(model))
            if row is None:
                continue
            result, before = row["result"], {}
            if model.method != "none":
                before = (self._required("models", str(model), "accuracy", str(model.untuned)) or {}).get("result", {})
            rows.append(
                _of_model(model)
                | _pick(result, "parameters", "nonzero_parameters", "macs", "imgsz", "bytes", "bytes_zipped")
                | _accuracy(result)
                | {f"{key}_before_tuning": value for key, value in _accuracy(before).items()}
            )
        return rows

    def artifacts(self) -> list[dict[str, Any]]:
        rows = []
        for artifact in self.expected.artifacts:
            record = self._required("artifacts", artifact.file, "accuracy", artifact.file)
            if record is None:
                continue
            result = record["result"]
            export = (self._optional("export", artifact.file) or {}).get("result", {})
            row = _of_artifact(artifact)
            row |= _pick(result, "bytes", "bytes_zipped", "imgsz") | _accuracy(result)
            row |= {"target": export.get("target"), "export_seconds": export.get("seconds")}
            for part in ("parity", "guard", "calibration"):
                row |= _flat(part, export.get(part))
            rows.append(row)
        return rows

    def inference(self) -> list[dict[str, Any]]:
        rows = []
        for timing in self.expected.timings:
            file = timing.artifact.file
            row_name = f"{file} on {timing.device}, {timing.threads} threads"
            record = self._required("inference", row_name, f"inference/{timing.place}", file)
            if record is None:
                continue
            result, baseline = record["result"], record["result"].get("baseline") or {}
            row = {"device": timing.device, "threads": timing.threads} | _of_artifact(timing.artifact)
            row |= _pick(result, *_TIMES, *_CONDITIONS)
            row |= {"baseline_file": baseline.get("file"), "baseline_p50_ms": baseline.get("p50_ms")}
            row |= {"busy_cores": (result.get("others") or {}).get("busy_cores")}
            hardware = record["provenance"].get("hardware", {})
            row |= {"processor": hardware.get("gpu") if timing.device == "gpu" else hardware.get("cpu")}
            row |= {"notes": "; ".join(map(str, result.get("notes") or []))}
            rows.append(row)
        return rows

    def dataset(self) -> list[dict[str, Any]]:
        rows = []
        record = self._optional("dataset")
        if record is not None:
            for split, content in record["result"].get("splits", {}).items():
                for name, boxes in content.get("boxes", {}).items():
                    rows.append({"split": split, "class": name, "boxes": boxes} | _pick(content, "images", "users"))
        return rows

    def training(self) -> list[dict[str, Any]]:
        rows = []
        for model in self.expected.models:
            result = (self._optional("training", str(model)) or {}).get("result", {})
            about = _pick(result, "best_epoch", "epochs_requested", "seconds", "imgsz", "device")
            about |= _of_model(model)
            rows += [_scalars(point) | about for point in result.get("curve", [])]
        return rows

    def sensitivity(self) -> list[dict[str, Any]]:
        rows = []
        for study in self.expected.studies:
            record = self._required("sensitivity", study, "sensitivity", study)
            if record is None:
                continue
            result = record["result"]
            shared = _scalars(result)
            rows += [{"study": "layers"} | shared | _scalars(row) for row in result.get("layers", [])]
            rows += [{"study": "explain"} | shared | _scalars(row) for row in result.get("rows", [])]
        return rows

    def _optional(self, kind: str, stem: str | None = None) -> dict[str, Any] | None:
        path = self.results / "records" / (f"{kind}/{stem}.json" if stem else f"{kind}.json")
        return self._read(path, kind, kind, path.stem) if path.exists() else None

    def _required(self, table: str, row: str, folder: str, stem: str) -> dict[str, Any] | None:
        path = self.results / f"records/{folder}/{stem}.json"
        return self._read(path, folder.split("/")[0], table, row)

    def _read(self, path: Path, kind: str, table: str, row: str) -> dict[str, Any] | None:
        reason = "no record"
        if path.exists():
            try:
                return records.read(path, kind)
            except PinchError:
                reason = f"not a readable record of kind {kind}"
        relative = path.relative_to(self.results).as_posix()
        self.missing.append({"table": table, "row": row, "record": relative, "reason": reason})
        return None


def _of_model(model: Model) -> dict[str, Any]:
    return {"model": str(model), "method": model.method, "ratio": model.ratio, "label": model.label}


def _of_artifact(artifact: Artifact) -> dict[str, Any]:
    return _of_model(artifact.model) | {
        "model": artifact.sized_model,
        "label": artifact.label,
        "format": artifact.format.name,
        "precision": artifact.precision,
        "file": artifact.file,
    }


def _accuracy(result: dict[str, Any]) -> dict[str, Any]:
    """Accuracy on test, and with a prefix on val: test is reported, val decides choices."""
    splits = result.get("splits") or {}
    test, val = splits.get("test") or {}, splits.get("val") or {}
    return _pick(test, "map50", "map50_95") | {f"val_{key}": val.get(key) for key in ("map50", "map50_95")}


def _pick(source: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: source.get(key) for key in keys}


def _scalars(source: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in source.items() if isinstance(value, str | int | float)}


def _flat(prefix: str, source: dict[str, Any] | None) -> dict[str, Any]:
    """A part of an export record as columns: {"share": 0.99} of `guard` becomes guard_share. Of a list, its length."""
    counts = {key: len(value) for key, value in (source or {}).items() if isinstance(value, list)}
    return {f"{prefix}_{key}": value for key, value in (_scalars(source or {}) | counts).items()}
