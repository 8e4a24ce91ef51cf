"""Records of data sets."""

from dataclasses import dataclass, field
from typing import ClassVar

from pinch.core.record_types.base import Record


@dataclass(frozen=True, kw_only=True)
class SplitContent:
    """What a split holds: images, boxes of each class, and people (None: not known)."""

    images: int
    boxes: dict[str, int]
    users: int | None = None


@dataclass(frozen=True, kw_only=True)
class DatasetRecord(Record):
    """A data set that was looked through.

    Attributes:
        data_yaml: its path.
        digest: SHA-256 of it, see `pinch.data.manifest`; None in older records.
        classes: names, in the order of their numbers.
        splits: those that it has.
        warnings: sentences on what is odd in it.
    """

    kind: ClassVar[str] = "dataset"
    made_by: ClassVar[str] = "hagrid_to_yolo.py or prepare_dataset.py"
    data_yaml: str
    digest: str | None = None
    classes: list[str]
    splits: dict[str, SplitContent]
    warnings: list[str] = field(default_factory=list)
