"""A run folder with made-up records, to test what is gathered, chosen, drawn and written: never used for figures."""

import json
import os
import zlib
from pathlib import Path

from pinch import reporting
from pinch.files import write_json

PRECISION_TIME = {"full": 1.0, "half": 1.15, "int8": 0.55}
PRECISION_BYTES = {"full": 1.0, "half": 0.51, "int8": 0.31}
PRECISION_ACCURACY = {"full": 1.0, "half": 0.9995, "int8": 0.992}
FORMAT_TIME = {"onnx": 1.0, "tflite": 0.9}
FINE_KEPT = {30: 1.0, 50: 0.99, 70: 0.972, 90: 0.86}
COARSE_KEPT = {30: 0.985, 50: 0.955, 70: 0.88}
BASE = {"val": (0.945, 0.742), "test": (0.93, 0.727)}


def make(
    folder: Path, name: str = "demo", devices=(("cpu", 1), ("cpu", 2)), coarse=(30, 50, 70), fine=(30, 50, 70, 90)
) -> Path:
    """Write a whole run to `folder` and return it."""
    models = {name: ("none", 0.0, 1.0)}
    models |= {f"{name}_coarse_prune_{r}_tuned": ("coarse", r / 100, COARSE_KEPT[r]) for r in coarse}
    models |= {f"{name}_fine_prune_{r}_tuned": ("fine", r / 100, FINE_KEPT[r]) for r in fine}
    specs = [f"{p}.{f}" for f in FORMAT_TIME for p in PRECISION_TIME]
    artifacts = [f"{model}_{spec}" for model in models for spec in specs]
    measured = [(d, t, a) for d, t in devices for a in artifacts if d == "cpu" or a.endswith(".onnx")]
    untuned = [model.removesuffix("_tuned") for model, (method, _, _) in models.items() if method != "none"]
    write_json(
        folder / "manifest.json",
        {"name": name, "base": name, "models": list(models), "untuned": untuned, "artifacts": artifacts}
        | {"devices": [list(d) for d in devices], "measurements": [list(m) for m in measured]},
    )
    for model, (method, ratio, kept) in models.items():
        _model(folder, model, method, ratio, kept)
    for artifact in artifacts:
        _artifact(folder, artifact, *models[artifact.rsplit("_", 1)[0]])
    for device, threads, artifact in measured:
        _timing(folder, name, device, threads, artifact, *models[artifact.rsplit("_", 1)[0]])
    _dataset(folder)
    _sensitivity(folder)
    _benchmarks(folder)
    return folder


def _write(folder: Path, path: str, kind: str, result: dict) -> None:
    write_json(folder / "records" / path, {"kind": kind, "result": result, "provenance": _PROVENANCE})


_PROVENANCE = {
    "time": "2026-01-01T00:00:00+00:00",
    "seed": 0,
    "hardware": {"cpu": "Made-up CPU", "gpu": "Made-up GPU", "cores": 2},
}


def _splits(kept: float) -> dict:
    return {
        split: {
            "map50": map50 * min(1, kept**0.5),
            "map50_95": map50_95 * kept,
            "images": 100,
            "instances": 150,
            "per_class": {},
        }
        for split, (map50, map50_95) in BASE.items()
    }


def _size(method: str, ratio: float) -> tuple[int, int, int]:
    width = (1 - ratio) if method == "coarse" else 1.0
    share = 0.1 * width + 0.9 * width**2
    return int(2_583_322 * share), int(10_200_000 * share), int(408_000_000 * share)


def _model(folder: Path, model: str, method: str, ratio: float, kept: float) -> None:
    parameters, size, macs = _size(method, ratio)
    nonzero = int(parameters * (1 - ratio)) if method == "fine" else parameters
    common = {"method": method, "ratio": ratio, "format": "pt", "precision": "full", "imgsz": 320, "bytes": size // 2}
    common |= {"bytes_zipped": int(size * 0.46), "parameters": parameters, "nonzero_parameters": nonzero, "macs": macs}
    result = {"model": model, "tuned": method != "none", "file": f"{model}.pt", "splits": _splits(kept)} | common
    _write(folder, f"accuracy/{model}.json", "accuracy", result)
    epochs = 6 if method == "none" else 4
    final = BASE["val"][1] * kept
    curve = [
        {"epoch": e, "map50": final * 1.27 * (1 - 0.5 * 0.45**e), "map50_95": final * (1 - 0.6 * 0.45**e)}
        for e in range(1, epochs + 1)
    ]
    training = {"model": model, "epochs_requested": epochs, "epochs_run": epochs, "best_epoch": epochs, "seconds": 40.0}
    _write(folder, f"training/{model}.json", "training", training | {"imgsz": 320, "device": "cpu", "curve": curve})
    if method != "none":
        untuned = model.removesuffix("_tuned")
        low = max(0.0, 1 - (2.2 * ratio if method == "coarse" else 1.2 * ratio**3))
        before = {"model": untuned, "tuned": False, "file": f"{untuned}.pt", "splits": _splits(low)} | common
        _write(folder, f"accuracy/{untuned}.json", "accuracy", before)


def _artifact(folder: Path, artifact: str, method: str, ratio: float, kept: float) -> None:
    model, spec = artifact.rsplit("_", 1)
    precision, kind = spec.split(".")
    size = int(_size(method, ratio)[1] * PRECISION_BYTES[precision])
    zipped = int(size * 0.92 * (1 - 0.8 * ratio)) if method == "fine" else int(size * 0.92)
    result = {
        "model": model,
        "method": method,
        "ratio": ratio,
        "tuned": method != "none",
        "file": artifact,
        "format": kind,
    }
    result |= {"precision": precision, "imgsz": 320, "bytes": size, "bytes_zipped": zipped}
    result["splits"] = _splits(kept * PRECISION_ACCURACY[precision])
    _write(folder, f"accuracy/{artifact}.json", "accuracy", result)
    guard = None
    if precision == "int8":
        guard = {"reference": 0.742, "share": 0.992, "required": 0.99, "passed": True, "operators": 90}
        guard |= {"float_operators": ["a", "b"], "steps": [{}, {}]}
    export = {
        "file": artifact,
        "target": "x86",
        "seconds": 3.2,
        "parity": {"box": 1e-6, "score": 1e-4},
        "guard": guard,
    }
    _write(folder, f"export/{artifact}.json", "export", export)


def _timing(
    folder: Path, name: str, device: str, threads: int, artifact: str, method: str, ratio: float, kept: float
) -> None:
    spec = artifact.rsplit("_", 1)[1]
    precision, kind = spec.split(".")
    base = {("cpu", 1): 21.0, ("cpu", 2): 12.5, ("gpu", 1): 1.9}[device, threads]
    speed = (0.25 + 0.75 * _size(method, ratio)[2] / 408_000_000) * PRECISION_TIME[precision] * FORMAT_TIME[kind]
    if device == "gpu":
        speed = 0.8 + 0.2 * speed if precision != "int8" else 1.9
    # The same artifact with other weights takes the same time: a little noise, the same in every test.
    speed *= 1 + ((sum(map(ord, artifact)) % 7) - 3) / 300
    p50 = base * speed
    result = {
        "file": artifact,
        "model": artifact.rsplit("_", 1)[0],
        "format": kind,
        "precision": precision,
        "device": device,
    }
    result |= {"threads": threads, "imgsz": 320, "source": "video.mp4", "frames": 60, "warmup": 10, "rounds": 5}
    result |= {"p50_ms": p50, "p90_ms": p50 * 1.08, "p99_ms": p50 * 1.3, "mean_ms": p50 * 1.02, "min_ms": p50 * 0.97}
    result |= {"preprocess_ms": 0.8, "postprocess_ms": 0.4, "peak_rss_mb": 180 + 30 * speed, "energy_mj": None}
    result |= {"energy_source": None, "spread": 0.03, "exclusive": False, "notes": [], "relative_to_baseline": speed}
    result["baseline"] = {"file": f"{name}_full.onnx", "p50_ms": base}
    if artifact == f"{name}_full.onnx":
        # The baseline is timed alone.
        result |= {"baseline": None, "relative_to_baseline": None}
    _write(folder, f"inference/{device}_{threads}/{artifact}.json", "inference", result)


def _dataset(folder: Path) -> None:
    classes = ["fist", "four", "like", "no_gesture"]
    splits = {}
    for split, images, users in (("train", 400, 28), ("val", 80, 6), ("test", 80, 6)):
        splits[split] = {
            "images": images,
            "users": users,
            "boxes": {c: images // 4 + 3 * i for i, c in enumerate(classes)},
        }
    result = {"data_yaml": "results/demo/dataset/data.yaml", "classes": classes, "splits": splits, "warnings": []}
    _write(folder, "dataset.json", "dataset", result)


def _sensitivity(folder: Path) -> None:
    layers = [
        {"layer": f"model.{index}.conv", "method": "coarse", "ratio": ratio, "base_map50_95": 0.742}
        | {"map50_95": 0.742 * max(0, 1 - ratio * (1.8 - 0.2 * index))}
        for index in range(8)
        for ratio in (0.3, 0.5)
    ]
    result = {
        "model": "demo",
        "method": "coarse",
        "split": "val",
        "images": 80,
        "base_map50_95": 0.742,
        "layers": layers,
    }
    _write(folder, "sensitivity/demo.json", "sensitivity", result)


def _benchmarks(folder: Path, start: float = 1_700_000_000.0) -> None:
    clock = start
    for rule, jobs, seconds, rss in (
        ("synthesize_hands", 1, 30, 400), ("train_base", 1, 240, 2900), ("prune_coarse", 3, 12, 900), ("tune", 7, 50, 2800),  # noqa: E501
        ("export_artifact", 48, 6, 1500), ("evaluate_artifact", 48, 4, 900), ("measure_inference", 96, 2, 300),
    ):  # fmt: skip
        for job in range(jobs):
            path = folder / f"benchmarks/{rule}/{job}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                f"s\th:m:s\tmax_rss\tmean_load\tcpu_time\n{seconds}\t0:00:00\t{rss + job}\t95.0\t{seconds * 0.95}\n"
            )
            clock += seconds if job % 2 == 0 else seconds / 2
            os.utime(path, (clock, clock))


def edit(path: Path, **changes) -> None:
    """Change fields of a record's result."""
    record = json.loads(path.read_text())
    record["result"] |= changes
    path.write_text(json.dumps(record))


def add_explain(folder: Path) -> None:
    """Add a record of the study that repeats the reference's mistakes."""
    kept = {"without DFL": (0.72, 0.68), "with DFL": (0.5, 0.0), "DFL alone": (0.51, 0.0)}
    rows = [
        {"variant": variant, "ratio": ratio, "tuned": False, "map50_95": value, "sparsity": ratio}
        for variant, values in kept.items()
        for ratio, value in zip((0.1, 0.3), values, strict=True)
    ]
    tuned = {"masks held": (0.725, 0.3), "masks lost": (0.726, 0.001), "with DFL, masks lost": (0.0, 0.001)}
    rows += [
        {"variant": variant, "ratio": 0.3, "tuned": True, "map50_95": value, "sparsity": zeros}
        for variant, (value, zeros) in tuned.items()
    ]
    result = {"model": "demo", "split": "test", "images": 80, "base_map50_95": 0.727, "rows": rows}
    _write(folder, "sensitivity/explain.json", "sensitivity", result)


def add_pictures(folder: Path) -> None:
    """Stand-ins, one pixel each, for the pictures that the report includes."""
    chunks = ((b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0"), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n"
    for name, content in chunks:
        data += len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")
    for item in reporting.ITEMS:
        if item.path.endswith(".png"):
            (folder / item.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / item.path).write_bytes(data)
