"""Between Gradio and the page: images without files, errors as sentences."""

import base64
import contextlib
from collections.abc import Iterator
from typing import Any

import cv2
import gradio as gr
import numpy as np
from gradio.data_classes import ImageData

from pinch.apps.demo import uploads
from pinch.core.errors import PinchError


@contextlib.contextmanager
def errors_shown() -> Iterator[None]:
    """Show the sentence of a `PinchError` on the page."""
    try:
        yield
    except PinchError as error:
        raise gr.Error(str(error), print_exception=False) from error


def input_image(label: str, **options: Any) -> Any:
    """An image that a person gives; functions get it as uint8, (height, width, 3), RGB."""
    image: Any = gr.Image(label=label, **options)
    image.preprocess = _decode  # a class of our own would have Gradio write a file beside this one
    return image


def shown_image(label: str, **options: Any) -> Any:
    """An image of the page, sent inside the answer: not every frame of a webcam leaves a file."""
    image: Any = gr.Image(
        label=label, interactive=False, buttons=["download", "fullscreen"], elem_classes="seen", **options
    )
    image.postprocess = _encode
    return image


def _decode(payload: Any) -> np.ndarray | None:
    """An image that the browser sent, in the place of Gradio's, which has no limits."""
    if payload is None:
        return None
    with errors_shown():
        return uploads.picture(payload.url if str(payload.url).startswith("data:") else payload.path)


def _encode(image: np.ndarray | None) -> ImageData | None:
    """An RGB image as a JPEG, in the place of Gradio's."""
    if image is None:
        return None
    jpeg = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
    return ImageData(url=f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}", orig_name="detected.jpg")
