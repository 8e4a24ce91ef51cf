"""Made-up records, one constructor for each kind, for tests: never used for figures."""

import dataclasses

from pinch.core.provenance import Hardware, Provenance
from pinch.core.record_types.data import DatasetRecord, SplitContent
from pinch.core.record_types.exports import Calibration, ExportRecord, Guard, GuardStep, Head, Limits, Parity
from pinch.core.record_types.imported import Device, DeviceTimes, ImportedRecord, Moment
from pinch.core.record_types.measurements import AccuracyRecord, InferenceRecord, OtherLoad, SplitAccuracy, Times
from pinch.core.record_types.studies import ExplainRecord, LayerLoss, LayerScanRecord, VariantAccuracy
from pinch.core.record_types.weights import (
    CoarseRecord,
    Epoch,
    FineRecord,
    LayerSparsity,
    LayerWidth,
    NetworkSize,
    TrainingRecord,
)
from pinch.run.formats import FORMATS
from pinch.run.identity import Artifact, Model, Timing

BASE = {"val": (0.945, 0.742), "test": (0.93, 0.727)}
"""mAP50 and mAP50-95 of the base."""

PROVENANCE = Provenance(
    time="2026-01-01T00:00:00+00:00",
    command="made_up_run.py",
    seed=0,
    git_revision=None,
    pinch="1.0.0",
    versions={"python": "3.11"},
    hardware=Hardware(host="made-up", system="Linux", cpu="Made-up CPU", cpu_flags=["avx2"], cores=2, memory_mb=8000),
    slurm={},
)


def splits(kept: float) -> dict[str, SplitAccuracy]:
    """The accuracy of a model that keeps this share of the base's."""
    return {split: accuracy(map50 * min(1, kept**0.5), map50_95 * kept) for split, (map50, map50_95) in BASE.items()}


def accuracy(map50: float | None, map50_95: float | None) -> SplitAccuracy:
    """The accuracy on a split."""
    return SplitAccuracy(map50=map50, map50_95=map50_95, images=100, instances=150, per_class={"fist": map50_95})


def accuracy_record(model: Model, splits: dict[str, SplitAccuracy]) -> AccuracyRecord:
    """The accuracy of a checkpoint."""
    size = network_size(model)
    return AccuracyRecord(
        file=f"{model}.pt",
        **model.fields(),
        format="pt",
        precision=None,
        imgsz=320,
        bytes=2 * size.parameters,
        bytes_zipped=int(1.8 * size.nonzero_parameters),
        **vars(size),
        splits=splits,
    )


def network_size(model: Model) -> NetworkSize:
    """The size of a network, about as pruning makes it."""
    share = share_of(model)
    parameters = int(2_583_322 * share)
    nonzero = int(parameters * (1 - model.ratio)) if model.method == "fine" else parameters
    return NetworkSize(parameters=parameters, nonzero_parameters=nonzero, macs=int(408_000_000 * share))


def share_of(model: Model) -> float:
    """The share of parameters that its shapes keep."""
    width = (1 - model.ratio) if model.method == "coarse" else 1.0
    return 0.1 * width + 0.9 * width**2


def training_record(model: Model, final: float) -> TrainingRecord:
    """A training that ends at an mAP50-95 on val of about `final`."""
    epochs = 6 if model.method == "none" else 4
    return TrainingRecord(
        model=str(model),
        base_model=f"{model.untuned}.pt" if model.tuned else "yolo11n.pt",
        epochs_requested=epochs,
        epochs_run=epochs,
        best_epoch=epochs,
        seconds=40.0,
        imgsz=320,
        device="cpu",
        parameters=network_size(model).parameters,
        curve=[
            Epoch(
                epoch=epoch,
                map50=final * 1.27 * (1 - 0.5 * 0.45**epoch),
                map50_95=final * (1 - 0.6 * 0.45**epoch),
                train_box_loss=2.0 * 0.8**epoch,
            )
            for epoch in range(1, epochs + 1)
        ],
    )


def pruning_record(model: Model) -> CoarseRecord | FineRecord:
    """A pruning."""
    fields = {
        "model": str(model),
        "method": model.method,
        "ratio": model.ratio,
        "before": network_size(Model(model.name)),
        "after": network_size(model),
    }
    if model.method == "coarse":
        layers = [LayerWidth(layer="model.0.conv", width=16, kept=8)]
        return CoarseRecord(
            **fields, settings={"ranking": "taylor", "spread": "global", "macs_limit": 1.0}, layers=layers
        )
    sparsity = [LayerSparsity(layer="model.0.conv", weights=432, sparsity=model.ratio)]
    settings = {"scope": "lamp", "pattern": None}
    return FineRecord(**fields, settings=settings, sparsity=model.ratio, layers=sparsity)


def _artifact_fields(artifact: Artifact) -> dict:
    return artifact.model.fields() | {
        "file": artifact.file,
        "format": artifact.format.name,
        "precision": artifact.precision,
        "imgsz": artifact.size or 320,
    }


def artifact_accuracy(artifact: Artifact, splits: dict[str, SplitAccuracy], size: int, zipped: int) -> AccuracyRecord:
    """The accuracy of an artifact."""
    return AccuracyRecord(**_artifact_fields(artifact), bytes=size, bytes_zipped=zipped, splits=splits)


def export_record(artifact: Artifact, size: int) -> ExportRecord:
    """An export, checked as its precision is."""
    checks = {"parity": _PARITY}
    if artifact.precision == "int8":
        checks = {"target": "x86", "calibration": _CALIBRATION, "guard": _GUARD}
    return ExportRecord(
        **_artifact_fields(artifact),
        bytes=size,
        seconds=3.2,
        source_sha256="0" * 64,
        head=Head(candidates=300),
        **checks,
    )


_PARITY = Parity(
    box=1e-6, box_pixels=3.2e-4, score=1e-4, limits=Limits(1e-3, 2e-3), images=4, candidates=1200, notes=[]
)
_CALIBRATION = Calibration(images=100, sha256="0" * 64, method="minmax", tried={})
_GUARD = Guard(
    twin="full.onnx",
    images=100,
    reference=0.742,
    map50_95=0.736,
    share=0.992,
    share_low=0.988,
    share_high=0.996,
    worst_class="fist",
    worst_class_share=0.98,
    worst_class_low=0.96,
    worst_class_high=0.999,
    required=0.99,
    class_required=0.97,
    passed=True,
    operators=90,
    float_operators=["a", "b"],
    relative_time=0.6,
    pays=True,
    steps=[
        GuardStep(map50_95=0.73, share=0.984, float_operators=0),
        GuardStep(map50_95=0.736, share=0.992, float_operators=2),
    ],
)


def _times(artifact: Artifact, p50: float) -> Times:
    return Times(
        **_artifact_fields(artifact),
        p50_ms=p50,
        p90_ms=p50 * 1.08,
        p99_ms=p50 * 1.3,
        mean_ms=p50 * 1.02,
        min_ms=p50 * 0.97,
        preprocess_ms=0.8,
        postprocess_ms=0.4,
        round_p50_ms=[p50] * 5,
        spread=0.03,
        samples_ms={"preprocess": [0.8], "inference": [p50], "postprocess": [0.4]},
        total_ms=p50 + 1.2,
        total_p90_ms=p50 * 1.08 + 1.2,
        fps=1000 / (p50 + 1.2),
        load_ms=40.0,
        first_ms=p50 * 2,
    )


def inference_record(timing: Timing, base: float, relative: float) -> InferenceRecord:
    """A timing, `relative` to the full ONNX file of the base, which takes `base` milliseconds."""
    baseline = Artifact(Model(timing.artifact.model.name), FORMATS["onnx"], "full")
    compared = {
        "baseline": _times(baseline, base),
        "round_ratios": [relative] * 5,
        "relative_to_baseline": relative,
        "ratio_low": relative * 0.99,
        "ratio_high": relative * 1.01,
    }
    is_alone = timing.artifact.file == baseline.file
    on_gpu = timing.device == "gpu"
    return InferenceRecord(
        **vars(_times(timing.artifact, base * relative)),
        device=timing.device,
        threads=timing.threads,
        gpu="Made-up GPU" if on_gpu else None,
        source="video.mp4",
        frames=60,
        warmup=10,
        rounds=5,
        peak_rss_mb=180 + 30 * relative,
        rss_import_mb=90.0,
        rss_loaded_mb=120.0,
        model_mb=90 + 30 * relative,
        energy_mj=None,
        energy_net_mj=None,
        energy_source=None,
        energy=None,
        exclusive=False,
        others=OtherLoad(
            exclusive=False,
            busy_cores=0.5,
            gpu_percent_before=0 if on_gpu else None,
            cores_of_job=2,
            cores_of_machine=2,
        ),
        stable=True,
        **({} if is_alone else compared),
    )


def skipped(record: InferenceRecord, reason: str) -> InferenceRecord:
    """The record of a file that was not timed."""
    figures = [field for field in vars(record) if field.endswith(("_ms", "_mb", "fps", "low", "high", "baseline"))]
    nothing = dict.fromkeys([*figures, "spread", "stable"]) | {"round_p50_ms": [], "samples_ms": {}, "round_ratios": []}
    return dataclasses.replace(record, **nothing, rounds=0, notes=[reason], skipped=reason)


def dataset_record() -> DatasetRecord:
    """A data set of four classes."""
    classes = ["fist", "four", "like", "no_gesture"]
    return DatasetRecord(
        data_yaml="results/demo/dataset/data.yaml",
        classes=classes,
        splits={
            split: SplitContent(
                images=images,
                users=users,
                boxes={name: images // 4 + 3 * i for i, name in enumerate(classes)},
                images_with={name: images // 4 + 2 * i for i, name in enumerate(classes)},
                users_with={name: users - i for i, name in enumerate(classes)},
                boxes_per_image={"0": images // 20, "1": images // 2, "2": images * 9 // 20, "3+": 0},
                box_sides={"p5": 0.05, "p25": 0.12, "p50": 0.17, "p75": 0.22, "p95": 0.4},
                image_sizes={"320x240": images},
            )
            for split, images, users in (("train", 400, 28), ("val", 80, 6), ("test", 80, 6))
        },
    )


def imported_record(artifact: Artifact) -> ImportedRecord:
    """Times of an artifact in a phone's browser."""
    summaries = {"p50_ms": 30.0, "p90_ms": 31.0, "p99_ms": 32.0, "mean_ms": 30.2, "min_ms": 29.0}
    timed = DeviceTimes(
        **_artifact_fields(artifact),
        **summaries,
        preprocess_ms=None,
        postprocess_ms=None,
        round_p50_ms=[30.0, 30.1],
        spread=0.003,
        samples_ms={},
        place="Chrome 142 on Android, WebAssembly",
        unit="cpu",
        threads=1,
        runtime="LiteRT.js",
        version=None,
        inferences=40,
    )
    device = Device(name="Pixel 8", is_phone=True, cores=8)
    curve = [Moment(file=artifact.file, second=1.0, ms=30.0)]
    return ImportedRecord(device=device, source="made up", measured_at=None, timings=[timed], curve=curve)


def layer_scan_record() -> LayerScanRecord:
    """A layer scan in which later layers matter less."""
    layers = [
        LayerLoss(
            layer=f"model.{index}.conv",
            method="coarse",
            ratio=ratio,
            map50_95=0.742 * max(0, 1 - ratio * (1.8 - 0.2 * index)),
            base_map50_95=0.742,
        )
        for index in range(8)
        for ratio in (0.3, 0.5)
    ]
    return LayerScanRecord(model="demo", method="coarse", split="val", images=80, base_map50_95=0.742, layers=layers)


def explain_record() -> ExplainRecord:
    """The study that repeats the reference's mistakes."""
    kept = {"without DFL": (0.72, 0.68), "with DFL": (0.5, 0.0), "DFL alone": (0.51, 0.0)}
    rows = [
        VariantAccuracy(variant=variant, ratio=ratio, tuned=False, map50_95=value, sparsity=ratio)
        for variant, values in kept.items()
        for ratio, value in zip((0.1, 0.3), values, strict=True)
    ]
    tuned = {"masks held": (0.725, 0.3), "masks lost": (0.726, 0.001), "with DFL, masks lost": (0.0, 0.001)}
    rows += [
        VariantAccuracy(variant=variant, ratio=0.3, tuned=True, map50_95=value, sparsity=zeros)
        for variant, (value, zeros) in tuned.items()
    ]
    return ExplainRecord(model="demo", split="test", images=80, base_map50_95=0.727, rows=rows)
