"""Records of exports."""

from dataclasses import dataclass, field
from typing import ClassVar

from pinch.core.record_types.base import ModelFile, Record


@dataclass(frozen=True)
class Limits:
    """Largest differences allowed: of a box, as a share of the image's side, and of a class score."""

    box: float
    score: float


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How far an artifact is from what its checkpoint computes.

    Attributes:
        box: largest difference of a box, as a share of the image's side; None, like the next two, where the file's
            output has values that are not numbers.
        box_pixels: the same in pixels.
        score: largest difference of a class score.
        limits: what was allowed.
        images, candidates: how many were compared.
        notes: on how the runtime computed.
    """

    box: float | None
    box_pixels: float | None
    score: float | None
    limits: Limits
    images: int
    candidates: int
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The images that int8 was calibrated on, and how.

    Attributes:
        images: how many.
        sha256: over their names and contents.
        method: how the ranges of activations were chosen.
        tried: mAP50-95 on val by method; empty where none was compared.
    """

    images: int
    sha256: str
    method: str
    tried: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class GuardStep:
    """A file on the way: its mAP50-95 on val, that as a share of the float model's, and its operators in float."""

    map50_95: float
    share: float
    float_operators: int


@dataclass(frozen=True, kw_only=True)
class Guard:
    """What int8 keeps of the accuracy. All fields but `skipped` are None where nothing could be measured.

    Attributes:
        reference: mAP50-95 of the float model on val.
        map50_95: of the file.
        share: the second relative to the first.
        required: the share that was asked for.
        passed: whether it is reached.
        operators: how many could be quantized.
        float_operators: names of those that are float.
        steps: the files that were tried.
        skipped: why nothing was measured; None where it was.
    """

    reference: float | None = None
    map50_95: float | None = None
    share: float | None = None
    required: float | None = None
    passed: bool | None = None
    operators: int | None = None
    float_operators: list[str] | None = None
    steps: list[GuardStep] | None = None
    skipped: str | None = None


@dataclass(frozen=True, kw_only=True)
class Head:
    """The detection head of an artifact: how many candidates it gives."""

    candidates: int


@dataclass(frozen=True, kw_only=True)
class ExportDetails:
    """How an artifact was checked.

    Attributes:
        failed: what is wrong with the file, where it failed its check: "keeps only ...". It is kept and measured, but
            never chosen. None where it passed.
        unchecked: why it was not checked; None where it was.
        parity: None for int8, and for what was not checked.
        target: the processor that the file is made for; None where one file serves all.
        calibration, guard: None but for int8.
        head: None where it is the network's own.
    """

    failed: str | None = None
    unchecked: str | None = None
    parity: Parity | None = None
    target: str | None = None
    calibration: Calibration | None = None
    guard: Guard | None = None
    head: Head | None = None


@dataclass(frozen=True, kw_only=True)
class ExportRecord(ExportDetails, ModelFile, Record):
    """An export: the artifact's bytes, the seconds that it took, and the SHA-256 of the checkpoint."""

    kind: ClassVar[str] = "export"
    made_by: ClassVar[str] = "quantization.py"
    bytes: int
    seconds: float
    source_sha256: str
