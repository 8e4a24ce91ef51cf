"""A loaded model, with the time that each stage takes."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pinch import runtimes
from pinch.core.text import one_line
from pinch.run.predicting import CONFIDENCE, IOU
from pinch.runtimes.postprocess import Detections, detections, is_end_to_end


@dataclass(frozen=True)
class Times:
    """Milliseconds of one frame."""

    preprocess: float
    inference: float
    postprocess: float

    @property
    def total(self) -> float:
        """All three stages."""
        return self.preprocess + self.inference + self.postprocess


def median(times: list[Times]) -> Times:
    """The median of each stage, of at least one frame."""
    return Times(*np.median([(each.preprocess, each.inference, each.postprocess) for each in times], 0).tolist())


class Detector:
    """A loaded model. Runtimes take one image at a time, hence the lock.

    Args:
        path: the model.
        device: "cpu" or "gpu".
        threads: of its runtime on the CPU.
        threshold: the score from which its detections are shown at first; None: what its metadata say.

    Attributes:
        own_threshold: that score, of the best F1 on val; None if nobody knows it.
        suppresses: whether it suppresses overlapping boxes by itself, so that an IoU has no effect.

    Raises:
        PinchError: see `pinch.runtimes.open`.
    """

    def __init__(self, path: Path, device: str = "cpu", threads: int = 1, threshold: float | None = None):
        self.backend = runtimes.open(path, device, threads)
        self.device, self.threads = device, threads
        self.own_threshold = self.backend.threshold if threshold is None else threshold
        self._lock = threading.Lock()
        # The first run is slow everywhere.
        output = self.backend.infer(np.zeros((1, 3, *self.backend.shape), np.float32))
        self.suppresses = is_end_to_end(output.shape)

    @property
    def threshold(self) -> float:
        """The score from which its detections are shown at first."""
        return self.own_threshold or CONFIDENCE

    def detect(self, image: np.ndarray, confidence: float, iou: float = IOU) -> tuple[Detections, Times]:
        """Find objects in a uint8 (height, width, 3) BGR image; for the others see `pinch.runtimes.postprocess`."""
        with self._lock:
            start = time.perf_counter()
            inputs, geometry = self.backend.prepare(image)
            ready = time.perf_counter()
            outputs = self.backend.run(inputs)
            done = time.perf_counter()
            found = detections(self.backend.download(outputs), geometry, confidence, iou)
            end = time.perf_counter()
        return found, Times((ready - start) * 1e3, (done - ready) * 1e3, (end - done) * 1e3)

    def label(self, number: int) -> str:
        """The name of a class."""
        return one_line(self.backend.names.get(int(number), f"class {number}"))

    def labels(self, found: Detections) -> list[str]:
        """The name of the class of each detection."""
        return [self.label(number) for number in found.classes]
