"""What the splits of a data set consist of: rows of the table `dataset`."""

from typing import Any

from pinch.core.record_types.data import BOX_COUNTS, QUANTILES, DatasetRecord

COLUMNS = [
    *["split", "images", "users", "class", "boxes", "images_with", "users_with"],
    *(f"images_of_{count}" for count in BOX_COUNTS),
    *(f"side_p{quantile}" for quantile in QUANTILES),
]


def rows(record: DatasetRecord | None) -> list[dict[str, Any]]:
    """One row for each split and class."""
    found = []
    for split, content in (record.splits if record else {}).items():
        about = {"split": split, "images": content.images, "users": content.users}
        about |= {f"side_{quantile}": side for quantile, side in (content.box_sides or {}).items()}
        about |= {f"images_of_{count}": images for count, images in (content.boxes_per_image or {}).items()}
        for name, boxes in content.boxes.items():
            shown = {"images_with": content.images_with, "users_with": content.users_with}
            found.append(about | {"class": name, "boxes": boxes} | {k: (v or {}).get(name) for k, v in shown.items()})
    return found
