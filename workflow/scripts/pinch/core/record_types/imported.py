"""Records of times that were measured on another device, such as a phone, and read from files."""

from dataclasses import dataclass, field
from typing import ClassVar

from pinch.core.record_types.base import Record
from pinch.core.record_types.measurements import Times


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device, as far as it is told.

    Attributes:
        name: given by who measured.
        is_phone: whether it is a phone or a tablet.
        system: the operating system and, in a browser, its user agent; empty where nothing tells it.
        cores, memory_gb, gpu: None where nothing tells them.
    """

    name: str
    is_phone: bool
    system: str = ""
    cores: int | None = None
    memory_gb: float | None = None
    gpu: str | None = None


@dataclass(frozen=True, kw_only=True)
class DeviceTimes(Times):
    """Times of a file on the device.

    The summaries of `Times` are over what was told: `p90_ms` and `p99_ms` are None where single samples are not.

    Attributes:
        place: the program that ran it, and what computed: files of one place, with one thread count, can be compared.
        unit: what computed: "cpu", "gpu" or "npu".
        threads: on the CPU; 1 elsewhere.
        runtime, version: the library; None where it does not tell its version.
        inferences: how many the times rest on, in all rounds.
        peak_rss_mb, model_mb: see `InferenceRecord`; None where the program does not tell them.
        baseline_file, baseline_p50_ms: the base's float32 file that was measured at the same place; None without one.
        relative_to_baseline, ratio_low, ratio_high: geometric mean over the rounds of the time relative to that, and
            its 95% interval.
        p50_low_ms, p50_high_ms: the 95% interval of `round_p50_ms`' geometric mean.
    """

    place: str
    unit: str
    threads: int
    runtime: str
    version: str | None
    inferences: int
    peak_rss_mb: float | None = None
    model_mb: float | None = None
    baseline_file: str | None = None
    baseline_p50_ms: float | None = None
    relative_to_baseline: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    p50_low_ms: float | None = None
    p50_high_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A second of a longer run of one file, and the median of the inferences in it, in milliseconds."""

    file: str
    second: float
    ms: float


@dataclass(frozen=True, kw_only=True)
class ImportedRecord(Record):
    """Times of files of a run on another device.

    Attributes:
        device: where they were measured.
        source: the program that measured.
        measured_at: ISO 8601; None where it does not tell.
        timings: one entry for each file and place.
        curve: a longer run of one file; empty without one.
    """

    kind: ClassVar[str] = "imported"
    made_by: ClassVar[str] = "import_timings.py"
    device: Device
    source: str
    measured_at: str | None
    timings: list[DeviceTimes]
    curve: list[Moment] = field(default_factory=list)
