"""Time per frame of exported files and of Ultralytics' exports of the same model, measured in one run."""

import shutil
from pathlib import Path
from typing import Any

from pinch.artifacts import job
from pinch.core.errors import PinchError
from pinch.core.files import size
from pinch.data import check
from pinch.data import dataset as datasets
from pinch.data.for_ultralytics import ultralytics_yaml
from pinch.measuring import timing
from pinch.run.formats import parse_spec
from pinch.weights import checkpoints

COLUMNS = ("model", "file", "p50_ms", "relative_time", "relative_bytes", "kept_map50_95")


def benchmark(
    models: dict[str, Path],
    data: Path,
    source: Path,
    settings: job.ExportSettings,
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
        `kept_map50_95` is the share of the float model's accuracy on val, or None if it was not measured.
    """
    base = next(iter(models))
    rows = ultralytics_exports(base, models[base], data, settings, folder / "ultralytics")
    rows += [_row("others", name, path) for name, path in peers.items()]
    for name, model in models.items():
        with job.open_session(model, data, settings) as session:
            for spec in artifacts:
                precision, entry = parse_spec(spec)
                path = folder / f"{name}_{spec}"
                result = job.run(session, precision, entry, path)
                rows.append(_row(name, spec, path, result.guard.share if result.guard else None))
    for row, median in zip(rows, timing.compare([row["path"] for row in rows], source, timing_settings), strict=True):
        row |= {"p50_ms": median, "bytes": size(row["path"])}
    stock = rows[0]
    for row in rows:
        row["relative_time"] = row["p50_ms"] / stock["p50_ms"]
        row["relative_bytes"] = row["bytes"] / stock["bytes"]
    return [{column: row[column] for column in COLUMNS} for row in rows]


def ultralytics_exports(
    name: str, model: Path, data: Path, settings: job.ExportSettings, folder: Path
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
        with labels_from_manifest():
            exported = YOLO(source).export(format="onnx", imgsz=imgsz, device="cpu", verbose=False, **options)
        if not exported or not Path(exported).exists():
            raise PinchError(f"Ultralytics could not export {model} to {precision} ONNX: see its messages above")
        rows.append(_row(f"{name} (Ultralytics)", f"{precision}.onnx", Path(exported)))
    return rows


def _row(model: str, file: str, path: Path, kept: float | None = None) -> dict[str, Any]:
    return {"model": model, "file": file, "path": path, "kept_map50_95": kept}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table; cells without a measurement are empty."""
    lines = [COLUMNS, ["---"] * len(COLUMNS)]
    lines += [[_cell(row[column]) for column in COLUMNS] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
