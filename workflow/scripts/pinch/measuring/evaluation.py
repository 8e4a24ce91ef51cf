"""Accuracy of a model of any format, measured by Ultralytics' validator.

Every format gets the same inputs: images are letterboxed to a square, as exported files require, without the
rectangular batches and the extra border that Ultralytics uses for checkpoints. So the accuracy of a checkpoint and of
its artifacts can be compared.
"""

import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from ultralytics.utils.metrics import smooth

from pinch import runtimes
from pinch.core import files
from pinch.core.errors import PinchError
from pinch.core.record_types.measurements import AccuracyRecord, OperatingPoint, SplitAccuracy
from pinch.data import check
from pinch.data import dataset as datasets
from pinch.data.dataset import Dataset
from pinch.data.for_ultralytics import ultralytics_yaml
from pinch.data.manifest import Manifest, key
from pinch.data.sampling import sample
from pinch.measuring import evidence as evidences
from pinch.measuring.evidence import Evidence
from pinch.measuring.lean import LeanMetrics
from pinch.measuring.validator import Validator
from pinch.run import formats, identity
from pinch.run.identity import Model
from pinch.run.settings.data import General
from pinch.run.settings.exporting import LeanHead
from pinch.runtimes.postprocess import is_end_to_end
from pinch.weights import checkpoints


def evaluate(
    model: str | Path, data: str | Path | Dataset, splits: list[str], imgsz: int | None = None, **options: Any
) -> AccuracyRecord:
    """The first half of what `evaluate_with_evidence` returns, which see for arguments and errors."""
    return evaluate_with_evidence(model, data, splits, imgsz, **options)[0]


def evaluate_with_evidence(
    model: str | Path,
    data: str | Path | Dataset,
    splits: list[str],
    imgsz: int | None = None,
    device: str = "cpu",
    threads: int = 1,
    batch: int = 16,
    limit: int | None = None,
    seed: int = General.seed,
    candidates: int | None = LeanHead.candidates,
) -> tuple[AccuracyRecord, dict[str, Evidence]]:
    """Measure mAP50 and mAP50-95 of a model on splits of a data set.

    Args:
        model: `.pt`, or an artifact of any format, which runs in its own runtime.
        data: data.yaml, or the data set if it is loaded.
        splits: some of "train", "val", "test".
        imgsz: side of the images in pixels; None: the model's.
        device: "cpu" or "gpu".
        threads: threads on the CPU.
        batch: images per batch, for checkpoints.
        limit: maximum number of images of each split, see `pinch.data.sampling`; None: all.
        seed: of their draw.
        candidates: of a checkpoint, also measure on val what it keeps if it decodes only so many of its best anchors,
            and more (see `pinch.measuring.lean`); None: do not.

    Returns:
        The accuracy, and by split what it was computed from. The accuracy on a split without images is None, with a
        warning, and there is no evidence of it.

    Raises:
        PinchError: the model cannot be loaded, or its number of classes is not the data set's.
    """
    dataset = data if isinstance(data, Dataset) else datasets.load(data)
    network, described = _load(Path(model), dataset, imgsz, device, threads)
    if reason := formats.lacking(described["precision"]):
        return AccuracyRecord(**described, splits={}, skipped=reason), {}
    warnings = _name_warnings(network.names, dataset)
    results, evidence, operating_point = {}, {}, None
    known = [split for split in splits if split in dataset.splits]
    manifest = check.current(dataset, known)
    whole = {split: len(dataset.images(split)) for split in known}
    dataset = sample(dataset, manifest, known, limit, seed) if limit else dataset
    # Val first: it tells the threshold, from which on evidence keeps all detections.
    for split in sorted(splits, key=lambda name: name != "val"):
        if split not in known or not dataset.images(split):
            results[split] = SplitAccuracy(map50=None, map50_95=None, images=0, instances=0, per_class={})
            warnings.append(f"{dataset.path} has no images in its {split} split: there is no accuracy on it")
            continue
        lean = LeanMetrics(candidates) if candidates and split == "val" and described["format"] == "pt" else None
        place = device, threads, batch
        validator = _validate(network, dataset, manifest, split, described["imgsz"], *place, lean)
        figures, more = _figures(validator, dataset, split)
        kept = lean.map50_95() if lean else None
        results[split] = dataclasses.replace(figures, images_in_split=whole[split], lean=kept)
        if split == "val":
            operating_point = _operating_point(validator.metrics.box)
        threshold = operating_point.threshold if operating_point else None
        evidence[split] = _evidence(validator, dataset, manifest, threshold)
        warnings += more
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    record = AccuracyRecord(**described, splits=results, operating_point=operating_point, warnings=warnings)
    return record, evidence


class _Artifact(nn.Module):
    """An exported model as the validator expects it: a module that maps a batch of images to predictions."""

    def __init__(self, backend: runtimes.Backend, names: dict[int, str]):
        super().__init__()
        self.backend = backend
        self.names = names
        self.stride = torch.tensor([32.0])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(n, 3, height, width) to (n, 4 + classes, anchors)."""
        outputs = [torch.from_numpy(self.backend.infer(image[None])) for image in images.cpu().numpy()]
        return torch.cat(outputs).to(images.device)


def _load(path: Path, dataset: Dataset, imgsz: int | None, device: str, threads: int) -> tuple[Any, dict[str, Any]]:
    """The network to validate, and its description for the record."""
    entry = runtimes.find_format(path)
    described: dict[str, Any] = {
        "file": path.name,
        "format": entry.name,
        "bytes": files.size(path),
        "bytes_zipped": files.zipped_size(path),
        "sha256": files.sha256(path),
    }
    if entry is runtimes.CHECKPOINT:
        return _load_checkpoint(path, dataset, imgsz, described)
    backend = runtimes.open(path, device, threads, imgsz, exact=True)
    if backend.shape[0] != backend.shape[1]:
        raise PinchError(
            f"{path} takes images of {backend.shape[1]}x{backend.shape[0]}, but only models with square inputs can be"
            " evaluated: export it with a square input"
        )
    _check_classes(path, _class_count(backend), dataset)
    described |= identity.described(path, backend.metadata)
    described |= {"imgsz": backend.imgsz, "notes": backend.notes}
    return _Artifact(backend, backend.names or dict(enumerate(dataset.names))), described


def _load_checkpoint(
    path: Path, dataset: Dataset, imgsz: int | None, described: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    checkpoint = checkpoints.load(path)
    _check_classes(path, len(checkpoint.names), dataset)
    described |= Model.of_checkpoint(path, checkpoint.meta).fields() | {"precision": None}
    described["imgsz"] = imgsz or checkpoint.imgsz
    described |= vars(checkpoints.describe(checkpoint.model, described["imgsz"]))
    return checkpoint.model, described


def _class_count(backend: runtimes.Backend) -> int | None:
    """Number of a model's classes, from its class names or, if it has none, from the shape of its output.

    None if it has no names and finishes its detections, whose shape does not tell.
    """
    if backend.names:
        return len(backend.names)
    shape = backend.infer(np.zeros((1, 3, *backend.shape), np.float32)).shape
    return None if is_end_to_end(shape) else shape[1] - 4


def _check_classes(path: Path, count: int | None, dataset: Dataset) -> None:
    if count not in (None, len(dataset.names)):
        raise PinchError(
            f"{path} has {count} classes but {dataset.path} has {len(dataset.names)}: evaluate it on the data set that"
            " it was trained for"
        )


def _name_warnings(names: Any, dataset: Dataset) -> list[str]:
    """Warn if class names differ: their order may differ too, and the accuracy would then be wrong without an error."""
    pairs = [(names[i], name) for i, name in enumerate(dataset.names) if names[i] != name]
    if not pairs:
        return []
    differences = ", ".join(f"{a} for {b}" for a, b in pairs)
    return [f"the model and the data set name these classes differently: {differences}"]


def _validate(
    network: Any,
    dataset: Dataset,
    manifest: Manifest,
    split: str,
    imgsz: int,
    device: str,
    threads: int,
    batch: int,
    lean: LeanMetrics | None,
) -> Validator:
    """The validator after its work on one split, which has images."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "data": str(ultralytics_yaml(dataset, manifest, [split], folder)),
            "split": split,
            "imgsz": imgsz,
            "batch": min(batch, len(dataset.images(split))),
            "device": "cpu" if device == "cpu" else "0",
            "workers": 0,
            "rect": False,
            "plots": False,
            "verbose": False,
            "mode": "val",
            # Ultralytics' name for the head without suppression: a checkpoint says which of two heads is used.
            "nms": False if getattr(network, "end2end", False) else None,
        }
        validator = Validator(threads, lean, args=settings, save_dir=Path(folder))
        validator(model=network)
    return validator


def _figures(validator: Validator, dataset: Dataset, split: str) -> tuple[SplitAccuracy, list[str]]:
    """Accuracy on a split, and warnings."""
    metrics: Any = validator.metrics
    present = {int(number): float(value) for number, value in zip(metrics.ap_class_index, metrics.box.ap, strict=True)}
    missing = [name for number, name in enumerate(dataset.names) if number not in present]
    warning = [f"no box of {', '.join(missing)} in the {split} split: left out of its mAP"] if missing else []
    figures = SplitAccuracy(
        map50=float(metrics.box.map50) if present else None,
        map50_95=float(metrics.box.map) if present else None,
        images=int(validator.seen or 0),
        instances=int(metrics.nt_per_class.sum()),
        per_class={name: present.get(number) for number, name in enumerate(dataset.names)},
    )
    return figures, warning


def _operating_point(found: Any) -> OperatingPoint | None:
    """The score of the best F1 in `ultralytics.utils.metrics.Metric`; None where there is nothing to find, or found."""
    if not len(found.ap_class_index) or not found.f1_curve.any():
        return None
    # As `ultralytics.utils.metrics.ap_per_class` chooses the score at which it states precision and recall.
    best = int(smooth(found.f1_curve.mean(0), 0.1).argmax())
    f1, precision, recall = (float(curve[:, best].mean()) for curve in (found.f1_curve, found.p_curve, found.r_curve))
    return OperatingPoint(threshold=float(found.px[best]), f1=f1, precision=precision, recall=recall)


def _evidence(validator: Validator, dataset: Dataset, manifest: Manifest, threshold: float | None) -> Evidence:
    images = [Path(name) for name in validator.image_files]
    return evidences.collect(
        validator.matched,
        [key(dataset, image) for image in images],
        [manifest.of(dataset, image).person for image in images],
        dataset.names,
        threshold,
    )
