"""Accuracy of many variants of one network on the same images."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pinch.core.errors import PinchError
from pinch.data import dataset as datasets
from pinch.data.for_ultralytics import ultralytics_yaml
from pinch.data.manifest import Manifest
from pinch.run.settings.data import General
from pinch.run.settings.measuring import Runtime
from pinch.run.settings.training import Batches
from pinch.runtimes.torch import forbid_tf32
from pinch.weights.checkpoints import Checkpoint
from pinch.weights.pruning.images import Drawn
from pinch.weights.training.devices import ultralytics_device

# Larger batches need more memory on the CPU, and no less time.
_CPU_BATCH = 16
# Images that take no more memory than this, in bytes, are read once for all networks.
_KEPT_BYTES = 512 << 20


@dataclass(frozen=True, kw_only=True)
class Conditions(Runtime, Batches):
    """How networks are measured, and on which images.

    Attributes:
        images: maximum number of images.
        imgsz: side of the images in pixels; None: that of the model.
        seed: of the draw of images.
    """

    images: int
    imgsz: int | None = None
    seed: int = General.seed


class Validation:
    """Measures mAP50-95 of networks by Ultralytics' validator.

    Attributes:
        images: number of images.
    """

    def __init__(self, data: str | Path, split: str, checkpoint: Checkpoint, conditions: Conditions) -> None:
        """Draw the images.

        Args:
            data: data.yaml.
            split: that images are drawn from.
            checkpoint: what the networks are made of.
            conditions: of measuring; batches are smaller on the CPU.

        Raises:
            PinchError: there are no such images, they have changed since the data set was prepared, or there is no GPU
                where one is asked for.
        """
        self._device = ultralytics_device(conditions.device)
        self._dataset = datasets.load(data)
        self._split, self._threads = split, conditions.threads
        self._imgsz = conditions.imgsz or checkpoint.imgsz
        if not self._dataset.images(split):
            raise PinchError(f"{data} has no images in its {split} split, on which networks are measured: add some")
        size = min(conditions.batch, _CPU_BATCH) if conditions.device == "cpu" else conditions.batch
        drawn = Drawn(self._dataset, split, self._imgsz, conditions.images, size, conditions.seed)
        self.images = drawn.images
        self._loader = _Loader(drawn, keep=drawn.images * 3 * self._imgsz**2 <= _KEPT_BYTES)

    def map50_95(self, network: Any) -> float:
        """The network's mAP50-95 as a fraction. The network is left as it is."""
        from ultralytics.models.yolo.detect import DetectionValidator

        with tempfile.TemporaryDirectory() as folder, _exact():
            settings = {
                "data": str(ultralytics_yaml(self._dataset, Manifest(), [self._split], folder)),
                "imgsz": self._imgsz,
                "mode": "val",
                "device": self._device,
                "plots": False,
                "verbose": False,
            }
            validator: Any = DetectionValidator(self._loader, save_dir=Path(folder), args=settings)
            # Ultralytics sets its own number of threads when it selects the device.
            validator.callbacks["on_val_start"].append(lambda _: torch.set_num_threads(self._threads))
            validator(model=network)
        return float(validator.metrics.box.map)


@contextlib.contextmanager
def _exact() -> Iterator[None]:
    """Compute in float32 in the block; training after it has the threads and the precision that it had before."""
    threads, tf32 = torch.get_num_threads(), (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32)
    forbid_tf32()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = tf32


class _Loader:
    """The part of a data loader that the validator uses, for images that are kept in memory or read in each pass."""

    def __init__(self, drawn: Drawn, keep: bool) -> None:
        self._drawn = drawn
        self._keep = keep
        self._kept: list[dict[str, Any]] = []
        self.dataset = range(drawn.images)

    def __len__(self) -> int:
        return len(self._drawn)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if self._keep and not self._kept:
            self._kept = list(self._drawn.batches())
        # The validator replaces entries of the batches that it gets.
        return (dict(batch) for batch in self._kept or self._drawn.batches())
