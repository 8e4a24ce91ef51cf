"""Pictures with the boxes of one or two models drawn into them."""

import cv2
import numpy as np
from PIL import Image, ImageDraw

from pinch.apps.demo.looking import Look, Seen
from pinch.data import contact_sheet

FONT_SHARE = 30
"""The shorter side of an image divided by the height of its labels, which have at least SMALLEST_FONT pixels."""
SMALLEST_FONT = 12
WIDEST = 960
"""Width of the picture of each of two models in a video, in pixels, at most."""
AGREED, DIFFERENT = (0x56, 0xB4, 0xE9), (0xD5, 0x5E, 0x00)
"""Okabe and Ito's sky blue for the boxes that two models have in common, vermillion for those that only one has."""


def drawn(seen: Seen) -> list[np.ndarray]:
    """The picture with the boxes of each model drawn into it."""
    marks = [seen.differing.first, seen.differing.second] if seen.differing else [None]
    return [draw(seen.picture, look, mark) for look, mark in zip(seen.looks, marks, strict=True)]


def draw(image: np.ndarray, look: Look, alone: np.ndarray | None = None) -> np.ndarray:
    """A copy of an RGB image with boxes, labels and scores drawn into it.

    Args:
        image: uint8, (height, width, 3).
        look: what is drawn.
        alone: (n,) which boxes the other model does not have, and are marked; None: there is no other one.
    """
    canvas = Image.fromarray(np.ascontiguousarray(image))
    pen = ImageDraw.Draw(canvas)
    size = max(SMALLEST_FONT, min(canvas.size) // FONT_SHARE)
    highest = int(look.found.classes.max(initial=0))
    colours = contact_sheet.palette(max(len(look.eye.detector.backend.names), highest + 1))
    order = range(len(look.found))
    # The best last, and so on top; before them those that both have.
    for place in sorted(order, key=lambda n: (alone is not None and bool(alone[n]), -n)):
        text, colour = f"{look.labels[place]} {look.found.scores[place]:.2f}", colours[look.found.classes[place]]
        line = max(2, size // 6)
        if alone is not None:
            colour = DIFFERENT if alone[place] else AGREED
            text, line = (f"{text} only here", 2 * line) if alone[place] else (text, line)
        corners = tuple(look.found.boxes[place].tolist())
        contact_sheet.draw_box(pen, corners, text, colour, canvas.width, size, line)
    return np.asarray(canvas)


def side_by_side(seen: Seen) -> np.ndarray:
    """The pictures of two models in one, with their names above; of one model its picture."""
    pictures = drawn(seen)
    if len(pictures) == 1:
        return pictures[0]
    return np.hstack([_titled(_fitted(each), look.eye.name) for each, look in zip(pictures, seen.looks, strict=True)])


def _fitted(image: np.ndarray) -> np.ndarray:
    share = WIDEST / image.shape[1]
    return image if share >= 1 else cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)


def _titled(image: np.ndarray, title: str) -> np.ndarray:
    height, width = image.shape[:2]
    size = max(SMALLEST_FONT, min(height, width) // FONT_SHARE)
    font = contact_sheet.font(size)
    canvas = Image.new("RGB", (width, height + 2 * size), "white")
    ImageDraw.Draw(canvas).text((size / 2, size / 3), contact_sheet.fit(title, width - size, font), "#1a1a1a", font)
    canvas.paste(Image.fromarray(image), (0, 2 * size))
    return np.asarray(canvas)
