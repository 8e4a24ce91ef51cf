"""Accuracy as cells of the tables models and artifacts: on test, which is reported, and with a prefix on val."""

from typing import Any

from pinch.core.record_types.measurements import AccuracyRecord, SplitAccuracy

FIXED = ["map50", "map50_95", "val_map50", "val_map50_95"]
LOOKED_AT = ["images", "images_in_split", "val_images", "val_images_in_split"]
"""On how many images that rests, and how many the splits have."""
IN_USE = ["threshold", "val_recall", "val_lowest_class", "val_lowest_class_map50_95"]
"""What users of the file would see: at its threshold, and of the class that it finds worst."""


def cells(measured: AccuracyRecord) -> dict[str, Any]:
    """All of a file."""
    prefixes, point = {"test": "", "val": "val_"}, measured.operating_point
    at_threshold = {"threshold": point.threshold, "val_recall": point.recall} if point else {}
    return (
        dict.fromkeys(IN_USE)
        | at_threshold
        | _lowest_class(measured.splits.get("val"))
        | {
            f"{prefix}{key}": getattr(measured.splits.get(split), key, None)
            for split, prefix in prefixes.items()
            for key in ("map50", "map50_95", "images", "images_in_split")
        }
    )


def before_tuning(measured: AccuracyRecord | None) -> dict[str, Any]:
    """Those of a model before it was tuned."""
    said = cells(measured) if measured else {}
    return {f"{key}_before_tuning": value for key, value in said.items() if key in FIXED}


def _lowest_class(found: SplitAccuracy | None) -> dict[str, Any]:
    known = {name: value for name, value in (found.per_class if found else {}).items() if value is not None}
    if not known:
        return {}
    lowest = min(known, key=known.__getitem__)
    return {"val_lowest_class": lowest, "val_lowest_class_map50_95": known[lowest]}
