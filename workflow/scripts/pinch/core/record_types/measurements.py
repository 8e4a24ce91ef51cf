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
        lean: mAP50-95 of a checkpoint if only so many of its best anchors are decoded, by their number; empty where the
            network decodes no more by itself. None for artifacts, other splits than val, and in older records.
    """

    map50: float | None
    map50_95: float | None
    images: int
    instances: int
    per_class: dict[str, float | None]
    images_in_split: int | None = None
    lean: dict[str, float] | None = None


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
        splits: those that were asked for; empty where nothing could be measured.
        operating_point: on val; None where val was not asked for, where nothing is found, and in older records.
        skipped: why nothing was measured; None where it was.
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
    skipped: str | None = None


@dataclass(frozen=True, kw_only=True)
class Times(ModelFile):
    """Times of a file for each frame, in milliseconds; None, and no samples, where nothing could be measured.

    Attributes:
        p50_ms, p90_ms, p99_ms, mean_ms, min_ms: of inference alone, over the samples of all rounds.
        preprocess_ms, postprocess_ms: medians.
        round_p50_ms: median of inference in each round.
        spread: range of those medians, relative to `p50_ms`.
        samples_ms: all samples of each step.
        notes: on how the runtime computed.
        total_ms, total_p90_ms: median and 90th percentile of pre-processing, inference and post-processing of a frame
            together; these and the next three are None in older records.
        fps: frames per second at `total_ms`.
        load_ms, first_ms: from the file to a session that is ready, and its first inference; medians over the rounds.
    """

    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    mean_ms: float | None
    min_ms: float | None
    preprocess_ms: float | None
    postprocess_ms: float | None
    round_p50_ms: list[float]
    spread: float | None
    samples_ms: dict[str, list[float]]
    notes: list[str] = field(default_factory=list)
    total_ms: float | None = None
    total_p90_ms: float | None = None
    fps: float | None = None
    load_ms: float | None = None
    first_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Energy of one inference.

    Attributes:
        source: the counter, e.g. "RAPL package-0".
        gross_mj: energy that the counter measured during the windows, per inference, in millijoules.
        net_mj: the same without the energy that the idle machine uses in that time.
        idle_w: power of the idle machine, in watts.
        seconds: length of the windows together.
        inferences: number of inferences in the windows.
        window_net_mj: `net_mj` of each window; empty, like the next three are None, in older records.
        net_spread: range of those, relative to their median; None where that is not positive.
        relative_net: `net_mj` relative to the baseline's, measured in turns; None without one.
        busy_cores: processor cores that others kept busy during the windows, idle ones included, at most; None where
            the system does not show it.
    """

    source: str
    gross_mj: float
    net_mj: float
    idle_w: float
    seconds: float
    inferences: int
    window_net_mj: list[float] = field(default_factory=list)
    net_spread: float | None = None
    relative_net: float | None = None
    busy_cores: float | None = None


@dataclass(frozen=True, kw_only=True)
class PeakRate:
    """The highest rate of multiplications and additions that this machine reached.

    Attributes:
        gops: thousand millions of operations (a multiplication or an addition) per second.
        type: of the factors, "float32" or "int8".
        measured_by: the library, the operation and its size.
    """

    gops: float
    type: str
    measured_by: str


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
        skipped: why nothing was measured; None where it was.
        device, threads: where it ran, "cpu" or "gpu", and on how many threads.
        gpu: the GPU's name; None on the CPU and in older records.
        source: name of what the frames are from.
        frames, warmup, rounds: frames of a round, those before it that do not count, and how many rounds there were.
        rss_import_mb, rss_loaded_mb, peak_rss_mb: resident memory of the process in MB after importing the runtime,
            after loading the file, and at most until one frame had been through it; None where the system does not
            tell, the first two in older records, too.
        model_mb: the last less the first: what the file adds to its runtime.
        gpu_memory_mb: memory of the process on the GPU, in MB; None on the CPU and where the driver does not tell.
        busy_threads: processor seconds per second of the rounds, of the `threads` that were given.
        gpu_percent: share of time in which the GPU worked while it ran; None on the CPU.
        macs: multiply-accumulates of the network; None where the file does not tell.
        peak: None where files of this precision have no peak rate to compare with.
        energy: None without a counter; `energy_mj`, `energy_net_mj` and `energy_source` repeat what is in it.
        energy_note: why there is no energy, or who else used what was counted.
        frame_rate, power_mw: frames per second, as asked for but not above `fps`, and the mean power that inference
            takes at that rate, in mW, estimated from `energy_net_mj`.
        battery_mwh, battery_hours: a battery as asked for, and how long inference alone could run on it.
        exclusive: repeats what is in `others`.
        baseline: the model that was timed in turns with it; None without one.
        round_ratios: time relative to the baseline's in each round; empty without one.
        relative_to_baseline: geometric mean of those (median in older records); None without one.
        ratio_low, ratio_high: its 95% interval over the rounds; None without a baseline, and after a single round.
        p50_low_ms, p50_high_ms: the 95% interval of `round_p50_ms`' geometric mean; None after a single round.
        stable: whether the interval, of the ratio or else of the time, is as narrow as was asked for; None in older
            records.
    """

    kind: ClassVar[str] = "inference"
    made_by: ClassVar[str] = "measure_inference.py"
    skipped: str | None = None
    device: str
    threads: int
    gpu: str | None = None
    source: str
    frames: int
    warmup: int
    rounds: int
    peak_rss_mb: float | None
    rss_import_mb: float | None = None
    rss_loaded_mb: float | None = None
    model_mb: float | None = None
    gpu_memory_mb: float | None = None
    busy_threads: float | None = None
    gpu_percent: int | None = None
    macs: int | None = None
    peak: PeakRate | None = None
    energy_mj: float | None
    energy_net_mj: float | None
    energy_source: str | None
    energy: Energy | None
    energy_note: str | None = None
    frame_rate: float | None = None
    power_mw: float | None = None
    battery_mwh: float | None = None
    battery_hours: float | None = None
    exclusive: bool | None
    others: OtherLoad
    baseline: Times | None = None
    round_ratios: list[float] = field(default_factory=list)
    relative_to_baseline: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    p50_low_ms: float | None = None
    p50_high_ms: float | None = None
    stable: bool | None = None
