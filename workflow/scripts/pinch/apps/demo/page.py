"""The demo page: models at work on an image, a video or the webcam.

Everything is served from this machine: no fonts, scripts or statistics from the network.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path

import gradio as gr

from pinch.apps import ports
from pinch.apps.demo import controls, tabs, uploads
from pinch.apps.demo.models import Models
from pinch.run.predicting import IOU

CACHE_SECONDS = 3600
"""How long uploads and results are kept, so that the page can show them."""
STYLE = Path(__file__).parent / "page.css"


def build(
    models: Models,
    title: str,
    pictures: Sequence[Path] = (),
    clip: Path | None = None,
    notes: Sequence[str] = (),
    confidence: float | None = None,
    iou: float = IOU,
) -> gr.Blocks:
    """The page.

    Args:
        models: to choose from; the first is open at first.
        title: what the page is of.
        pictures: images to try, of which the first is looked at when the page opens.
        clip: a video that is looked at until somebody gives another.
        notes: sentences below the title.
        confidence: first value of the scores; None: each model's own threshold, or Ultralytics' default.
        iou: first value of the suppression.

    Raises:
        PinchError: the first model cannot be opened, or one of the pictures cannot be read.
    """
    _use_own_cache()
    cache = CACHE_SECONDS // 10, CACHE_SECONDS
    with gr.Blocks(title=f"Pinch: {title}", analytics_enabled=False, delete_cache=cache) as page:
        gr.HTML(f'<h2>{escape(title)}</h2><div class="facts">{escape(" ".join(notes))}</div>')
        model, facts, beside, beside_facts = controls.choosers(models)
        with gr.Tab("Image"):
            connect_images = tabs.image_tab(page, models, pictures)
        with gr.Tab("Video") as tab:
            connect_videos = tabs.video_tab(tab, models, clip)
        with gr.Tab("Webcam"):
            connect_webcam = tabs.webcam_tab(models)
        score, other_score, suppression = controls.sliders(models, confidence, iou)
        chosen = controls.Controls(model, score, beside, other_score, suppression)
        column, look = connect_images(chosen)
        connect_videos(chosen)
        seconds = [column, connect_webcam(chosen)]
        for event in controls.connect(models, chosen, facts, beside_facts, seconds, confidence):
            look(event)
    return page


def _use_own_cache() -> None:
    """Have Gradio keep uploads and results in a folder of this process, which is removed when it ends."""
    if "GRADIO_TEMP_DIR" not in os.environ:
        os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="pinch-demo-")
        atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)


def launch(page: gr.Blocks, host: str, port: int) -> str:
    """Serve the page in the background; `page.block_thread()` waits for Ctrl-C.

    Args:
        page: the page.
        host: address to serve at.
        port: at which; 0: any free one.

    Returns:
        Its address.

    Raises:
        PinchError: the port is taken, or the host is none of this machine.
    """
    theme = gr.themes.Soft(
        primary_hue="teal", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    )
    _, address, _ = page.launch(
        server_name=host,
        server_port=ports.free(host, port),
        prevent_thread_lock=True,
        quiet=True,
        max_file_size=uploads.MAX_BYTES,
        share=False,
        ssr_mode=False,
        footer_links=[],
        theme=theme,
        css=STYLE.read_text(encoding="utf-8"),
    )
    return address
