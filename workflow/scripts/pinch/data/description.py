"""What the images of a split look like: how many show a class, how many boxes they have, how large both are."""

from collections import Counter
from typing import Any

import numpy as np

from pinch.core.record_types.data import BOX_COUNTS, QUANTILES
from pinch.data.manifest import Entry

_MOST_SIZES = 10


def describe(entries: list[Entry], names: list[str]) -> dict[str, Any]:
    """The fields of `SplitContent` that follow from a manifest.

    Args:
        entries: of the images of a split.
        names: class names, in the order of their numbers.
    """
    counts = np.array([len(entry.boxes) for entry in entries], int)
    boxes = np.concatenate([np.zeros((0, 5), np.float32), *(entry.boxes for entry in entries)])
    pairs = np.unique(np.stack([np.repeat(np.arange(len(counts)), counts), boxes[:, 0].astype(int)], 1), axis=0)
    with_class = np.bincount(pairs[:, 1], minlength=len(names))
    per_image = np.bincount(np.minimum(counts, len(BOX_COUNTS) - 1), minlength=len(BOX_COUNTS))
    sizes = Counter(f"{width}x{height}" for height, width in (entry.shape for entry in entries))
    sides = np.sqrt(np.maximum(boxes[:, 3] * boxes[:, 4], 0))
    return {
        "images_with": {name: int(with_class[number]) for number, name in enumerate(names)},
        "boxes_per_image": dict(zip(BOX_COUNTS, per_image.tolist(), strict=True)),
        "box_sides": {f"p{q}": round(float(np.percentile(sides, q)), 4) for q in QUANTILES} if len(sides) else None,
        "image_sizes": dict(sizes.most_common(_MOST_SIZES)),
    }
