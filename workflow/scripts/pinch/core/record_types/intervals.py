"""Records of intervals: how far accuracies, and shares of them, would move with other images of the same kind."""

from dataclasses import dataclass
from typing import ClassVar

from pinch.core.record_types.base import Record


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure and the ends of its interval, see `IntervalsRecord.level`."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class ClassEstimate(Estimate):
    """The same of a class."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Share:
    """What a file keeps of the mAP50-95 of another one, both measured on the same images.

    Attributes:
        of: the other file.
        whole: of the means over all classes.
        worst_class: of the class with the smallest share, among those whose mAP50-95 in the other file is comparable
            (see `pinch.run.comparing`); None if there is none. It is the smallest of many noisy figures, so its value
            is too low in the mean; the interval is of that very class, as if it had been named beforehand.
    """

    of: str
    whole: Estimate
    worst_class: ClassEstimate | None


@dataclass(frozen=True, kw_only=True)
class SplitIntervals:
    """Intervals of a file on a split.

    Attributes:
        images, groups, persons: what they rest on: images, groups of images that are independent of each other (those
            of a person are one), and persons that are known.
        map50_95: None without boxes to find.
        kept: of the model that all are compared with; None for itself, and where that is not comparable.
        of_float: of the float file of the same model, size and format; None but for int8.
    """

    images: int
    groups: int
    persons: int
    map50_95: Estimate | None
    kept: Share | None = None
    of_float: Share | None = None


@dataclass(frozen=True, kw_only=True)
class FileIntervals:
    """Intervals of a file, whose SHA-256 is that of its accuracy record."""

    file: str
    sha256: str | None
    splits: dict[str, SplitIntervals]


@dataclass(frozen=True, kw_only=True)
class IntervalsRecord(Record):
    """Intervals of all evaluated files of a run.

    Attributes:
        level: the share of sets of images in which such intervals hold the true figure, e.g. 0.95.
        resamples: how many they rest on.
        reference: the file that `kept` is relative to; None where the run has none.
        files: one entry for each.
    """

    kind: ClassVar[str] = "intervals"
    made_by: ClassVar[str] = "compare_accuracy.py"
    level: float
    resamples: int
    reference: str | None
    files: list[FileIntervals]
