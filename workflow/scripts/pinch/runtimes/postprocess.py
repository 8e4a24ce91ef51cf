"""From a network's output to boxes in the image: the same result as Ultralytics' prediction, with numpy only."""

from dataclasses import dataclass

import numpy as np

from pinch.run.predicting import CONFIDENCE, IOU, MAX_DET
from pinch.runtimes.preprocess import Geometry


@dataclass(frozen=True)
class Detections:
    """The detections in one image, best first.

    Attributes:
        boxes: float32, (n, 4), x1 y1 x2 y2 in pixels of the original image.
        scores: float32, (n,), 0 to 1.
        classes: int64, (n,).
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)


def detections(
    output: np.ndarray, geometry: Geometry, confidence: float = CONFIDENCE, iou: float = IOU, max_det: int = MAX_DET
) -> Detections:
    """Select the detections of an output and convert their boxes to pixels of the original image.

    Args:
        output: (1, 4 + classes, anchors): centre x, centre y, width, height in input pixels, then one score per class;
            or (1, n, 6) of a network that suppresses by itself: x1 y1 x2 y2 score class.
        geometry: what `letterbox` returned with the input.
        confidence: detections must have a higher score.
        iou: overlap above which the weaker of two boxes of a class is dropped.
        max_det: maximum number of detections.
    """
    if is_end_to_end(output.shape):
        found = output[0][output[0][:, 4] > confidence][:max_det].astype(np.float32)
        boxes, scores, classes = found[:, :4], found[:, 4], found[:, 5].astype(np.int64)
    else:
        boxes, scores, classes = _suppressed(output[0], confidence, iou, max_det)
    return Detections(_to_image(boxes, geometry), scores, classes)


def is_end_to_end(shape: tuple[int, ...]) -> bool:
    """Whether an output of this shape has finished detections, (1, n, 6), by Ultralytics' rule."""
    return len(shape) == 3 and shape[-1] == 6


def _suppressed(output: np.ndarray, confidence: float, iou: float, max_det: int) -> tuple[np.ndarray, ...]:
    best = output[4:].max(0)
    candidates = output[:, best > confidence].astype(np.float32).T
    classes = candidates[:, 4:].argmax(1) if len(candidates) else np.empty(0, np.int64)
    scores = candidates[:, 4:].max(1) if len(candidates) else np.empty(0, np.float32)
    half = candidates[:, 2:4] / 2
    boxes = np.concatenate((candidates[:, :2] - half, candidates[:, :2] + half), 1)
    keep = nms(boxes, scores, classes, iou)[:max_det]
    return boxes[keep], scores[keep], classes[keep]


def nms(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, iou: float) -> np.ndarray:
    """Greedy non-maximum suppression within each class.

    Args:
        boxes: (n, 4), x1 y1 x2 y2.
        scores: (n,).
        classes: (n,).
        iou: overlap above which the weaker box is dropped.

    Returns:
        Indices of the boxes kept, best first.
    """
    order = np.argsort(-scores, kind="stable")
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    keep = []
    while order.size:
        first, rest = order[0], order[1:]
        keep.append(first)
        corner = np.maximum(boxes[first, :2], boxes[rest, :2])
        overlap = np.clip(np.minimum(boxes[first, 2:], boxes[rest, 2:]) - corner, 0, None).prod(1)
        # Not a quotient, because it would be 0 / 0 for boxes without an area.
        same = overlap > iou * (areas[first] + areas[rest] - overlap)
        order = rest[~(same & (classes[rest] == classes[first]))]
    return np.array(keep, np.int64)


def _to_image(boxes: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Undo the letterbox and clip to the image."""
    offset = np.array([geometry.left, geometry.top] * 2, np.float32)
    gain = np.array([geometry.gain_x, geometry.gain_y] * 2, np.float32)
    return np.clip((boxes - offset) / gain, 0, np.array([geometry.width, geometry.height] * 2, np.float32))
