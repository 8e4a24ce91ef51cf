"""The demo page: a detector at work on an image, a video or the webcam.

Everything is served from this machine: no fonts, scripts or statistics from the network.
"""

import colorsys
import os
import socket
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pinch import runtimes
from pinch.core import files
from pinch.core.errors import PinchError
from pinch.data import frames
from pinch.runtimes.postprocess import Detections, detections
from pinch.runtimes.preprocess import letterbox

# Gradio reads this when it is imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

COLUMNS = ["label", "score", "left", "top", "width", "height"]
CODEC, CONTAINER = "VP80", ".webm"
"""What OpenCV can write and every browser can play."""
DEFAULT_FPS = 25.0
FONT_SHARE = 28
"""The shorter side of an image divided by the height of its labels, which have at least SMALLEST_FONT pixels."""
SMALLEST_FONT = 13
CSS = """
.gradio-container { max-width: 1200px !important; margin: 0 auto; }
.facts { color: var(--body-text-color-subdued); }
.facts b { color: var(--body-text-color); font-weight: 600; }
.times { display: flex; flex-wrap: wrap; gap: .5rem 2rem; align-items: baseline; padding: .25rem 0; }
.times .total { font-size: 1.9rem; font-weight: 650; font-variant-numeric: tabular-nums; }
.times .part { color: var(--body-text-color-subdued); font-variant-numeric: tabular-nums; }
"""


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
            batch, geometry = letterbox(image, self.backend.shape)
            inputs = self.backend.upload(batch)
            ready = time.perf_counter()
            outputs = self.backend.run(inputs)
            done = time.perf_counter()
            found = detections(self.backend.download(outputs), geometry, confidence)
            end = time.perf_counter()
        return found, Times((ready - start) * 1e3, (done - ready) * 1e3, (end - done) * 1e3)

    def label(self, number: int) -> str:
        """The name of a class."""
        return self.backend.names.get(int(number), f"class {number}")

    def image(self, image: np.ndarray | None, confidence: float) -> tuple[np.ndarray | None, str, list[list[Any]]]:
        """An RGB image with its boxes drawn, the times as HTML, and a row for each box (COLUMNS)."""
        if image is None:
            return None, "", []
        found, times = self.detect(image[..., ::-1], confidence)
        return self.draw(image, found), times_html(times, len(found)), self.rows(found)

    def video(self, path: str | None, confidence: float, progress: Any = None) -> tuple[str | None, str]:
        """A video with the boxes drawn into every frame, and the median times as HTML."""
        if path is None:
            return None, ""
        steps: list[Times] = []
        boxes = 0
        with _Writer(Path(path)) as writer:
            for frame in frames.stream(Path(path)):
                found, times = self.detect(frame, confidence)
                steps.append(times)
                boxes += len(found)
                writer.write(np.ascontiguousarray(self.draw(frame[..., ::-1], found)[..., ::-1]))
                if progress:
                    progress((len(steps), writer.total), unit="frames")
        middle = Times(*np.median([(t.preprocess, t.inference, t.postprocess) for t in steps], 0).tolist())
        return str(writer.path), times_html(middle, boxes, len(steps))

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
    """Writes frames of any size to a video of the size of the first, at the rate of its source."""

    def __init__(self, source: Path):
        video = cv2.VideoCapture(str(source))
        self._rate = video.get(cv2.CAP_PROP_FPS)
        self.total = max(int(video.get(cv2.CAP_PROP_FRAME_COUNT)), 0) or None
        video.release()
        with tempfile.NamedTemporaryFile(prefix="pinch-demo-", suffix=CONTAINER, delete=False) as file:
            self.path = Path(file.name)
        self._writer: Any = None

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer:
            self._writer.release()

    def write(self, frame: np.ndarray) -> None:
        if self._writer is None:
            rate = self._rate if 0 < self._rate < 1000 else DEFAULT_FPS
            code = cv2.VideoWriter_fourcc(*CODEC)  # type: ignore[attr-defined]
            self._writer = cv2.VideoWriter(str(self.path), code, rate, frame.shape[1::-1])
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


def build(detector: Detector, confidence: float, examples: Sequence[Path] = ()) -> gr.Blocks:
    """The page.

    Args:
        detector: the model.
        confidence: first value of the slider.
        examples: images that the page offers to try.
    """
    with gr.Blocks(title=f"Pinch: {detector.backend.path.name}", analytics_enabled=False) as page:
        gr.HTML(_facts(detector))
        threshold = gr.Slider(0.05, 0.95, confidence, step=0.05, label="Show boxes with a score above")
        with gr.Tab("Image"):
            _image_tab(detector, threshold, examples)
        with gr.Tab("Video"):
            _video_tab(detector, threshold)
        with gr.Tab("Webcam"):
            _webcam_tab(detector, threshold)
    return page


def launch(page: gr.Blocks, host: str, port: int) -> str:
    """Serve the page in the background; `page.block_thread()` waits for Ctrl-C.

    Returns:
        Its address.

    Raises:
        PinchError: the port is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PinchError(
                f"{host}:{port} cannot be used ({error.strerror}): choose another --port or --host"
            ) from error
    theme = gr.themes.Soft(
        primary_hue="teal", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    )
    _, address, _ = page.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        ssr_mode=False,
        footer_links=[],
        theme=theme,
        css=CSS,
    )
    return address


def _facts(detector: Detector) -> str:
    backend = detector.backend
    megabytes = files.size(backend.path) / 1e6
    where = f"{detector.device}, {detector.threads} thread{'s' if detector.threads > 1 else ''}"
    facts = [
        f"<b>{backend.shape[1]} x {backend.shape[0]}</b> pixels",
        f"<b>{megabytes:.1f} MB</b>",
        f"<b>{where}</b>",
        f"<b>{len(backend.names)}</b> classes: {escape(', '.join(backend.names.values()))}",
    ]
    return f'<h2>{escape(backend.path.name)}</h2><div class="facts">{" · ".join(facts)}</div>'


def _image_tab(detector: Detector, threshold: gr.Slider, examples: Sequence[Path]) -> None:
    with gr.Row():
        source = gr.Image(label="Image", sources=["upload", "clipboard"], height=400)
        result = gr.Image(
            label="What the model sees", interactive=False, height=400, buttons=["download", "fullscreen"]
        )
    times = gr.HTML()
    if examples:
        gr.Examples([str(path) for path in examples], source, label="Images to try")
    table = gr.Dataframe(headers=COLUMNS, label="Boxes (pixels)", interactive=False, buttons=[])
    outputs = [result, times, table]
    source.change(detector.image, [source, threshold], outputs, api_name="image", show_progress="hidden")
    threshold.release(detector.image, [source, threshold], outputs, api_visibility="private", show_progress="hidden")


def _video_tab(detector: Detector, threshold: gr.Slider) -> None:
    def run(path: str | None, confidence: float, progress: gr.Progress = gr.Progress()) -> tuple[str | None, str]:  # noqa: B008
        try:
            return detector.video(path, confidence, progress)
        except PinchError as error:
            raise gr.Error(str(error)) from error

    with gr.Row():
        source = gr.Video(label="Video", sources=["upload"], height=400)
        result = gr.Video(
            label="What the model sees", interactive=False, height=400, buttons=["download"], autoplay=True
        )
    times = gr.HTML()
    button = gr.Button("Detect in every frame", variant="primary")
    button.click(run, [source, threshold], [result, times], api_name="video")


def _webcam_tab(detector: Detector, threshold: gr.Slider) -> None:
    def run(image: np.ndarray | None, confidence: float) -> tuple[np.ndarray | None, str]:
        return detector.image(image, confidence)[:2]

    with gr.Row():
        source = gr.Image(label="Webcam", sources=["webcam"], streaming=True, height=400)
        result = gr.Image(
            label="What the model sees", interactive=False, height=400, buttons=["download", "fullscreen"]
        )
    times = gr.HTML()
    inputs, outputs = [source, threshold], [result, times]
    source.stream(
        run, inputs, outputs, stream_every=0.1, concurrency_limit=1, show_progress="hidden", api_name="webcam"
    )


def _colour(number: int, count: int) -> tuple[int, int, int]:
    """A colour for each class, evenly spread over the hues, dark enough for white text."""
    red, green, blue = colorsys.hls_to_rgb(number / max(count, 1), 0.38, 0.75)
    return round(red * 255), round(green * 255), round(blue * 255)
