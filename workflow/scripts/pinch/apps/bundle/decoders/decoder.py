"""Reference decoder of a bundle: from a picture to the model's input, and from its output to boxes."""

from typing import Any

import numpy as np


def letterbox(image: np.ndarray, contract: dict[str, Any]) -> tuple[np.ndarray, list[float]]:
    """The input of a uint8 (height, width, 3) RGB picture, and [gain y, gain x, top, left, height, width] of it."""
    box, tensor, size = contract["letterbox"], contract["input"], image.shape[:2]
    gain = min(box["height"] / size[0], box["width"] / size[1])
    inner = [max(round(side * gain), 1) for side in size]
    top, left = (round((box[side] - inner[axis]) / 2 - 0.1) for axis, side in enumerate(("height", "width")))
    (above, below, down), (before, after, across) = map(neighbours, inner, size)
    down, across = down[:, None, None], across[:, None]
    rows = image[:, before].astype(int) * (2048 - across) + image[:, after].astype(int) * across >> 4
    scaled = (rows[above] * (2048 - down) >> 16) + (rows[below] * down >> 16)
    canvas = np.full((box["height"], box["width"], 3), box["pad_value"], np.uint8)
    canvas[top : top + inner[0], left : left + inner[1]] = scaled + 2 >> 2
    values = canvas[None].astype(np.float32) / 255
    if tensor["scale"]:
        limits = np.iinfo(tensor["dtype"])
        values = np.clip(np.round(values / tensor["scale"]) + tensor["zero_point"], limits.min, limits.max)
    values = values if tensor["layout"] == "NHWC" else values.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(values, tensor["dtype"]), [inner[0] / size[0], inner[1] / size[1], top, left, *size]


def neighbours(count: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of `size` pixels the two that each of `count` lies between, and the second's share of 2048, as in OpenCV."""
    at = ((np.arange(count) + 0.5) * (size / count) - 0.5).astype(np.float32)
    low, share = np.floor(at).astype(int), np.rint((at - np.floor(at)) * 2048).astype(int)
    return np.clip(low, 0, size - 1), np.clip(low + 1, 0, size - 1), share


def decode(output: np.ndarray, contract: dict[str, Any], geometry: list[float]) -> np.ndarray:
    """The boxes in an output, best first: (n, 6), x1 y1 x2 y2 in pixels of the picture, score, class."""
    tensor, box, threshold = contract["output"], contract["letterbox"], contract["threshold"]
    rows = (output[0].T if tensor["columns_first"] else output[0]).astype(np.float32)
    rows = (rows - tensor["zero_point"]) * tensor["scale"] if tensor["scale"] else rows
    if not tensor["suppressed"]:
        centres, halves, scores = rows[:, :2], rows[:, 2:4] / 2, rows[:, 4:]
        rows = np.c_[centres - halves, centres + halves, scores.max(1), scores.argmax(1)]
    rows = rows[rows[:, 4] > threshold["score"]]
    if not tensor["suppressed"]:
        rows = suppress(rows[np.argsort(-rows[:, 4], kind="stable")], threshold["iou"])
    gain_y, gain_x, top, left, height, width = geometry
    units = np.array([box["width"], box["height"]] * 2 if tensor["box_units"] == "fractions" else [1])
    corners = (rows[:, :4] * units - [left, top] * 2) / ([gain_x, gain_y] * 2)
    return np.c_[np.clip(corners, 0, [width, height] * 2), rows[:, 4:]][: tensor["max_boxes"]]


def suppress(rows: np.ndarray, iou: float) -> np.ndarray:
    """The rows, best first, without those that overlap a better one of their class."""
    areas, kept = (rows[:, 2] - rows[:, 0]) * (rows[:, 3] - rows[:, 1]), np.empty(0, int)
    for i, row in enumerate(rows):
        sides = np.minimum(row[2:4], rows[kept, 2:4]) - np.maximum(row[:2], rows[kept, :2])
        common = np.clip(sides, 0, None).prod(1)
        if not np.any((common > iou * (areas[i] + areas[kept] - common)) & (row[5] == rows[kept, 5])):
            kept = np.append(kept, i)
    return rows[kept]
