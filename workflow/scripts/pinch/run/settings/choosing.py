"""Options of choosing: wants, with the limits that they may set and what they may prefer."""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pinch.core.options import CONFIG, option
from pinch.run.formats import FORMATS


@dataclass(frozen=True)
class Limit:
    """A limit that a want may set.

    Attributes:
        column: of the measured files (see `pinch.tables.selection.measured`) that it bounds.
        at_least: whether it is the least value allowed; else it is the highest.
        noun: what it limits.
        words: how it is said, with a place for the value.
        form: how its values are written, with the unit.
        scale: what values are multiplied with to be written so.
        of_loss: whether it bounds what the column lacks to 1.
    """

    column: str
    at_least: bool
    noun: str
    words: str
    form: str
    scale: float = 1.0
    of_loss: bool = False

    def bound(self, value: float) -> float:
        """The limit of the column."""
        return 1 - value if self.of_loss else value

    def shown(self, figure: float) -> str:
        """A figure of the column, with its unit."""
        return self.form.format(self.scale * (1 - figure if self.of_loss else figure))

    def given(self, value: float) -> str:
        """The value of the limit, with its unit."""
        return self.form.format(self.scale * value)

    def said(self, value: float) -> str:
        """The limit in words."""
        return self.words.format(self.given(value))


_LIMIT = "limit"
# What was measured where a file runs: it says nothing of other devices.
_MEASURED = ("p50_ms", "p90_ms", "total_ms", "total_p90_ms", "fps", "peak_rss_mb", "energy_net_mj")
BY_PROXY = " (by proxy)"
"""At the end of a name: left out where the device itself was measured."""


def _limit(help: str, limit: Limit, **bounds: Any) -> Any:
    """An option of a want that is a limit; without one, nothing is limited."""
    made = option(None, help=help, where=CONFIG, **bounds)
    metadata = {**made.metadata, _LIMIT: limit}
    return dataclasses.field(default=None, metadata=metadata)


def _at_most(column: str, noun: str, help: str, words: str, form: str, scale: float = 1.0) -> Any:
    return _limit(f"highest {help}", Limit(column, False, noun, f"at most {{}} {words}", form, scale), above=0)


def _share_at_least(column: str, noun: str, help: str, words: str, form: str = "{:.4g}", scale: float = 1.0) -> Any:
    return _limit(f"least {help}", Limit(column, True, noun, words, form, scale), minimum=0, maximum=1)


# Exponent of MnasNet's objective accuracy * (time / target) ** w: half the time is worth 5% of the accuracy
# (Tan et al., MnasNet, CVPR 2019, section 3.1).
_BALANCE = -0.07


@dataclass(frozen=True)
class Preference:
    """What a want may prefer among the files that meet its limits.

    Attributes:
        words: how the best file is called.
        terms: columns of the measured files, with the weights of their logarithms in the score, of which the highest
            is the best.
        less, more: how a file with a lower or higher score is called, after a percentage.
    """

    words: str
    terms: tuple[tuple[str, float], ...]
    less: str
    more: str


PREFERENCES = {
    "fastest": Preference("fastest", (("relative_time", -1.0),), "slower", "faster"),
    "smallest": Preference("smallest download", (("bytes_zipped", -1.0),), "larger as a download", "smaller"),
    "accurate": Preference("most accurate", (("val_map50_95", 1.0),), "less accurate", "more accurate"),
    "energy": Preference("most economical", (("energy_net_mj", -1.0),), "less economical", "more economical"),
    "balanced": Preference(
        "best trade where half the time is worth 5% of the accuracy",
        (("val_map50_95", 1.0), ("relative_time", _BALANCE)),
        "worse in that trade",
        "better in that trade",
    ),
}
"""By the value of `prefer`."""
_FEWEST_MACS = Preference("lightest (fewest MACs)", (("macs", -1.0),), "heavier in MACs", "lighter in MACs")
UNTIMED = PREFERENCES | {
    "fastest": _FEWEST_MACS,
    "energy": _FEWEST_MACS,
    "balanced": Preference(
        "best trade where half the MACs are worth 5% of the accuracy",
        (("val_map50_95", 1.0), ("macs", _BALANCE)),
        "worse in that trade",
        "better in that trade",
    ),
}
"""The same for a device that was not measured."""


@dataclass(frozen=True, kw_only=True)
class Want:
    """What is wanted of a model: where it shall run, which limits it must meet, and what is best then."""

    name: str = option(help="what the want is called", pattern=r"\S", where=CONFIG)
    device: str | None = option(
        None,
        help="where it shall run: one of `measure.devices`, or the name of a device of `measure.imported`; by default "
        "each",
        pattern=r"\S",
        where=CONFIG,
    )
    threads: int | None = option(
        None, help="thread count on the CPU, of `measure.threads`; by default each", minimum=1, where=CONFIG
    )
    processor: str | None = option(
        None,
        help="part of the name of the processor, where files are timed on several; by default each",
        pattern=r"\S",
        where=CONFIG,
    )
    formats: tuple[str, ...] = option(
        (), help="formats that can be used there; by default all", choices=tuple(FORMATS), where=CONFIG
    )
    proxy_for: str | None = option(
        None,
        help="what the model is for, if it is not measured, such as `a phone's CPU`: multiply-accumulates then decide "
        "in place of times, since those of this computer say nothing of it. A want for a phone goes to the phones that "
        "`measure.imported` has times of",
        pattern=r"\S",
        where=CONFIG,
    )
    prefer: str = option(
        "balanced",
        help="what is best among the files that meet all limits: `fastest`, `smallest` (as a download), `accurate` "
        "(mAP50-95 on val), `energy` (least net energy), or `balanced` (half the time is worth 5% of the accuracy)",
        choices=tuple(PREFERENCES),
        where=CONFIG,
    )
    p50_ms: float | None = _at_most(
        "p50_ms", "inference time", "median time of inference, in ms", "per frame", "{:.4g} ms"
    )
    p90_ms: float | None = _at_most(
        "p90_ms",
        "inference time of nine of ten frames",
        "time of inference of nine of ten frames, in ms",
        "for nine of ten frames",
        "{:.4g} ms",
    )
    total_ms: float | None = _at_most(
        "total_ms",
        "time of a whole frame",
        "median time of a whole frame, with pre- and post-processing, in ms",
        "per whole frame",
        "{:.4g} ms",
    )
    total_p90_ms: float | None = _at_most(
        "total_p90_ms",
        "time of nine of ten whole frames",
        "time of nine of ten whole frames, in ms",
        "for nine of ten whole frames",
        "{:.4g} ms",
    )
    fps: float | None = _limit(
        "least number of whole frames per second",
        Limit("fps", True, "frames per second", "at least {} per second", "{:.4g} frames"),
        above=0,
    )
    bytes: int | None = _at_most("bytes", "file size", "size of the file, in bytes", "of file", "{:.4g} MB", 1e-6)
    bytes_zipped: int | None = _at_most(
        "bytes_zipped", "download size", "size of the download (zipped), in bytes", "of download", "{:.4g} MB", 1e-6
    )
    peak_rss_mb: float | None = _at_most(
        "peak_rss_mb", "memory", "resident memory of the process, in MB", "of memory", "{:.4g} MB"
    )
    energy_net_mj: float | None = _at_most(
        "energy_net_mj", "energy", "net energy of an inference, in mJ", "per inference", "{:.4g} mJ"
    )
    kept: float | None = _share_at_least(
        "kept",
        "accuracy kept",
        "share of the mAP50-95 on val of the base, or of its better twin",
        "at least {} of the unpruned model's mAP50-95 on val",
        "{:.4g}%",
        100,
    )
    map50_95: float | None = _share_at_least(
        "val_map50_95", "mAP50-95", "mAP50-95 on val", "mAP50-95 of at least {} on val"
    )
    worst_class: float | None = _share_at_least(
        "val_lowest_class_map50_95",
        "mAP50-95 of the worst class",
        "mAP50-95 on val of the class in which it is lowest",
        "mAP50-95 of at least {} on val in every class",
    )
    recall: float | None = _share_at_least(
        "val_recall",
        "recall",
        "recall on val at the file's threshold (mean over classes, IoU 0.5)",
        "recall of at least {} on val",
    )
    class_loss: float | None = _limit(
        "largest share that any class may lose of the mAP50-95 on val that it has in the base, or its better twin",
        Limit(
            "val_worst_class_kept",
            True,
            "the largest loss of a class",
            "no class that loses more than {} on val",
            "{:.4g}%",
            100,
            of_loss=True,
        ),
        minimum=0,
        maximum=1,
    )

    @property
    def limits(self) -> dict[str, tuple[Limit, float]]:
        """The limits that it sets, by name, with their values."""
        said = ((name, limit, getattr(self, name)) for name, limit in LIMITS.items())
        return {name: (limit, value) for name, limit, value in said if value is not None}

    @property
    def preference(self) -> Preference:
        """What it prefers."""
        return (UNTIMED if self.proxy_for else PREFERENCES)[self.prefer]

    @property
    def stand_in(self) -> Preference:
        """What decides where nothing tells what is preferred, as where no counter measures energy."""
        return PREFERENCES["smallest" if self.proxy_for else "fastest"]

    @property
    def unknowable(self) -> list[str]:
        """Limits that nothing tells of a device that was not measured."""
        return [name for name, (limit, _) in self.limits.items() if self.proxy_for and limit.column in _MEASURED]

    def runs_at(self, device: str, threads: int, processor: str | None = None) -> bool:
        """Whether it asks for this place; an unknown processor is any."""
        named = self.processor is None or processor is None or self.processor.lower() in processor.lower()
        return named and self.device in (None, device) and self.threads in (None, threads)

    def is_met_by_phone(self, unit: str, threads: int, formats: Iterable[str]) -> bool:
        """Whether it is for a phone, and so for a unit of one ("cpu", "gpu" or "npu") that timed some formats."""
        here = self.device in (None, unit) and self.threads in (None, threads)
        return "phone" in (self.proxy_for or "").lower() and here and any(map(self.takes, formats))

    def takes(self, format: str) -> bool:
        """Whether it may be a file of this format."""
        return not self.formats or format in self.formats


def _limits() -> Iterator[tuple[str, Limit]]:
    for field in dataclasses.fields(Want):
        if _LIMIT in field.metadata:
            yield field.name, field.metadata[_LIMIT]


LIMITS = dict(_limits())
"""By the names of the options of a want."""
_ENOUGH = 0.95
USUAL = (
    Want(name="fast", prefer="fastest", kept=_ENOUGH),
    Want(name="accurate", prefer="accurate"),
    Want(name="small", prefer="smallest", kept=_ENOUGH),
    Want(name="balanced", prefer="balanced"),
    Want(
        name=f"phone CPU{BY_PROXY}",
        device="cpu",
        formats=("tflite",),
        proxy_for="a phone's CPU",
        prefer="fastest",
        kept=_ENOUGH,
    ),
)
"""The wants of a configuration that names none."""
