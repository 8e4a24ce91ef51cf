"""Accuracy of many variants of one network on the same images, which are read and letterboxed once."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from pinch.data.dataset import Dataset
from pinch.data.for_ultralytics import ultralytics_yaml
from pinch.data.manifest import Manifest
from pinch.weights.pruning import images


class Validation:
    """Measures mAP50-95 of networks by Ultralytics' validator.

    Attributes:
        images: number of images.
    """

    def __init__(
        self, dataset: Dataset, split: str, imgsz: int, count: int = 200, size: int = 16, seed: int = 0
    ) -> None:
        """Read `count` images of `split` (all, if there are fewer), drawn with `seed`."""
        self._dataset = dataset
        self._split = split
        self._imgsz = imgsz
        self._batches = list(images.raw_batches(dataset, split, imgsz, count, size, seed))
        self.images = sum(len(batch["img"]) for batch in self._batches)

    def map50_95(self, network: Any) -> float:
        """The network's mAP50-95 as a fraction. The network is left as it is."""
        from ultralytics.models.yolo.detect import DetectionValidator

        with tempfile.TemporaryDirectory() as folder:
            settings = {
                "data": str(ultralytics_yaml(self._dataset, Manifest(), [self._split], folder)),
                "imgsz": self._imgsz,
                "mode": "val",
                "device": "cpu",
                "plots": False,
                "verbose": False,
            }
            threads = torch.get_num_threads()
            validator: Any = DetectionValidator(_Loader(self._batches), save_dir=Path(folder), args=settings)
            validator(model=network)
            # Ultralytics sets its own number of threads when it selects the device.
            torch.set_num_threads(threads)
        return float(validator.metrics.box.map)


class _Loader:
    """The part of a data loader that the validator uses, for batches that are in memory."""

    def __init__(self, batches: list[dict[str, Any]]) -> None:
        self._batches = batches
        self.dataset = range(sum(len(batch["img"]) for batch in batches))

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        # The validator replaces entries of the batches that it gets.
        return (dict(batch) for batch in self._batches)
