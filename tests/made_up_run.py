"""A run folder with made-up records, to test what is gathered, chosen, drawn and written: never used for figures."""

import json
import os
import zlib
from dataclasses import replace
from pathlib import Path

import made_up_evidence
import made_up_intervals
import made_up_records as made_up
import numpy as np

from pinch.core import records
from pinch.core.files import write_json
from pinch.core.provenance import Provenance
from pinch.core.record_types.base import Record
from pinch.core.record_types.measurements import AccuracyRecord
from pinch.measuring import evidence
from pinch.report import contents
from pinch.run import manifest
from pinch.run.formats import FORMATS
from pinch.run.identity import Artifact, Model, Timing
from pinch.run.manifest import Manifest

PRECISION_TIME = {"full": 1.0, "half": 1.15, "bf16": 0.6, "int8": 0.55}
PRECISION_BYTES = {"full": 1.0, "half": 0.51, "bf16": 1.0, "int8": 0.31}
PRECISION_ACCURACY = {"full": 1.0, "half": 0.9995, "bf16": 0.999, "int8": 0.992}
LACKING = {"bf16": "this processor does not compute in bfloat16"}
"""What the made-up processor cannot run, and what its records say of that."""
FORMAT_TIME = {"onnx": 1.0, "tflite": 0.9}
FINE_KEPT = {30: 1.0, 50: 0.99, 70: 0.972, 90: 0.86}
COARSE_KEPT = {30: 0.985, 50: 0.955, 70: 0.88}


def make(
    folder: Path,
    name: str = "demo",
    devices=(("cpu", 1), ("cpu", 2)),
    coarse=(30, 50, 70),
    fine=(30, 50, 70, 90),
    sizes=(None,),
    processors=(made_up.PROVENANCE.hardware.cpu,),
    twin=None,
    rivals=(),
    other_seeds=(),
    same_base=False,
) -> Path:
    """Write a whole run to `folder` and return it.

    Several processors take turns, the second in half the time; `twin` is the share of the base's accuracy that its twin
    has, and `rivals` maps rivals of pruning to theirs. Models of other seeds are less accurate, the pruned ones most;
    `same_base`: they have no base of their own.
    """
    kept = {Model(name): 1.0}
    kept |= {Model(name, "coarse", r / 100, True): COARSE_KEPT[r] for r in coarse}
    kept |= {Model(name, "fine", r / 100, True): FINE_KEPT[r] for r in fine}
    kept |= dict(rivals)
    exported = list(kept)
    if twin is not None:
        kept[Model(name, tuned=True)] = twin
    artifacts = [
        Artifact(model, FORMATS[kind], precision, size)
        for model in exported
        for size in sizes
        for kind in FORMAT_TIME
        for precision in FORMATS[kind].precisions
    ]
    timings = [Timing(d, t, a) for d, t in devices for a in artifacts if d == "cpu" or a.format.name == "onnx"]
    others = {
        replace(model, seed=seed): share - 0.01 * number * (1 + 2 * model.ratio)
        for number, seed in enumerate(other_seeds, 1)
        for model, share in kept.items()
        if not (same_base and model == Model(name))
    }
    expected = Manifest(list(kept), artifacts, timings, ["layers"], list(others), made_up.PROVENANCE.seed)
    write_json(folder / "manifest.json", expected.to_json())
    for model, share in (kept | others).items():
        _model(folder, model, share)
    for artifact in artifacts:
        _artifact(folder, artifact, kept[artifact.model])
    for number, timing in enumerate(timings):
        turn = number % len(processors)
        _timing(folder, timing, processors[turn], 1 / (1 + turn))
    _write(folder, "dataset.json", made_up.dataset_record())
    _write(folder, "sensitivity/layers.json", made_up.layer_scan_record())
    add_intervals(folder)
    _benchmarks(folder)
    return folder


def _write(folder: Path, path: str, value: Record, provenance: Provenance = made_up.PROVENANCE) -> None:
    write_json(folder / "records" / path, records.content(records.Stored(value, provenance)))


def _model(folder: Path, model: Model, kept: float) -> None:
    method, ratio = model.method, model.ratio
    _write(folder, f"accuracy/{model}.json", made_up.accuracy_record(model, made_up.splits(kept)))
    training = made_up.training_record(model, made_up.BASE["val"][1] * kept)
    seed = made_up.PROVENANCE.seed if model.seed is None else model.seed
    _write(folder, f"training/{model}.json", training, replace(made_up.PROVENANCE, seed=seed))
    if method != "none":
        low = max(0.0, 1 - (2.2 * ratio if method == "coarse" else 1.2 * ratio**3))
        _write(folder, f"accuracy/{model.untuned}.json", made_up.accuracy_record(model.untuned, made_up.splits(low)))


def _artifact(folder: Path, artifact: Artifact, kept: float) -> None:
    model, precision = artifact.model, artifact.precision
    size = int(10_200_000 * made_up.share_of(model) * PRECISION_BYTES[precision])
    zipped = int(size * 0.92 * (1 - 0.8 * model.ratio)) if model.method == "fine" else int(size * 0.92)
    measured = made_up.artifact_accuracy(artifact, made_up.splits(kept * PRECISION_ACCURACY[precision]), size, zipped)
    export = made_up.export_record(artifact, size)
    if reason := LACKING.get(precision):
        measured = replace(measured, splits={}, skipped=reason)
        export = replace(export, parity=None, unchecked=reason)
    _write(folder, f"accuracy/{artifact.file}.json", measured)
    _write(folder, f"export/{artifact.file}.json", export)


def _timing(folder: Path, timing: Timing, processor: str, slowness: float) -> None:
    device, artifact = timing.device, timing.artifact
    base = {("cpu", 1): 21.0, ("cpu", 2): 12.5, ("gpu", 1): 1.9}[device, timing.threads]
    speed = (0.25 + 0.75 * made_up.share_of(artifact.model)) * PRECISION_TIME[artifact.precision]
    speed *= FORMAT_TIME[artifact.format.name]
    if device == "gpu":
        speed = 0.8 + 0.2 * speed if artifact.precision != "int8" else 1.9
    # The same artifact with other weights takes the same time: a little noise, the same in every test.
    speed *= 1 + ((sum(map(ord, artifact.file)) % 7) - 3) / 300
    hardware = replace(made_up.PROVENANCE.hardware, cpu=processor)
    provenance = replace(made_up.PROVENANCE, hardware=hardware)
    record = made_up.inference_record(timing, base * slowness, speed)
    if reason := LACKING.get(artifact.precision):
        record = made_up.skipped(record, reason)
    _write(folder, f"inference/{timing.place}/{artifact.file}.json", record, provenance)


def _benchmarks(folder: Path, start: float = 1_700_000_000.0) -> None:
    clock = start
    for rule, jobs, seconds, rss in (
        ("synthesize_hands", 1, 30, 400), ("train_base", 1, 240, 2900), ("coarse_prune", 3, 12, 900),
        ("tune_pruned", 7, 50, 2800), ("export_onnx", 24, 6, 1500), ("export_tflite", 24, 6, 1500),
        ("evaluate_artifact", 48, 4, 900), ("measure_on_cpu", 96, 2, 300),
    ):  # fmt: skip
        for job in range(jobs):
            path = folder / f"benchmarks/{rule}/{job}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                f"s\th:m:s\tmax_rss\tmean_load\tcpu_time\n{seconds}\t0:00:00\t{rss + job}\t95.0\t{seconds * 0.95}\n"
            )
            clock += seconds if job % 2 == 0 else seconds / 2
            os.utime(path, (clock, clock))


def edit(path: Path, kind: type[Record], **changes) -> None:
    """Change fields of a record."""
    value, provenance = records.read(path, kind)
    write_json(path, records.content(records.Stored(replace(value, **changes), provenance)))


def add_evidence(folder: Path, images=(60, 100)) -> None:
    """Add made-up evidence of all models and artifacts on val and test: pruned and int8 ones find less."""
    expected, rng = manifest.load(folder), np.random.default_rng(0)
    seen = {
        split: made_up_evidence.scenes(rng, count, 3, per_person=4)
        for split, count in zip(("val", "test"), images, strict=True)
    }
    for name in [*map(str, expected.models), *(artifact.file for artifact in expected.artifacts)]:
        skill = 1.2 - 0.3 * ("coarse" in name) - 0.2 * ("int8" in name)
        found = {
            split: made_up_evidence.collected(
                each, made_up_evidence.matched(rng, each, skill, placed=True), threshold=0.4
            )
            for split, each in seen.items()
        }
        evidence.write(folder / f"records/accuracy/{name}.npz", "0" * 64, found)


def add_intervals(folder: Path) -> None:
    """Add intervals of all models and artifacts, as their accuracy is recorded now."""
    expected = manifest.load(folder)
    names = [*map(str, expected.models), *(artifact.file for artifact in expected.artifacts)]
    measured = [records.read(folder / f"records/accuracy/{name}.json", AccuracyRecord).value for name in names]
    _write(folder, "intervals.json", made_up_intervals.intervals_record(measured))


def add_explain(folder: Path) -> None:
    """Add a record of that study."""
    _write(folder, "sensitivity/explain.json", made_up.explain_record())
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
