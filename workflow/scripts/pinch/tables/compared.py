"""The tables of what the chosen files lose of the unpruned model, which compare_chosen.py writes."""

from collections.abc import Sequence

SIZES = ("small", "medium", "large")
"""Thirds of the boxes of the truth, by their side."""
OF_CLASSES = ("ap", "precision", "recall")
OF_SIZES = ("map50_95", "recall")
_FILE = ["file", "reference", "threshold"]


def _losses(figures: Sequence[str]) -> list[str]:
    return [*figures, *(f"{name}_loss{end}" for name in figures for end in ("", "_low", "_high"))]


COLUMNS = {
    "classes": [*_FILE, "class", "boxes", "detections", *_losses(OF_CLASSES)],
    "sizes_of_boxes": [*_FILE, "size", "side_from", "side_to", "boxes", *_losses(OF_SIZES)],
    "confusion": ["file", "class", "detected", "boxes"],
    "agreement": [
        *[*_FILE, "reference_threshold", "images", "boxes", "detections", "reference_detections"],
        *(f"{name}{end}" for name in ("agrees", "reference_agrees") for end in ("", "_low", "_high")),
        *["boxes_lost", "boxes_gained", "images_lost", "images_gained"],
    ],
}
"""The tables and their columns, see results/README.md."""
