"""Batches of images and labels, letterboxed, without augmentation, for pruning with data."""

import tempfile
from collections.abc import Iterator
from typing import Any

import torch

from pinch.data import check
from pinch.data.dataset import Dataset
from pinch.data.for_ultralytics import ultralytics_yaml


def batches(dataset: Dataset, imgsz: int, count: int, size: int = 16, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Batches of training images as Ultralytics' losses expect them.

    Args:
        dataset: its `train` split is used.
        imgsz: side of the images in pixels.
        count: number of images, drawn with `seed`; all, if there are fewer.
        size: images in a batch.
        seed: of the draw.

    Yields:
        `img` (n, 3, imgsz, imgsz) float32 RGB in 0..1, `cls` (boxes, 1), `bboxes` (boxes, 4) fractions, `batch_idx`.
    """
    for batch in raw_batches(dataset, "train", imgsz, count, size, seed):
        yield {**batch, "img": batch["img"].float() / 255}


def raw_batches(
    dataset: Dataset, split: str, imgsz: int, count: int, size: int = 16, seed: int = 0
) -> Iterator[dict[str, Any]]:
    """Batches of any split as Ultralytics' validator expects them: as `batches`, but `img` is uint8 in 0..255."""
    from ultralytics.cfg import get_cfg
    from ultralytics.data import build_yolo_dataset
    from ultralytics.data.utils import check_det_dataset

    from pinch.data.ultralytics_dataset import labels_from_manifest

    with tempfile.TemporaryDirectory() as folder:
        written = ultralytics_yaml(dataset, check.current(dataset, [split]), [split], folder)
        data: Any = check_det_dataset(str(written), autodownload=False)
        settings: Any = get_cfg(overrides={"imgsz": imgsz})
        with labels_from_manifest():
            loaded: Any = build_yolo_dataset(settings, data[split], size, data, mode="val")
        order = torch.randperm(len(loaded), generator=torch.Generator().manual_seed(seed))[:count]
        for chosen in order.split(size):
            yield loaded.collate_fn([loaded[int(number)] for number in chosen])
