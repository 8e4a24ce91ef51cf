"""Records of data sets."""

from dataclasses import dataclass, field
from typing import ClassVar

from pinch.core.record_types.base import Record

BOX_COUNTS = ("0", "1", "2", "3+")
"""Numbers of boxes by which images are counted."""
QUANTILES = (5, 25, 50, 75, 95)
"""Percentiles of the sides of boxes."""


@dataclass(frozen=True, kw_only=True)
class SplitContent:
    """What a split holds. What older records do not say is None.

    Attributes:
        images: number of images.
        boxes: number of boxes of each class.
        users: number of people.
        images_with: number of images that show each class.
        users_with: number of people who show each class.
        boxes_per_image: number of images by their number of boxes, see BOX_COUNTS.
        box_sides: QUANTILES ("p5", ...) of the sides of boxes, as shares of the image's side: the square root of the
            share of the area. None without boxes.
        image_sizes: number of images by size in pixels ("512x683", width first), the ten most common.
    """

    images: int
    boxes: dict[str, int]
    users: int | None = None
    images_with: dict[str, int] | None = None
    users_with: dict[str, int] | None = None
    boxes_per_image: dict[str, int] | None = None
    box_sides: dict[str, float] | None = None
    image_sizes: dict[str, int] | None = None


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
