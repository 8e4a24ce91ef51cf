"""What the files of all programs say, in one form, before it is compared with a run."""

from dataclasses import dataclass, field

from pinch.core.record_types.imported import Device, Moment


@dataclass(frozen=True, kw_only=True)
class Round:
    """Inferences of a file one after the other, in milliseconds.

    Attributes:
        p50_ms: their median, or the mean where the program tells no median.
        mean_ms, min_ms: their mean and the shortest.
        count: how many there were.
        samples: each of them; empty where the program does not tell them.
    """

    p50_ms: float
    mean_ms: float
    min_ms: float
    count: int
    samples: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Place:
    """What computed on a device: its rows can be compared.

    Attributes:
        name: the program that ran the files, and what computed.
        unit: "cpu", "gpu" or "npu".
        threads: on the CPU; 1 elsewhere.
    """

    name: str
    unit: str
    threads: int


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The times of a file at a place.

    Attributes:
        path: the file that says so.
        file, sha256, bytes_told: of what was measured: its name, its SHA-256, and its size as text in units of a
            million bytes; None where the program does not tell them.
        place: where it ran.
        runtime, version: the library that ran it; None where it does not tell its version.
        rounds: in the order of the measurement.
        in_turns: whether all files of `path` took turns within each round, so that rounds of two files belong together.
        load_ms, first_ms: from the file to a session that is ready, and its first inference.
        preprocess_ms, postprocess_ms: of each inference, in the order of the samples; empty where not measured.
        peak_rss_mb, model_mb: peak memory of the process, and what the file added to it; None where not told.
        notes: on how the runtime computed.
    """

    path: str
    file: str
    sha256: str | None = None
    bytes_told: str | None = None
    place: Place
    runtime: str
    version: str | None = None
    rounds: list[Round]
    in_turns: bool = False
    load_ms: float | None = None
    first_ms: float | None = None
    preprocess_ms: list[float] = field(default_factory=list)
    postprocess_ms: list[float] = field(default_factory=list)
    peak_rss_mb: float | None = None
    model_mb: float | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What one or several files say of one device.

    Attributes:
        device: where files were measured.
        source: the program that measured.
        measured_at: ISO 8601; None where it does not tell.
        files: what was measured.
        curve: a longer run of one file; empty without one.
    """

    device: Device
    source: str
    measured_at: str | None = None
    files: list[Measured]
    curve: list[Moment] = field(default_factory=list)
