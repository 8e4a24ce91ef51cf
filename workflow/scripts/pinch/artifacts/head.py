"""The lean head: choose the best anchors first, then decode only those.

Ultralytics decodes every anchor (8,400 at 640 pixels) although non-maximum suppression keeps at most a few hundred of
them. The sigmoid is monotonic, so anchors can be ranked by their best class logit before decoding. Decoding the first K
gives the same detections as decoding all and dropping the rest.

The output keeps Ultralytics' layout, (1, 4 + classes, K): centre x, centre y, width, height in input pixels, then one
score a class; or (1, K, 6) for a network that suppresses by itself (YOLO26): x1, y1, x2, y2, score, class.
"""

from typing import Any

import torch
from torch import nn
from ultralytics.utils.tal import dist2bbox, make_anchors


def take_place(new: nn.Module, old: nn.Module) -> None:
    """Copy the attributes that `DetectionModel` reads of a layer: its number, the source of its input, its type."""
    for name in ("i", "f", "type"):
        setattr(new, name, getattr(old, name))


class LeanHead(nn.Module):
    """Stands in for a `Detect` head in an exported network.

    Args:
        head: the trained head, on the CPU; its branches are used as they are.
        candidates: most anchors to decode; if there are no more than that, all are decoded in their order.
    """

    def __init__(self, head: Any, candidates: int) -> None:
        super().__init__()
        take_place(self, head)
        self.head, self.candidates = head, candidates

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Feature maps (1, channels, height, width) of every level, to the output described above."""
        head = self.head
        raw = head.forward_head(features, **(head.one2one if head.end2end else head.one2many))
        boxes, scores = raw["boxes"], raw["scores"]
        anchors, strides = (a.T for a in make_anchors(features, head.stride, 0.5))
        if self.candidates < scores.shape[2]:
            # There is one image per batch, so an index of one dimension is enough (Gather, not GatherElements).
            chosen = scores.amax(1).topk(self.candidates, dim=1).indices[0]
            boxes, scores = boxes[:, :, chosen], scores[:, :, chosen]
            anchors, strides = anchors[:, chosen], strides[:, chosen]
        distances = _distances(boxes, head.reg_max)
        boxes = dist2bbox(distances, anchors[None], xywh=not head.end2end, dim=1) * strides
        scores = scores.sigmoid()
        return self._detections(boxes, scores) if head.end2end else torch.cat((boxes, scores), 1)

    def _detections(self, boxes: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The best pairs of anchor and class, as `Detect.postprocess` chooses them: (1, at most max_det, 6)."""
        classes, anchors = scores.shape[1:]
        best, index = scores.transpose(1, 2).flatten(1).topk(min(self.head.max_det, anchors), dim=1)
        boxes = boxes.transpose(1, 2)[:, torch.div(index[0], classes, rounding_mode="floor")]
        return torch.cat((boxes, best[..., None], (index % classes)[..., None].to(boxes.dtype)), 2)


def _distances(boxes: torch.Tensor, bins: int) -> torch.Tensor:
    """Distances from the anchor to the four sides, in strides: (1, 4 * bins, K) to (1, 4, K).

    With more than one bin a side is the expectation over its bins (distribution focal loss, arXiv:2006.04388).
    """
    if bins == 1:
        return boxes
    shares = boxes.view(1, 4, bins, boxes.shape[2]).softmax(2)
    return (shares * torch.arange(bins, dtype=boxes.dtype).view(1, 1, bins, 1)).sum(2)


class RawHead(nn.Module):
    """Stands in for a `Detect` head if decoding is added later: it returns the last convolutions' feature maps.

    The order is that of `map_names`: boxes and scores of the first level, of the second level, and so on.
    """

    def __init__(self, head: Any) -> None:
        super().__init__()
        take_place(self, head)
        self.head = head

    def forward(self, features: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """Feature maps of every level, to (1, 4 * bins, h, w) and (1, classes, h, w) of every level."""
        branches = self.head.one2one if self.head.end2end else self.head.one2many
        pairs = zip(features, branches["box_head"], branches["cls_head"], strict=True)
        return tuple(branch(feature) for feature, *both in pairs for branch in both)


def map_names(levels: int) -> list[str]:
    """Names of a raw head's outputs."""
    return [f"{kind}{level}" for level in range(levels) for kind in ("boxes", "scores")]
