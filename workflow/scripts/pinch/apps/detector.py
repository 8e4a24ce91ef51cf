"""A detector at work on images and videos, as the demo page shows it."""

import colorsys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pinch import runtimes
from pinch.apps import uploads
from pinch.core.text import one_line
from pinch.runtimes.postprocess import Detections, detections

COLUMNS = ["label", "score", "left", "top", "width", "height"]
CODEC, CONTAINER = "VP80", ".webm"
"""What OpenCV can write and every browser can play."""
DEFAULT_FPS = 25.0
FONT_SHARE = 28
"""The shorter side of an image divided by the height of its labels, which have at least SMALLEST_FONT pixels."""
SMALLEST_FONT = 13


@dataclass(frozen=True)
class Times:
    """Milliseconds of one frame."""

    preprocess: float
    inference: float
    postprocess: float

    @property
    def total(self) -> float:
        """All three steps."""
        return self.preprocess + self.inference + self.postprocess


class Detector:
    """A loaded model with what the page shows of it. Runtimes take one image at a time, hence the lock."""

    def __init__(self, path: Path, device: str = "cpu", threads: int = 1):
        self.backend = runtimes.open(path, device, threads)
        self.device, self.threads = device, threads
        self._lock = threading.Lock()
        self.detect(np.zeros((64, 64, 3), np.uint8), 0.5)  # the first run is slow everywhere

    def detect(self, image: np.ndarray, confidence: float) -> tuple[Detections, Times]:
        """Find objects in a uint8 (height, width, 3) BGR image."""
        with self._lock:
            start = time.perf_counter()
            inputs, geometry = self.backend.prepare(image)
            ready = time.perf_counter()
            outputs = self.backend.run(inputs)
            done = time.perf_counter()
            found = detections(self.backend.download(outputs), geometry, confidence)
            end = time.perf_counter()
        return found, Times((ready - start) * 1e3, (done - ready) * 1e3, (end - done) * 1e3)

    def label(self, number: int) -> str:
        """The name of a class."""
        return one_line(self.backend.names.get(int(number), f"class {number}"))

    def image(self, image: np.ndarray | None, confidence: float) -> tuple[np.ndarray | None, str, list[list[Any]]]:
        """An RGB image with its boxes drawn, the times as HTML, and a row for each box (COLUMNS)."""
        if image is None:
            return None, "", []
        found, times = self.detect(image[..., ::-1], confidence)
        return self.draw(image, found), times_html(times, len(found)), self.rows(found)

    def video(self, path: Path, output: Path, confidence: float, progress: Any = None) -> str:
        """Write a video with the boxes drawn into every frame, and return the median times as HTML."""
        steps: list[Times] = []
        boxes, (total, rate) = 0, uploads.length_and_rate(path)
        with _Writer(output, rate or DEFAULT_FPS) as writer:
            for frame in uploads.video(path):
                found, times = self.detect(frame, confidence)
                steps.append(times)
                boxes += len(found)
                writer.write(np.ascontiguousarray(self.draw(frame[..., ::-1], found)[..., ::-1]))
                if progress:
                    progress((len(steps), total), unit="frames")
        middle = Times(*np.median([(t.preprocess, t.inference, t.postprocess) for t in steps], 0).tolist())
        return times_html(middle, boxes, len(steps))

    def rows(self, found: Detections) -> list[list[Any]]:
        """A table row for each box; positions in pixels."""
        return [
            [self.label(number), round(float(score), 3), *map(round, (x1, y1, x2 - x1, y2 - y1))]
            for (x1, y1, x2, y2), score, number in zip(found.boxes.tolist(), found.scores, found.classes, strict=True)
        ]

    def draw(self, image: np.ndarray, found: Detections) -> np.ndarray:
        """A copy of an RGB image with boxes, labels and scores drawn into it."""
        canvas = Image.fromarray(np.ascontiguousarray(image))
        pen = ImageDraw.Draw(canvas)
        size = max(SMALLEST_FONT, min(canvas.size) // FONT_SHARE)
        font = ImageFont.load_default(size)
        for box, score, number in reversed(list(zip(found.boxes.tolist(), found.scores, found.classes, strict=True))):
            colour = _colour(int(number), len(self.backend.names))
            pen.rectangle(box, outline=colour, width=max(2, size // 6))
            text = f" {self.label(number)} {score:.2f} "
            width, height = pen.textlength(text, font), size * 1.35
            left = max(0, min(box[0], canvas.width - width))
            top = box[1] - height if box[1] >= height else box[1]
            pen.rectangle((left, top, left + width, top + height), fill=colour)
            pen.text((left, top + height / 2), text, fill="white", font=font, anchor="lm")
        return np.asarray(canvas)


class _Writer:
    """Writes frames to a video of the size of the first."""

    def __init__(self, path: Path, rate: float):
        self._path, self._rate = path, rate
        self._writer: Any = None

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer:
            self._writer.release()

    def write(self, frame: np.ndarray) -> None:
        if self._writer is None:
            code = cv2.VideoWriter_fourcc(*CODEC)  # type: ignore[attr-defined]
            self._writer = cv2.VideoWriter(str(self._path), code, self._rate, frame.shape[1::-1])
        self._writer.write(frame)


def times_html(times: Times, boxes: int, count: int = 1) -> str:
    """Milliseconds of a frame and the number of boxes, as HTML."""
    found = f"{boxes} {'box' if boxes == 1 else 'boxes'}" if boxes else "nothing found"
    found += f" in {count} frames (medians)" if count > 1 else ""
    parts = (
        f"pre-processing {times.preprocess:.1f} + model {times.inference:.1f} + post-processing {times.postprocess:.1f}"
    )
    return (
        f'<div class="times"><span class="total">{times.total:.1f} ms</span>'
        f'<span class="part">per frame: {parts}</span><span class="part">{found}</span></div>'
    )


def _colour(number: int, count: int) -> tuple[int, int, int]:
    """A colour for each class, evenly spread over the hues, dark enough for white text."""
    red, green, blue = colorsys.hls_to_rgb(number / max(count, 1), 0.38, 0.75)
    return round(red * 255), round(green * 255), round(blue * 255)
