"""A run folder with made-up records, to test what is gathered, chosen, drawn and written: never used for figures."""

import json
import os
import zlib
from pathlib import Path

from pinch.core.files import write_json
from pinch.report import contents
from pinch.run.formats import FORMATS
from pinch.run.identity import Artifact, Model, Timing
from pinch.run.manifest import Manifest

PRECISION_TIME = {"full": 1.0, "half": 1.15, "int8": 0.55}
PRECISION_BYTES = {"full": 1.0, "half": 0.51, "int8": 0.31}
PRECISION_ACCURACY = {"full": 1.0, "half": 0.9995, "int8": 0.992}
FORMAT_TIME = {"onnx": 1.0, "tflite": 0.9}
FINE_KEPT = {30: 1.0, 50: 0.99, 70: 0.972, 90: 0.86}
COARSE_KEPT = {30: 0.985, 50: 0.955, 70: 0.88}
BASE = {"val": (0.945, 0.742), "test": (0.93, 0.727)}


def make(
    folder: Path,
    name: str = "demo",
    devices=(("cpu", 1), ("cpu", 2)),
    coarse=(30, 50, 70),
    fine=(30, 50, 70, 90),
    sizes=(None,),
) -> Path:
    """Write a whole run to `folder` and return it."""
    kept = {Model(name): 1.0}
    kept |= {Model(name, "coarse", r / 100, True): COARSE_KEPT[r] for r in coarse}
    kept |= {Model(name, "fine", r / 100, True): FINE_KEPT[r] for r in fine}
    artifacts = [
        Artifact(model, FORMATS[kind], precision, size)
        for model in kept
        for size in sizes
        for kind in FORMAT_TIME
        for precision in PRECISION_TIME
    ]
    timings = [Timing(d, t, a) for d, t in devices for a in artifacts if d == "cpu" or a.format.name == "onnx"]
    expected = Manifest(list(kept), artifacts, timings, ["layers"])
    write_json(folder / "manifest.json", expected.to_json())
    for model, share in kept.items():
        _model(folder, model, share)
    for artifact in artifacts:
        _artifact(folder, artifact, kept[artifact.model])
    for timing in timings:
        _timing(folder, timing)
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


def _model(folder: Path, model: Model, kept: float) -> None:
    method, ratio = model.method, model.ratio
    parameters, size, macs = _size(method, ratio)
    nonzero = int(parameters * (1 - ratio)) if method == "fine" else parameters
    common = {"format": "pt", "precision": None, "imgsz": 320, "bytes": size // 2}
    common |= {"bytes_zipped": int(size * 0.46), "parameters": parameters, "nonzero_parameters": nonzero, "macs": macs}
    result = model.fields() | {"file": f"{model}.pt", "splits": _splits(kept)} | common
    _write(folder, f"accuracy/{model}.json", "accuracy", result)
    epochs = 6 if method == "none" else 4
    final = BASE["val"][1] * kept
    curve = [
        {"epoch": e, "map50": final * 1.27 * (1 - 0.5 * 0.45**e), "map50_95": final * (1 - 0.6 * 0.45**e)}
        for e in range(1, epochs + 1)
    ]
    training = {"model": str(model), "epochs_requested": epochs, "epochs_run": epochs, "best_epoch": epochs}
    training |= {"seconds": 40.0}
    _write(folder, f"training/{model}.json", "training", training | {"imgsz": 320, "device": "cpu", "curve": curve})
    if method != "none":
        untuned = model.untuned
        low = max(0.0, 1 - (2.2 * ratio if method == "coarse" else 1.2 * ratio**3))
        before = untuned.fields() | {"file": f"{untuned}.pt", "splits": _splits(low)} | common
        _write(folder, f"accuracy/{untuned}.json", "accuracy", before)


def _artifact(folder: Path, artifact: Artifact, kept: float) -> None:
    method, ratio, precision = artifact.model.method, artifact.model.ratio, artifact.precision
    size = int(_size(method, ratio)[1] * PRECISION_BYTES[precision])
    zipped = int(size * 0.92 * (1 - 0.8 * ratio)) if method == "fine" else int(size * 0.92)
    result = artifact.model.fields() | {"file": artifact.file, "format": artifact.format.name}
    result |= {"precision": precision, "imgsz": artifact.size or 320, "bytes": size, "bytes_zipped": zipped}
    result["splits"] = _splits(kept * PRECISION_ACCURACY[precision])
    _write(folder, f"accuracy/{artifact.file}.json", "accuracy", result)
    guard = None
    if precision == "int8":
        guard = {"reference": 0.742, "share": 0.992, "required": 0.99, "passed": True, "operators": 90}
        guard |= {"float_operators": ["a", "b"], "steps": [{}, {}]}
    export = {
        "file": artifact.file,
        "target": "x86",
        "seconds": 3.2,
        "parity": {"box": 1e-6, "score": 1e-4},
        "guard": guard,
    }
    _write(folder, f"export/{artifact.file}.json", "export", export)


def _timing(folder: Path, timing: Timing) -> None:
    device, threads, artifact = timing.device, timing.threads, timing.artifact
    precision, kind = artifact.precision, artifact.format.name
    baseline = f"{artifact.model.name}_full.onnx"
    base = {("cpu", 1): 21.0, ("cpu", 2): 12.5, ("gpu", 1): 1.9}[device, threads]
    work = _size(artifact.model.method, artifact.model.ratio)[2] / 408_000_000
    speed = (0.25 + 0.75 * work) * PRECISION_TIME[precision] * FORMAT_TIME[kind]
    if device == "gpu":
        speed = 0.8 + 0.2 * speed if precision != "int8" else 1.9
    # The same artifact with other weights takes the same time: a little noise, the same in every test.
    speed *= 1 + ((sum(map(ord, artifact.file)) % 7) - 3) / 300
    p50 = base * speed
    result = artifact.model.fields() | {"file": artifact.file, "format": kind, "precision": precision}
    result |= {
        "device": device,
        "threads": threads,
        "imgsz": artifact.size or 320,
        "source": "video.mp4",
        "frames": 60,
        "warmup": 10,
        "rounds": 5,
    }
    result |= {"p50_ms": p50, "p90_ms": p50 * 1.08, "p99_ms": p50 * 1.3, "mean_ms": p50 * 1.02, "min_ms": p50 * 0.97}
    result |= {"preprocess_ms": 0.8, "postprocess_ms": 0.4, "peak_rss_mb": 180 + 30 * speed, "energy_mj": None}
    result |= {"energy_source": None, "spread": 0.03, "exclusive": False, "notes": [], "relative_to_baseline": speed}
    result["baseline"] = {"file": baseline, "p50_ms": base}
    if artifact.file == baseline:
        # The baseline is timed alone.
        result |= {"baseline": None, "relative_to_baseline": None}
    _write(folder, f"inference/{timing.place}/{artifact.file}.json", "inference", result)


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
    _write(folder, "sensitivity/layers.json", "sensitivity", result)


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
    expect(folder, studies=["explain", "layers"])


def expect(folder: Path, **changes) -> None:
    """Change parts of a run's manifest."""
    content = json.loads((folder / "manifest.json").read_text())
    write_json(folder / "manifest.json", content | changes)


def add_pictures(folder: Path) -> None:
    """Stand-ins, one pixel each, for the pictures that the report includes."""
    chunks = ((b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0"), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n"
    for name, content in chunks:
        data += len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")
    for item in contents.ITEMS:
        if item.path.endswith(".png"):
            (folder / item.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / item.path).write_bytes(data)
