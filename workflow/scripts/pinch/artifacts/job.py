"""One export: its settings, the session that the artifacts of one call share, and the steps around the exporter."""

import contextlib
import dataclasses
import functools
import hashlib
import platform
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pinch.core import provenance, records
from pinch.core.errors import PinchError
from pinch.core.files import atomic, sha256, size
from pinch.core.record_types.exports import ExportRecord, Guard
from pinch.data import dataset as datasets
from pinch.data.dataset import Dataset
from pinch.run.comparing import comparable
from pinch.run.formats import PRECISIONS, Format
from pinch.run.identity import Model
from pinch.run.settings.data import General
from pinch.run.settings.exporting import Export
from pinch.run.settings.measuring import Evaluation, Runtime
from pinch.runtimes.preprocess import letterbox
from pinch.weights import checkpoints
from pinch.weights.checkpoints import Checkpoint

PARITY_IMAGES = 4
ARTIFACT = "artifact"
"""The mark of artifacts that are folders, see `pinch.core.ownership.mark`."""


@dataclass(frozen=True)
class ExportSettings(Export, Evaluation):
    """How to export: the declared options, and what the rules and commands add.

    Attributes:
        imgsz: side of the input in pixels, a multiple of the model's stride; None: the size it was trained at.
        float_limit: largest share of the operators that may return to float.
        seed: of the choice of calibration images.
        threads: processor threads for validation and calibration.
    """

    imgsz: int | None = None
    float_limit: float = 0.2
    seed: int = General.seed
    threads: int = Runtime.threads


@dataclass
class Session:
    """A checkpoint to export with a data set, and what its artifacts share, which is made when it is first needed.

    Attributes:
        checkpoint: the model.
        dataset: its training images calibrate int8, its val images guard it.
        settings: how to export; the target "auto" is resolved.
        imgsz: side of the input in pixels.
        scratch: a folder for intermediate files, removed at the end of the session.
        shared: what exporters keep for later artifacts of the same session.
        resources: what exporters opened; closed at the end of the session.
    """

    checkpoint: Checkpoint
    dataset: Dataset
    settings: ExportSettings
    imgsz: int
    scratch: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="pinch-export-")))
    shared: dict[str, Any] = field(default_factory=dict)
    resources: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _measured: dict[str, float] = field(default_factory=dict)

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
    def reference(self) -> float | None:
        """mAP50-95 of the checkpoint on val at this image size; None if it is not `comparable`."""
        return comparable(self.accuracy(self.checkpoint.path))

    def accuracy(self, path: Path) -> float:
        """mAP50-95 of a model file on val, at this image size and in its own runtime. Equal files are run once."""
        from pinch.measuring.evaluation import evaluate

        content = sha256(path)
        if content not in self._measured:
            given = self.settings
            measured = evaluate(
                path, self.dataset, ["val"], self.imgsz, threads=given.threads, limit=given.limit, seed=given.seed
            )
            self._measured[content] = measured.splits["val"].map50_95 or 0.0
        return self._measured[content]

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


@dataclass(frozen=True)
class ExportJob:
    """One artifact to make.

    Attributes:
        session: from what and how.
        precision: one of the format's.
        output: the path to write, a temporary one; its name ends as the artifact's does.
    """

    session: Session
    precision: str
    output: Path


def resolve_target(name: str) -> str:
    """The target that "auto" means on this machine; any other name is returned unchanged."""
    if name != "auto":
        return name
    if platform.machine().lower() in ("arm64", "aarch64"):
        return "arm"
    return "x86-vnni" if provenance.has_vnni() else "x86"


def open_session(model: str | Path, data: str | Path, settings: ExportSettings) -> Session:
    """Open a session; whatever cannot be exported is refused here, before long work starts.

    Raises:
        PinchError: the model is no detection checkpoint (an exported or quantized one included), the data set cannot
            be read or has another number of classes, or the size is no multiple of the stride.
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
    settings = dataclasses.replace(settings, target=resolve_target(settings.target))
    return Session(checkpoint, dataset, settings, imgsz)


def run(session: Session, precision: str, entry: Format, output: Path, record: Path | None = None) -> ExportRecord:
    """Make one artifact, check it, and write its record.

    Args:
        session: from what and how.
        precision: one of the format's.
        entry: the format.
        output: the artifact. An earlier one is replaced only after the new one is complete and checked.
        record: where its record is written; None: nowhere.

    Returns:
        Its record. A file that failed its check is written too; `failed` says what is wrong with it.

    Raises:
        PinchError: calibration images are missing, the disk is full, or there is something at `output` that Pinch did
            not make.
    """
    started = time.perf_counter()
    if PRECISIONS[precision].quantized:
        _ = session.calibration  # refuses before the conversion starts
    with atomic(output, folder=ARTIFACT if entry.is_folder else None) as temporary:
        details = entry.load("exporter")(ExportJob(session, precision, temporary))
        result = ExportRecord(
            file=output.name,
            **session.model.fields(),
            format=entry.name,
            precision=precision,
            imgsz=session.imgsz,
            bytes=size(temporary),
            sha256=sha256(temporary),
            seconds=round(time.perf_counter() - started, 2),
            source_sha256=session.source_sha256,
            **vars(details),
        )
    if record is not None:
        records.write(record, result, session.settings.seed, session.dataset.digest)
    _warn(output, result, session.settings.guard)
    return result


def _warn(output: Path, result: ExportRecord, required: float) -> None:
    guard = result.guard or Guard()
    if result.unchecked:
        warning = f"{output} is not checked: {result.unchecked}"
    elif result.failed:
        warning = f"{output} {result.failed}: it is kept to be looked at, and must not be used"
    elif guard.skipped:
        warning = f"the accuracy of {output} is not guarded: {guard.skipped}"
    elif guard.passed is False:
        warning = f"{output} keeps {guard.share:.3f} of the float model's mAP50-95 on val, not {required:g}"
    else:
        return
    print(f"warning: {warning}", file=sys.stderr)
