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
    """A file on the way.

    Attributes:
        map50_95: on val.
        share: that as a share of the float file's.
        worst_class_share: the same of the class that keeps least; None where classes cannot be compared.
        float_operators: how many of its operators are float.
        relative_time: see `Guard`.
    """

    map50_95: float
    share: float
    worst_class_share: float | None = None
    float_operators: int
    relative_time: float | None = None


@dataclass(frozen=True, kw_only=True)
class Guard:
    """What int8 keeps of the accuracy of the float file. Fields but `skipped` are None where nothing could be measured.

    Attributes:
        twin: the float file that it was compared with, "full.tflite"; None in older records (the checkpoint).
        images: of val, on which they were compared; None in older records, which lack intervals and times.
        reference: mAP50-95 of the float file on val.
        map50_95: of the file.
        share, share_low, share_high: the second relative to the first, with its 95% interval.
        worst_class, worst_class_share, worst_class_low, worst_class_high: the class that keeps least of its AP.
        required, class_required: the shares that were asked for.
        passed: whether they are reached, or the losses may be chance.
        operators: how many could be quantized.
        float_operators: names of those that are float.
        relative_time: time on the exporting machine, one thread, relative to the float file's; None where the file is
            for other processors.
        pays: whether it is faster than the float file there; None likewise.
        steps: the files that were tried.
        skipped: why nothing was measured; None where it was.
    """

    twin: str | None = None
    images: int | None = None
    reference: float | None = None
    map50_95: float | None = None
    share: float | None = None
    share_low: float | None = None
    share_high: float | None = None
    worst_class: str | None = None
    worst_class_share: float | None = None
    worst_class_low: float | None = None
    worst_class_high: float | None = None
    required: float | None = None
    class_required: float | None = None
    passed: bool | None = None
    operators: int | None = None
    float_operators: list[str] | None = None
    relative_time: float | None = None
    pays: bool | None = None
    steps: list[GuardStep] | None = None
    skipped: str | None = None


@dataclass(frozen=True, kw_only=True)
class Head:
    """The detection head of an artifact.

    Attributes:
        candidates: how many anchors it decodes.
        kept: the share of the checkpoint's val mAP50-95 that this keeps; None where it is not known.
    """

    candidates: int
    kept: float | None = None


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
        threshold: score with the best F1 on val, for users to begin with; None where it is not known.
        known_slow: why such a file is known to be slow somewhere; None where it is not.
        costly: what takes its time where it is not faster than the float file; None where that is not known.
    """

    failed: str | None = None
    unchecked: str | None = None
    parity: Parity | None = None
    target: str | None = None
    calibration: Calibration | None = None
    guard: Guard | None = None
    head: Head | None = None
    threshold: float | None = None
    known_slow: str | None = None
    costly: str | None = None


@dataclass(frozen=True, kw_only=True)
class ExportRecord(ExportDetails, ModelFile, Record):
    """An export: the artifact's bytes, the seconds that it took, and the SHA-256 of the checkpoint."""

    kind: ClassVar[str] = "export"
    made_by: ClassVar[str] = "quantization.py"
    bytes: int
    seconds: float
    source_sha256: str
