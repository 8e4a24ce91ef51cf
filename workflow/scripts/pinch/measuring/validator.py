"""Ultralytics' validator, as accuracy is measured with it."""

from typing import Any

import numpy as np
import torch
from torch import nn
from ultralytics.models.yolo.detect import DetectionValidator
from ultralytics.utils.metrics import DetMetrics

from pinch.data.ultralytics_dataset import labels_from_manifest
from pinch.measuring.boxes import pack
from pinch.measuring.lean import LeanMetrics
from pinch.runtimes.torch import forbid_tf32


class Validator(DetectionValidator):
    """Ultralytics' validator with a fixed number of threads, which does not copy the model (sessions cannot be).

    It keeps what it matched: `matched` is its `DetMetrics.stats`, with packed boxes of the detections ("boxes") and of
    the truth ("target_boxes"); `image_files` are the images in their order.

    Args:
        threads: of PyTorch.
        lean: also filled in; None: nothing.
    """

    def __init__(self, threads: int, lean: LeanMetrics | None, **kwargs: Any):
        super().__init__(**kwargs)
        self._lean, self._raw = lean, None
        self.matched: dict[str, list[np.ndarray]] = {}
        self.image_files: list[str] = []
        self._boxes: dict[str, list[np.ndarray]] = {"boxes": [], "target_boxes": []}
        # Ultralytics sets its own number of threads when it selects the device.
        self.callbacks["on_val_start"].append(lambda _: torch.set_num_threads(threads))
        forbid_tf32()

    def get_model(self, model: nn.Module, trainer: Any = None) -> nn.Module:
        """Return the given model, which Ultralytics would copy."""
        return model

    def postprocess(self, preds: Any) -> list[dict[str, torch.Tensor]]:
        """Ultralytics' suppression; what the network returned is kept until the boxes are counted."""
        self._raw = preds
        return super().postprocess(preds)

    def update_metrics(self, preds: list[dict[str, torch.Tensor]], batch: dict[str, Any]) -> None:
        """Match the detections of a batch, and those of its best anchors.

        The images are noted, because Ultralytics' figures name them without folders.
        """
        super().update_metrics(preds, batch)
        self.image_files += batch["im_file"]
        for number, pred in enumerate(preds):
            truth = self._prepare_batch(number, batch)
            self._boxes["boxes"].append(self._in_image(pred, truth))
            self._boxes["target_boxes"].append(self._in_image(truth, truth))
        if self._lean is not None:
            self._lean.update(self._raw, lambda raw, metrics: self._count_apart(raw, metrics, batch))

    def _in_image(self, placed: dict[str, Any], image: dict[str, Any]) -> np.ndarray:
        """Packed boxes in the image as it is, from those in the letterboxed one."""
        height, width = image["ori_shape"]
        boxes = self.scale_preds(placed, image)["bboxes"].float().cpu().numpy()
        return pack(boxes / np.array([width, height, width, height]))

    def _count_apart(self, raw: torch.Tensor, metrics: DetMetrics, batch: dict[str, Any]) -> None:
        """Count the boxes of a batch in other metrics than the validator's."""
        own, seen = self.metrics, self.seen
        metrics.names = own.names
        self.metrics = metrics
        super().update_metrics(super().postprocess(raw), batch)
        self.metrics, self.seen = own, seen

    def build_dataset(self, img_path: str, mode: str = "val", batch: int | None = None) -> Any:
        """Ultralytics' data set, with labels from the manifest."""
        with labels_from_manifest():
            return super().build_dataset(img_path, mode, batch)

    def get_stats(self) -> dict[str, Any]:
        """Compute the figures from what was matched, which Ultralytics then drops."""
        self.matched = {name: list(values) for name, values in self.metrics.stats.items()} | self._boxes
        return super().get_stats()
