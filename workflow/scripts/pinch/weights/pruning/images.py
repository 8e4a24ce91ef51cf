"""Batches of images and labels, letterboxed, without augmentation, for pruning with data."""

import tempfile
from collections.abc import Iterator
from typing import Any

import torch

from pinch.data import check
from pinch.data.dataset import Dataset
from pinch.data.for_ultralytics import ultralytics_yaml


def batches(dataset: Dataset, imgsz: int, count: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Batches of training images as Ultralytics' losses expect them.

    Args:
        dataset: its `train` split is used.
        imgsz: side of the images in pixels.
        count: number of images, drawn with `seed`; all, if there are fewer.
        seed: of the draw.

    Yields:
        `img` (n, 3, imgsz, imgsz) float32 RGB in 0..1, `cls` (boxes, 1), `bboxes` (boxes, 4) fractions, `batch_idx`.
    """
    for batch in Drawn(dataset, "train", imgsz, count, seed=seed).batches():
        yield {**batch, "img": batch["img"].float() / 255}


class Drawn:
    """Images of a split, drawn with a seed. Their files are opened while batches are made, and again in each pass.

    Attributes:
        images: number of images.
    """

    def __init__(self, dataset: Dataset, split: str, imgsz: int, count: int, size: int = 16, seed: int = 0) -> None:
        """Draw the images.

        Args:
            dataset: the data set.
            split: of which images are drawn.
            imgsz: side of the images in pixels.
            count: number of images; all, if there are fewer.
            size: images in a batch.
            seed: of the draw.

        Raises:
            PinchError: the split does not exist, or has changed since the data set was prepared.
        """
        from ultralytics.cfg import get_cfg
        from ultralytics.data import build_yolo_dataset
        from ultralytics.data.utils import check_det_dataset

        from pinch.data.ultralytics_dataset import labels_from_manifest

        with tempfile.TemporaryDirectory() as folder, labels_from_manifest():
            written = ultralytics_yaml(dataset, check.current(dataset, [split]), [split], folder)
            data: Any = check_det_dataset(str(written), autodownload=False)
            settings: Any = get_cfg(overrides={"imgsz": imgsz})
            loaded: Any = build_yolo_dataset(settings, data[split], size, data, mode="val")
        self._loaded = loaded
        order = torch.randperm(len(loaded), generator=torch.Generator().manual_seed(seed))[:count]
        self._batches = order.split(size)
        self.images = len(order)

    def __len__(self) -> int:
        """Number of batches."""
        return len(self._batches)

    def batches(self) -> Iterator[dict[str, Any]]:
        """Batches as Ultralytics' validator expects them: as `batches` makes them, but `img` is uint8 in 0..255."""
        for chosen in self._batches:
            yield self._loaded.collate_fn([self._loaded[int(number)] for number in chosen])
