"""What a checkpoint keeps if only its best anchors are decoded, as exported files do (`pinch.artifacts.head.LeanHead`).

It is found while the checkpoint is evaluated: the network runs once for each batch, and suppression once more for each
number of anchors.
"""

from collections.abc import Callable
from typing import Any

import torch
from ultralytics.utils.metrics import DetMetrics

from pinch.core.record_types.measurements import SplitAccuracy
from pinch.run.comparing import comparable
from pinch.runtimes.postprocess import is_end_to_end

FACTOR = 3
"""Each number of anchors that is tried is so many times the one before."""


def counts(least: int, anchors: int) -> list[int]:
    """The numbers of anchors that are tried: `least`, then FACTOR times more, as long as they are fewer than all."""
    found = []
    while least < anchors:
        found.append(least)
        least *= FACTOR
    return found


def best_anchors(predictions: torch.Tensor, count: int) -> torch.Tensor:
    """The anchors with the best class scores of each image: (n, 4 + classes, anchors) to (n, 4 + classes, count)."""
    chosen = predictions[:, 4:].amax(1).topk(count, dim=1).indices
    return predictions.gather(2, chosen[:, None].expand(-1, predictions.shape[1], -1))


class LeanMetrics:
    """Ultralytics' metrics for several numbers of anchors, filled batch by batch.

    Args:
        least: smallest number of anchors.
    """

    def __init__(self, least: int) -> None:
        self._least = least
        self._by_count: dict[int, DetMetrics] = {}

    def update(self, predictions: Any, count_boxes: Callable[[torch.Tensor, DetMetrics], None]) -> None:
        """Add a batch.

        Args:
            predictions: what the network returned, possibly first of several outputs: (n, 4 + classes, anchors) or, if
                it suppresses by itself, (n, boxes, 6). With so many anchors it finds as many of its best boxes.
            count_boxes: suppresses predictions of that shape and adds them to metrics.
        """
        raw = predictions[0] if isinstance(predictions, list | tuple) else predictions
        finished = is_end_to_end(raw.shape)
        for count in counts(self._least, raw.shape[1 if finished else 2]):
            kept = raw[:, :count] if finished else best_anchors(raw, count)
            count_boxes(kept, self._by_count.setdefault(count, DetMetrics()))

    def map50_95(self) -> dict[str, float]:
        """mAP50-95 by number of anchors; empty if there are never more than the least."""
        for metrics in self._by_count.values():
            metrics.process()
        return {str(count): float(metrics.box.map) for count, metrics in self._by_count.items()}


def candidates(accuracy: SplitAccuracy, least: int, keep: float, anchors: int) -> tuple[int, float | None]:
    """How many anchors a file has to decode.

    Args:
        accuracy: of the checkpoint, on val.
        least: smallest number, less than `anchors`.
        keep: share of the checkpoint's mAP50-95 that the file must keep.
        anchors: how many there are, or as many as can make a difference.

    Returns:
        The smallest number that keeps the share, or that of all anchors if none does; and the share that it keeps
        (None if nothing can be said of shares, because the checkpoint is not `comparable`).
    """
    whole = comparable(accuracy.map50_95)
    if whole is None:
        return least, None
    tried = {int(count): value / whole for count, value in (accuracy.lean or {}).items()}
    enough = [count for count in sorted(tried) if count >= least and tried[count] >= keep]
    return (enough[0], tried[enough[0]]) if enough else (anchors, 1.0)
