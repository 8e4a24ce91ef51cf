"""Records of accuracy, and of time, memory and energy."""

from dataclasses import dataclass, field
from typing import ClassVar

from pinch.core.record_types.base import ModelFile, Record


@dataclass(frozen=True, kw_only=True)
class SplitAccuracy:
    """Accuracy on a split.

    Attributes:
        map50, map50_95: None without boxes to find.
        images, instances: images and boxes that were looked at.
        per_class: mAP50-95 of each class; None without boxes of it.
        images_in_split: images that the split has; more than `images` if only a part was looked at, None in older
            records.
    """

    map50: float | None
    map50_95: float | None
    images: int
    instances: int
    per_class: dict[str, float | None]
    images_in_split: int | None = None


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """The score below which detections are best left out: where F1, smoothed as in Ultralytics' F1 curve, is highest.

    Attributes:
        threshold: the score.
        f1, precision, recall: there, at IoU 0.5, means over the classes.
    """

    threshold: float
    f1: float
    precision: float
    recall: float


@dataclass(frozen=True, kw_only=True)
class AccuracyRecord(ModelFile, Record):
    """The accuracy of a file.

    Attributes:
        bytes, bytes_zipped: of the file, and of it in a zip.
        parameters, nonzero_parameters, macs: see `NetworkSize`; None for artifacts.
        splits: those that were asked for.
        operating_point: on val; None where val was not asked for, where nothing is found, and in older records.
        warnings: sentences on what is odd.
        notes: on how the runtime computed.
    """

    kind: ClassVar[str] = "accuracy"
    made_by: ClassVar[str] = "evaluate.py"
    bytes: int
    bytes_zipped: int
    parameters: int | None = None
    nonzero_parameters: int | None = None
    macs: int | None = None
    splits: dict[str, SplitAccuracy]
    operating_point: OperatingPoint | None = None
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Times(ModelFile):
    """Times of a file for each frame, in milliseconds.

    Attributes:
        p50_ms, p90_ms, p99_ms, mean_ms, min_ms: of inference alone, over the samples of all rounds.
        preprocess_ms, postprocess_ms: medians.
        round_p50_ms: median of inference in each round.
        spread: range of those medians, relative to `p50_ms`.
        samples_ms: all samples of each step.
        notes: on how the runtime computed.
    """

    p50_ms: float
    p90_ms: float
    p99_ms: float
    mean_ms: float
    min_ms: float
    preprocess_ms: float
    postprocess_ms: float
    round_p50_ms: list[float]
    spread: float
    samples_ms: dict[str, list[float]]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Energy of one inference.

    Attributes:
        source: the counter, e.g. "RAPL package-0".
        gross_mj: energy that the counter measured during the window, per inference, in millijoules.
        net_mj: the same without the energy that the idle machine uses in that time.
        idle_w: power of the idle machine, in watts.
        seconds: length of the window.
        inferences: number of inferences in the window.
    """

    source: str
    gross_mj: float
    net_mj: float
    idle_w: float
    seconds: float
    inferences: int


@dataclass(frozen=True, kw_only=True)
class OtherLoad:
    """What others did on the machine during a measurement.

    Attributes:
        exclusive: whether they left it to us; None where the system does not show it.
        busy_cores: processor cores that they kept busy; None likewise.
        gpu_percent_before: share of time in which the GPU worked just before; None on the CPU.
        cores_of_job, cores_of_machine: how many there are.
    """

    exclusive: bool | None
    busy_cores: float | None
    gpu_percent_before: int | None
    cores_of_job: int
    cores_of_machine: int | None


@dataclass(frozen=True, kw_only=True)
class InferenceRecord(Times, Record):
    """Time, memory and energy of a file.

    Attributes:
        device, threads: where it ran, "cpu" or "gpu", and on how many threads.
        gpu: the GPU's name; None on the CPU and in older records.
        source: name of what the frames are from.
        frames, warmup, rounds: frames of a round, those before it that do not count, and how many rounds there were.
        peak_rss_mb, rss_before_loading_mb: resident memory in MB; None where the system does not tell.
        energy: None without a counter; `energy_mj`, `energy_net_mj` and `energy_source` repeat what is in it.
        exclusive: repeats what is in `others`.
        baseline: the model that was timed in turns with it; None without one.
        round_ratios: time relative to the baseline's in each round; empty without one.
        relative_to_baseline: median of those; None without one.
    """

    kind: ClassVar[str] = "inference"
    made_by: ClassVar[str] = "measure_inference.py"
    device: str
    threads: int
    gpu: str | None = None
    source: str
    frames: int
    warmup: int
    rounds: int
    peak_rss_mb: float | None
    rss_before_loading_mb: float | None
    energy_mj: float | None
    energy_net_mj: float | None
    energy_source: str | None
    energy: Energy | None
    exclusive: bool | None
    others: OtherLoad
    baseline: Times | None = None
    round_ratios: list[float] = field(default_factory=list)
    relative_to_baseline: float | None = None
