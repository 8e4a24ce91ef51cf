"""Time per frame of exported files and of Ultralytics' exports of the same model, measured in one run."""

import contextlib
import dataclasses
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pinch.artifacts import job
from pinch.artifacts.session import ExportSettings, open_session
from pinch.core.errors import PinchError
from pinch.core.files import size
from pinch.data import check
from pinch.data import dataset as datasets
from pinch.data.for_ultralytics import ultralytics_yaml
from pinch.measuring import timing
from pinch.run.formats import parse_spec
from pinch.weights import checkpoints

COLUMNS = ("model", "file", "p50_ms", "relative_time", "relative_bytes", "kept_map50_95", "failed")


def benchmark(
    models: dict[str, Path],
    data: Path,
    source: Path,
    settings: ExportSettings,
    timing_settings: timing.TimingSettings,
    artifacts: list[str],
    peers: dict[str, Path],
    folder: Path,
) -> list[dict[str, Any]]:
    """Export models and time them in shuffled rounds with Ultralytics' exports of the first.

    Args:
        models: checkpoints by their names in the table; the first is the base.
        data: data.yaml, for calibration and the accuracy guard.
        source: frames to time on: a video, an image, or a folder of images.
        settings: of the export.
        timing_settings: of the measurement.
        artifacts: artifacts to export of each model, e.g. "int8.onnx".
        peers: other files to time, by name.
        folder: an empty folder for the files.

    Returns:
        One row of COLUMNS for each file. Times and bytes are relative to Ultralytics' float32 ONNX export of the base;
        `kept_map50_95` is the share of the float model's accuracy on val, or None if it was not measured. `failed` says
        why a file could not be made or run, or that it failed its check; None for all others.

    Raises:
        PinchError: what all rows are relative to could not be made or run, or the source cannot be read.
    """
    base = next(iter(models))
    rows = ultralytics_exports(base, models[base], data, settings, folder / "ultralytics")
    rows += [row_of("others", name, path) for name, path in peers.items()]
    for name, model in models.items():
        rows += exports(name, model, data, settings, artifacts, folder)
    return timed(rows, source, timing_settings)


def timed(rows: list[dict[str, Any]], source: Path, timing_settings: timing.TimingSettings) -> list[dict[str, Any]]:
    """Time the files of rows and complete the rows, see `benchmark`; the first is what all others are compared with."""
    trial = dataclasses.replace(timing_settings, rounds=1, frames=1, warmup=0, min_seconds=0)
    for row in rows:
        if row["path"]:
            with _costs_only(row):
                timing.compare([row["path"]], source, trial)
    stock, usable = rows[0], [row for row in rows if row["path"]]
    if not stock["path"]:
        raise PinchError(f"what all files are compared with could not be timed: {stock['failed']}")
    medians = timing.compare([row["path"] for row in usable], source, timing_settings)
    for row, median in zip(usable, medians, strict=True):
        row |= {"p50_ms": median, "bytes": size(row["path"])}
    for row in usable:
        row["relative_time"] = row["p50_ms"] / stock["p50_ms"]
        row["relative_bytes"] = row["bytes"] / stock["bytes"]
    return [{column: row.get(column) for column in COLUMNS} for row in rows]


def exports(
    name: str, model: Path, data: Path, settings: ExportSettings, artifacts: list[str], folder: Path
) -> list[dict[str, Any]]:
    """Export a model; rows of `benchmark` whose files are not timed yet."""
    rows = [row_of(name, spec, folder / f"{name}_{spec}") for spec in artifacts]
    session = None
    with contextlib.ExitStack() as stack:
        for row in rows:
            with _costs_only(row):
                session = session or stack.enter_context(open_session(model, data, settings))
                precision, entry = parse_spec(row["file"])
                made = job.run(session, precision, entry, row["path"])
                if made.unchecked:
                    raise PinchError(made.unchecked)
                row |= {"kept_map50_95": made.guard.share if made.guard else None, "failed": made.failed}
    return rows


@contextlib.contextmanager
def _costs_only(row: dict[str, Any]) -> Iterator[None]:
    """Whatever goes wrong in the block, in any library, costs this row only, which then says so."""
    try:
        yield
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        print(f"warning: {row['model']} {row['file']} is left out: {reason}", file=sys.stderr)
        row |= {"path": None, "failed": reason}


def ultralytics_exports(
    name: str, model: Path, data: Path, settings: ExportSettings, folder: Path
) -> list[dict[str, Any]]:
    """Ultralytics' own float32 and int8 ONNX exports of a checkpoint, as rows of the table."""
    from ultralytics import YOLO

    from pinch.data.ultralytics_dataset import labels_from_manifest

    imgsz = settings.imgsz or checkpoints.load(model).imgsz
    folder.mkdir(parents=True)
    dataset = datasets.load(data)
    yaml = ultralytics_yaml(dataset, check.current(dataset, ["val"]), ["val"], folder)
    rows = []
    for precision, options in (("full", {}), ("int8", {"quantize": 8, "data": str(yaml)})):
        source = folder / f"{precision}.pt"
        shutil.copyfile(model, source)  # Ultralytics writes beside the checkpoint
        row = row_of(f"{name} (Ultralytics)", f"{precision}.onnx", source.with_suffix(".onnx"))
        options |= {"format": "onnx", "imgsz": imgsz, "device": "cpu", "verbose": False}
        with _costs_only(row), labels_from_manifest():
            row["path"] = Path(YOLO(source).export(**options))
        rows.append(row)
    return rows


def row_of(model: str, file: str, path: Path) -> dict[str, Any]:
    """A row before its file is timed. Its `path` is None where there is no file that can be."""
    return {"model": model, "file": file, "path": path}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table; cells without a measurement are empty."""
    lines = [COLUMNS, ["---"] * len(COLUMNS)]
    lines += [[_cell(row[column]) for column in COLUMNS] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def time_table(rows: list[dict[str, Any]]) -> str:
    """The relative times as a Markdown table: a line for each kind of file, a column for each model.

    A file that failed its check is marked with an asterisk; one without a time has an empty cell.
    """
    models, files = (list(dict.fromkeys(row[key] for row in rows)) for key in ("model", "file"))
    times = {(row["file"], row["model"]): _time(row) for row in rows}
    lines = [["file", *models], ["---"] * (1 + len(models))]
    lines += [[file, *(times.get((file, model), "") for model in models)] for file in files]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _time(row: dict[str, Any]) -> str:
    if row["relative_time"] is None:
        return ""
    return f"{row['relative_time']:.2f}{'*' if row['failed'] else ''}"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
