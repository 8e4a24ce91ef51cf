"""The demo page: a detector at work on an image, a video or the webcam.

Everything is served from this machine: no fonts, scripts or statistics from the network.
"""

import atexit
import base64
import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pinch.apps import uploads
from pinch.apps.detector import COLUMNS, CONTAINER, Detector
from pinch.core import files
from pinch.core.errors import PinchError
from pinch.runtimes.postprocess import CONFIDENCE

# Gradio reads this when it is imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr
from gradio.data_classes import ImageData

CACHE_SECONDS = 3600
"""How long uploads and results are kept, so that the page can show them."""
CSS = """
.gradio-container { max-width: 1200px !important; margin: 0 auto; }
.facts { color: var(--body-text-color-subdued); }
.facts b { color: var(--body-text-color); font-weight: 600; }
.times { display: flex; flex-wrap: wrap; gap: .5rem 2rem; align-items: baseline; padding: .25rem 0; }
.times .total { font-size: 1.9rem; font-weight: 650; font-variant-numeric: tabular-nums; }
.times .part { color: var(--body-text-color-subdued); font-variant-numeric: tabular-nums; }
"""


def build(detector: Detector, confidence: float | None = None, examples: Sequence[Path] = ()) -> gr.Blocks:
    """The page.

    Args:
        detector: the model.
        confidence: first value of the slider; None: the model's threshold, or Ultralytics' default if it has none.
        examples: images that the page offers to try.
    """
    _use_own_cache()
    title = f"Pinch: {detector.backend.path.name}"
    with gr.Blocks(title=title, analytics_enabled=False, delete_cache=(CACHE_SECONDS // 10, CACHE_SECONDS)) as page:
        gr.HTML(_facts(detector))
        best = detector.backend.threshold
        first = confidence or best or CONFIDENCE
        label = "Show boxes with a score above" + (f" (best F1 on val: {best:.2f})" if best else "")
        threshold = gr.Slider(0.01, 0.99, round(first, 2), step=0.01, label=label)
        with gr.Tab("Image"):
            _image_tab(detector, threshold, examples)
        with gr.Tab("Video"):
            _video_tab(detector, threshold)
        with gr.Tab("Webcam"):
            _webcam_tab(detector, threshold)
    return page


def _use_own_cache() -> None:
    """Have Gradio keep uploads and results in a folder of this process, which is removed when it ends."""
    if "GRADIO_TEMP_DIR" not in os.environ:
        os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="pinch-demo-")
        atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)


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
        max_file_size=uploads.MAX_BYTES,
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
        source: Any = gr.Image(label="Image", sources=["upload", "clipboard"], height=400)
        source.preprocess = _decode  # a class of our own would have Gradio write a file beside this one
        result: Any = gr.Image(
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
    def run(path: str | None, confidence: float, progress: gr.Progress = gr.Progress()) -> Iterator[Any]:  # noqa: B008
        # Gradio copies what is yielded before it asks for more, and then the folder is removed.
        with tempfile.TemporaryDirectory(prefix="pinch-demo-") as folder, _errors_shown():
            output = Path(folder) / f"video{CONTAINER}"
            yield (str(output), detector.video(Path(path), output, confidence, progress)) if path else (None, "")

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
        source: Any = gr.Image(label="Webcam", sources=["webcam"], streaming=True, height=400)
        source.preprocess = _decode
        result: Any = gr.Image(
            label="What the model sees", interactive=False, height=400, buttons=["download", "fullscreen"]
        )
    result.postprocess = _encode
    times = gr.HTML()
    inputs, outputs = [source, threshold], [result, times]
    source.stream(
        run, inputs, outputs, stream_every=0.1, concurrency_limit=1, show_progress="hidden", api_name="webcam"
    )


@contextlib.contextmanager
def _errors_shown() -> Iterator[None]:
    """Show the sentence of a `PinchError` on the page."""
    try:
        yield
    except PinchError as error:
        raise gr.Error(str(error), print_exception=False) from error


def _decode(payload: Any) -> np.ndarray | None:
    """An image that the browser sent: uint8, (height, width, 3), RGB. In the place of Gradio's, which has no limits."""
    if payload is None:
        return None
    with _errors_shown():
        return uploads.picture(payload.url if str(payload.url).startswith("data:") else payload.path)


def _encode(image: np.ndarray | None) -> ImageData | None:
    """An RGB image inside the answer, in the place of Gradio's: not every frame of a webcam leaves a file."""
    if image is None:
        return None
    jpeg = cv2.imencode(".jpg", image[..., ::-1])[1].tobytes()
    return ImageData(url=f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}", orig_name="frame.jpg")
