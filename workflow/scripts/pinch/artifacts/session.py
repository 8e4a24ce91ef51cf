"""What an export starts from: its settings, and the session that the artifacts of one call share."""

import contextlib
import dataclasses
import functools
import hashlib
import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from pinch.core import provenance, records
from pinch.core.errors import PinchError
from pinch.core.files import sha256
from pinch.core.record_types.exports import Head
from pinch.core.record_types.measurements import AccuracyRecord
from pinch.data import dataset as datasets
from pinch.data.dataset import Dataset
from pinch.measuring import lean
from pinch.measuring.evaluation import evaluate_with_evidence
from pinch.measuring.evidence import Evidence
from pinch.run import targets
from pinch.run.identity import Model
from pinch.run.settings.data import General
from pinch.run.settings.exporting import Export
from pinch.run.settings.measuring import Evaluation, Runtime
from pinch.runtimes.preprocess import letterbox
from pinch.weights import checkpoints
from pinch.weights.checkpoints import Checkpoint

PARITY_IMAGES = 4


@dataclass(frozen=True)
class ExportSettings(Export, Evaluation):
    """How to export: the declared options, and what the rules and commands add.

    Attributes:
        imgsz: side of the input in pixels, a multiple of the model's stride; None: the size it was trained at.
        seed: of the choice of calibration images.
        threads: processor threads for validation and calibration.
    """

    imgsz: int | None = None
    seed: int = General.seed
    threads: int = Runtime.threads


class Measured(NamedTuple):
    """What a model file does on val: its accuracy, and what was matched (None if val has no images)."""

    accuracy: AccuracyRecord
    evidence: Evidence | None


@dataclass
class Session:
    """A checkpoint to export with a data set, and what its artifacts share, which is made when it is first needed.

    Attributes:
        checkpoint: the model.
        dataset: its training images calibrate int8, its val images guard it.
        settings: how to export; the target "auto" is resolved.
        imgsz: side of the input in pixels.
        known: the checkpoint's accuracy at this image size, if it was measured before.
        scratch: a folder for intermediate files, removed at the end of the session.
        shared: what exporters keep for later artifacts of the same session.
        resources: what exporters opened; closed at the end of the session.
    """

    checkpoint: Checkpoint
    dataset: Dataset
    settings: ExportSettings
    imgsz: int
    known: AccuracyRecord | None = None
    scratch: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="pinch-export-")))
    shared: dict[str, Any] = field(default_factory=dict)
    resources: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _measured: dict[str, Measured] = field(default_factory=dict)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.resources.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    @property
    def model(self) -> Model:
        """The model in the checkpoint."""
        return Model.of_checkpoint(self.checkpoint.path, self.checkpoint.meta)

    @functools.cached_property
    def source_sha256(self) -> str:
        """SHA-256 of the checkpoint."""
        return self.checkpoint.sha256

    @functools.cached_property
    def macs(self) -> int:
        """Multiply-accumulates of the checkpoint's network at this image size."""
        return checkpoints.describe(self.checkpoint.model, self.imgsz).macs

    @functools.cached_property
    def calibration(self) -> list[Path]:
        """The calibration images: per class, from the training split, drawn with the seed."""
        return datasets.calibration_images(self.dataset, self.settings.calibration_images, self.settings.seed)

    @functools.cached_property
    def calibration_sha256(self) -> str:
        """SHA-256 over the calibration images' names (relative to the data set) and contents, in their order."""
        digest = hashlib.sha256()
        for image in self.calibration:
            name = image.relative_to(self.dataset.root) if image.is_relative_to(self.dataset.root) else image
            digest.update(f"{name}\n{sha256(image)}\n".encode())
        return digest.hexdigest()

    @functools.cached_property
    def parity_inputs(self) -> list[np.ndarray]:
        """A few real inputs, (1, 3, imgsz, imgsz) each, from the images that calibration draws from."""
        split = next((s for s in ("train", "val", "test") if s in self.dataset.splits and self.dataset.images(s)), None)
        if split is None:
            raise PinchError(
                f"{self.dataset.path} has no images, but an exported file is checked on images: give another data set"
            )
        images = self.dataset.images(split)
        random.Random(self.settings.seed).shuffle(images)
        return list(self.inputs(images[:PARITY_IMAGES]))

    @functools.cached_property
    def checkpoint_accuracy(self) -> AccuracyRecord:
        """Accuracy of the checkpoint on val at this image size."""
        return self.known or self._evaluate(self.checkpoint.path).accuracy

    @functools.cached_property
    def head(self) -> Head:
        """How many anchors files decode, and what that keeps of the checkpoint's accuracy."""
        given = self.settings
        if not self._head_is_judged:
            return Head(candidates=given.candidates)
        on_val = self.checkpoint_accuracy.splits["val"]
        found, kept = lean.candidates(on_val, given.candidates, given.candidates_keep, self._anchors)
        return Head(candidates=found, kept=kept)

    @property
    def _anchors(self) -> int:
        """The most anchors that make a difference: all, or as many as there are boxes in an output without suppression.

        The best pairs of anchor and class are of the anchors with the best scores, so no more of these are needed.
        """
        network: Any = self.checkpoint.model
        anchors = sum((self.imgsz // int(stride)) ** 2 for stride in network.stride)
        return min(anchors, network.model[-1].max_det) if network.end2end else anchors

    @property
    def _head_is_judged(self) -> bool:
        """Whether the number of anchors depends on the checkpoint's accuracy, which is measured for it."""
        return bool(self.settings.candidates_keep) and self.settings.candidates < self._anchors

    @functools.cached_property
    def threshold(self) -> float | None:
        """Score with the best F1 of the checkpoint on val, which float files share; None if that is not measured."""
        return _threshold(self.checkpoint_accuracy) if self.known or self._head_is_judged else None

    def evidence(self, path: Path) -> Evidence | None:
        """What a model file finds on val, at this image size and in its own runtime; None if val has no images."""
        return self._evaluate(path).evidence

    def map50_95(self, path: Path) -> float | None:
        """MAP50-95 of a model file on val; None if there is nothing to find."""
        return self._evaluate(path).accuracy.splits["val"].map50_95

    def threshold_of(self, path: Path) -> float | None:
        """Score with the best F1 of a model file on val; None if it finds nothing."""
        return _threshold(self._evaluate(path).accuracy)

    def _evaluate(self, path: Path) -> Measured:
        """The accuracy of a model file on val. Equal files are run once."""
        content = sha256(path)
        if content not in self._measured:
            self._measured[content] = self._evaluated(path)
        return self._measured[content]

    def _evaluated(self, path: Path) -> Measured:
        given = self.settings
        accuracy, evidence = evaluate_with_evidence(
            path,
            self.dataset,
            ["val"],
            self.imgsz,
            threads=given.threads,
            limit=given.limit,
            seed=given.seed,
            candidates=given.candidates,
        )
        return Measured(accuracy, evidence.get("val"))

    def inputs(self, images: list[Path]) -> Iterator[np.ndarray]:
        """Network inputs of images, as in inference: (1, 3, imgsz, imgsz), float32, RGB, 0 to 1.

        Raises:
            PinchError: an image cannot be read.
        """
        for path in images:
            image = cv2.imread(str(path))
            if image is None:
                raise PinchError(f"the calibration image {path} cannot be read: replace or remove it")
            yield letterbox(image, self.imgsz)[0]


def open_session(
    model: str | Path, data: str | Path, settings: ExportSettings, known: str | Path | None = None
) -> Session:
    """Open a session; whatever cannot be exported is refused here, before long work starts.

    Args:
        model: checkpoint.
        data: data.yaml.
        settings: how to export; the target "auto" is this machine's processor.
        known: record of the checkpoint's accuracy at this image size; None: it is measured if it is needed.

    Raises:
        PinchError: the model is no detection checkpoint (an exported or quantized one included), the data set cannot
            be read or has another number of classes, the size is no multiple of the stride, or `known` is the record
            of something else.
    """
    checkpoint = checkpoints.load(model)
    dataset = datasets.load(data)
    if len(dataset.names) != len(checkpoint.names):
        raise PinchError(
            f"{model} has {len(checkpoint.names)} classes but {data} has {len(dataset.names)}: give the data set "
            "that the model was trained on"
        )
    network: Any = checkpoint.model
    imgsz, stride = settings.imgsz or checkpoint.imgsz, int(max(network.stride))
    if imgsz % stride or imgsz <= 0:
        raise PinchError(f"the image size {imgsz} is not a multiple of the model's stride: give a multiple of {stride}")
    settings = dataclasses.replace(settings, target=targets.resolved(settings.target, provenance.hardware()))
    return Session(checkpoint, dataset, settings, imgsz, _known(known, checkpoint, imgsz) if known else None)


def _known(path: str | Path, checkpoint: Checkpoint, imgsz: int) -> AccuracyRecord:
    """The record of a checkpoint's accuracy on val.

    Raises:
        PinchError: it is of another file or image size, or does not have val.
    """
    found = records.read(path, AccuracyRecord).value
    if (found.sha256, found.imgsz) != (checkpoint.sha256, imgsz) or "val" not in found.splits:
        raise PinchError(
            f"{path} is not the accuracy of {checkpoint.path} on val at {imgsz} pixels: evaluate it again, or leave the"
            " record out"
        )
    return found


def _threshold(accuracy: AccuracyRecord) -> float | None:
    return accuracy.operating_point.threshold if accuracy.operating_point else None
