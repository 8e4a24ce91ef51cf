"""The three tabs of the page: an image, a video, the webcam."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from pinch.apps import webm
from pinch.apps.demo import uploads, video, words
from pinch.apps.demo.controls import Controls, eyes
from pinch.apps.demo.drawing import drawn
from pinch.apps.demo.looking import REPEATS, Seen, look
from pinch.apps.demo.models import Models
from pinch.apps.demo.shown import errors_shown, input_image, shown_image

THUMBNAIL = 160
"""Side of a sample's small picture, in pixels, at most."""
HEIGHT = 420
"""Of pictures on the page, in pixels."""
_HIDDEN: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last"}
_PRIVATE: dict[str, Any] = {"api_visibility": "private"}


@dataclass(frozen=True)
class Panes:
    """Places for what one or two models see: their pictures, what stands below each, and how they differ."""

    first: Any
    first_words: Any
    second: Any
    second_words: Any
    differing: Any
    column: Any

    @property
    def outputs(self) -> list[Any]:
        """In the order of what `_shown` returns."""
        return [self.first, self.first_words, self.second, self.second_words, self.differing]


def _panes() -> Panes:
    with gr.Row(elem_classes="panes"):
        with gr.Column(min_width=280):
            first, first_words = shown_image("What the model sees", height=HEIGHT), gr.HTML()
        with gr.Column(min_width=280, visible=False) as column:
            second, second_words = shown_image("What the other model sees", height=HEIGHT), gr.HTML()
    return Panes(first, first_words, second, second_words, gr.HTML(), column)


def _shown(seen: Seen) -> list[Any]:
    pictures: list[np.ndarray | None] = [*drawn(seen)]
    said = [words.under(each) for each in seen.looks]
    if len(pictures) == 1:
        pictures, said = [*pictures, None], [*said, ""]
    return [pictures[0], said[0], pictures[1], said[1], words.difference([seen])]


def image_tab(page: gr.Blocks, models: Models, pictures: Sequence[Path]) -> Callable[[Controls], tuple[Any, Any]]:
    """The tab of images; the function that it returns connects it to the controls, which come later on the page.

    That returns what is visible only with two models, and the event that shows what is chosen.
    """
    with gr.Row(elem_classes="media"):
        with gr.Column(scale=1, min_width=280, elem_classes="source"):
            begin = uploads.picture(str(pictures[0])) if pictures else None
            options: dict[str, Any] = {"sources": ["upload", "clipboard"], "height": 230, "format": "png"}
            source = input_image("Your image", value=begin, **options)
            gallery = _gallery(pictures) if pictures else None
            gr.HTML(f'<div class="facts">Times are medians of up to {REPEATS} runs on this machine.</div>')
        with gr.Column(scale=3, min_width=280):
            panes = _panes()
            with gr.Accordion("Boxes, in pixels", open=False):
                table = gr.HTML()

    def run(image: np.ndarray | None, *chosen: Any) -> list[Any]:
        if image is None:
            return [None, "", None, "", "", ""]
        asked = Controls(*chosen)
        with errors_shown():
            seen = look(image, eyes(models, asked), asked.iou, repeats=REPEATS)
        return [*_shown(seen), words.table(seen.looks)]

    def pick(event: gr.SelectData) -> np.ndarray:
        with errors_shown():
            return uploads.picture(str(pictures[event.index]))

    def connect(controls: Controls) -> tuple[Any, Callable[[Any], None]]:
        inputs, outputs = [source, *controls], [*panes.outputs, table]
        moved = [controls.confidence.input, controls.beside_confidence.input, controls.iou.input]
        gr.on([source.change, *moved], run, inputs, outputs, api_name="image", **_HIDDEN)
        page.load(run, inputs, outputs, **_PRIVATE, **_HIDDEN)
        if gallery:
            gallery.select(pick, None, source, **_PRIVATE, **_HIDDEN)
        return panes.column, lambda event: event.then(run, inputs, outputs, **_PRIVATE, **_HIDDEN)

    return connect


def _gallery(pictures: Sequence[Path]) -> Any:
    small = [uploads.thumbnail(path, THUMBNAIL) for path in pictures]
    options: dict[str, Any] = {"object_fit": "cover", "buttons": [], "elem_classes": "samples"}
    return gr.Gallery(small, label="Images to try", allow_preview=False, interactive=False, **options)


def video_tab(tab: gr.Tab, models: Models, clip: Path | None) -> Callable[[Controls], None]:
    """The tab of videos; the function that it returns connects it to the controls."""
    with gr.Row(elem_classes="media"):
        with gr.Column(scale=1, min_width=280, elem_classes="source"):
            source = gr.Video(label="Your video", sources=["upload"], height=230)
            used = "the clip of the data set" if clip else "nothing"
            gr.HTML(f'<div class="facts">Without a video of yours, {used} is looked at.</div>')
            button = gr.Button("Detect in every frame", variant="primary")
        with gr.Column(scale=3, min_width=280):
            options: dict[str, Any] = {"buttons": ["download"], "autoplay": True, "loop": True, "height": HEIGHT}
            result = gr.Video(label="What the model sees", interactive=False, **options)
            said = gr.HTML()
    is_empty = gr.State(True)

    # Gradio puts the progress in the place of its default.
    def run(path: str | None, progress: gr.Progress = gr.Progress(), *chosen: Any) -> Iterator[Any]:  # noqa: B008
        wanted = Path(path) if path else clip
        if wanted is None:
            yield None, "", True
            return
        asked = Controls(*chosen)
        # Gradio copies what is yielded before it asks for more, and then the folder is removed.
        with tempfile.TemporaryDirectory(prefix="pinch-demo-") as folder, errors_shown():
            output = Path(folder) / f"video{webm.CONTAINER}"
            seen = video.film(wanted, output, eyes(models, asked), asked.iou, progress)
            yield str(output), words.under_film(seen), False

    def begin(empty: bool, path: str | None, progress: gr.Progress = gr.Progress(), *chosen: Any) -> Iterator[Any]:  # noqa: B008
        if empty and clip:
            yield from run(path, progress, *chosen)
        else:
            yield gr.skip(), gr.skip(), gr.skip()

    def connect(controls: Controls) -> None:
        inputs, outputs = [source, *controls], [result, said, is_empty]
        button.click(run, inputs, outputs, api_name="video")
        tab.select(begin, [is_empty, *inputs], outputs, **_PRIVATE)

    return connect


def webcam_tab(models: Models) -> Callable[[Controls], Any]:
    """The tab of the webcam; the function that it returns connects it, and returns what two models need."""
    with gr.Row(elem_classes=["media", "camera"]):
        with gr.Column(scale=1, min_width=280, elem_classes="source"):
            mirror = gr.WebcamOptions(mirror=True)
            source = input_image("Webcam", sources=["webcam"], streaming=True, height=260, webcam_options=mirror)
            gr.HTML(
                '<div class="facts">The picture is a mirror; the models see it as the camera does. Browsers give the '
                "camera to pages of this machine and to https only.</div>"
            )
        with gr.Column(scale=3, min_width=280):
            panes = _panes()

    def run(image: np.ndarray | None, *chosen: Any) -> list[Any]:
        if image is None:
            return [None, "", None, "", ""]
        asked = Controls(*chosen)
        with errors_shown():
            return _shown(look(image, eyes(models, asked), asked.iou, is_mirrored=True))

    def connect(controls: Controls) -> Any:
        options: dict[str, Any] = {"stream_every": 0.1, "concurrency_limit": 1, "show_progress": "hidden"}
        source.stream(run, [source, *controls], panes.outputs, api_name="webcam", **options)
        return panes.column

    return connect
