"""A contact sheet: sample images of a data set with their boxes, class by class."""

import colorsys
import functools
import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from pinch.core.errors import PinchError
from pinch.core.files import atomic
from pinch.core.text import one_line
from pinch.data.dataset import Dataset

CELL = 200  # side of an image on the sheet, in pixels
GAP = 8
TEXT = 14
Colour = tuple[int, int, int]
"""8-bit RGB."""
Part = tuple[str, Sequence[tuple[Image.Image, str]]]
_INK, _PAPER, _FAINT = "#1a1a1a", "#ffffff", "#6b6b6b"


@dataclass(frozen=True)
class Box:
    """A box to draw: left, top, right and bottom as shares of the image's width and height, its name and its colour."""

    corners: Sequence[float]
    name: str
    colour: Colour


@dataclass(frozen=True)
class Sample:
    """An image chosen to show a class.

    Attributes:
        number: class number.
        split: the split that it is from.
        image: path of the image.
        boxes: (n, 5) all its boxes of known classes, see `Dataset.labels`.
    """

    number: int
    split: str
    image: Path
    boxes: np.ndarray


def draw(
    dataset: Dataset, output: str | Path, count: int = 40, columns: int = 8, seed: int = 0, title: str = ""
) -> None:
    """Write a contact sheet.

    Args:
        dataset: the data set.
        output: file to write, .png or, five times smaller, .jpg.
        count: approximate number of images; every class that has an image is shown at least once.
        columns: images in a row.
        seed: of the choice of images.
        title: first line of the sheet.

    Raises:
        PinchError: `output` has another ending, no image has a box, or a chosen image cannot be decoded.
    """
    if Path(output).suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise PinchError(f"a contact sheet cannot be written as {output}: choose a name that ends in .png or .jpg")
    samples = choose(dataset, count, seed)
    if not samples:
        raise PinchError(f"{dataset.path} has no image with a box, so there is nothing to show: add labels")
    colours = palette(len(dataset.names))
    cells = []
    for sample in samples:
        boxes = [
            Box(_corners(place), dataset.names[int(number)], colours[int(number)])
            for number, *place in sample.boxes.tolist()
        ]
        cells.append((cell(sample.image, boxes), f"{one_line(dataset.names[sample.number])} · {sample.split}"))
    sizes = ", ".join(f"{len(dataset.images(split)):,} {split}" for split in dataset.splits)
    classes = f"{len(dataset.names)} class{'es' if len(dataset.names) > 1 else ''}"
    summary = f"{classes} · images: {sizes} · {len(samples)} shown with all their boxes"
    write(output, title, [(summary, cells)], columns)


def write(output: str | Path, title: str, parts: Sequence[Part], columns: int) -> None:
    """Write a sheet.

    Args:
        output: file to write, .png or .jpg.
        title: first line of the sheet.
        parts: a sentence, and the cells under it with what is written below each.
        columns: cells in a row.

    Raises:
        PinchError: Pinch may not replace what is at `output`, or the disk does not take it.
    """
    width, height = GAP + columns * (CELL + GAP), CELL + TEXT + 2 * GAP
    top, tops = 2 * TEXT + GAP, []
    for _, cells in parts:
        tops.append(top)
        top += TEXT + GAP + -(-len(cells) // columns) * height
    sheet = Image.new("RGB", (width, top + GAP), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((GAP, GAP), fit(title, width - 2 * GAP, font(TEXT + 4)), _INK, font(TEXT + 4))
    for (sentence, cells), start in zip(parts, tops, strict=True):
        pen.text((GAP, start), fit(sentence, width - 2 * GAP, font(TEXT)), _FAINT, font(TEXT))
        for index, (image, caption) in enumerate(cells):
            left, above = GAP + index % columns * (CELL + GAP), start + TEXT + GAP + index // columns * height
            sheet.paste(image, (left, above))
            pen.text((left, above + CELL + 2), fit(caption, CELL, font(TEXT - 2)), _INK, font(TEXT - 2))
    with atomic(output) as temporary:
        sheet.save(temporary, optimize=True, quality=88)


def choose(dataset: Dataset, count: int, seed: int = 0) -> list[Sample]:
    """Draw images that show all classes and splits as equally as the data set allows, ordered by class and split."""
    splits, classes = list(dataset.splits), range(len(dataset.names))
    slots = max(count // len(classes), 1)
    # Each class starts with another split, so that all splits are shown even if a class has only one slot.
    wanted = Counter((splits[(slot + number) % len(splits)], number) for slot in range(slots) for number in classes)
    order = {split: index for index, split in enumerate(splits)}
    samples = [sample for split in splits for sample in _choose_in(dataset, split, wanted, seed)]
    return sorted(samples, key=lambda sample: (sample.number, order[sample.split]))


def palette(count: int) -> list[Colour]:
    """`count` colours (8-bit RGB) that differ in hue, and in lightness between neighbours."""
    lightness = itertools.cycle((0.45, 0.62))
    shades = (colorsys.hls_to_rgb(number / count, next(lightness), 0.85) for number in range(count))
    return [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in shades]


def _choose_in(dataset: Dataset, split: str, wanted: Counter[tuple[str, int]], seed: int) -> Iterator[Sample]:
    """Go through a split's images in random order until each class has as many as `wanted`, one class per image."""
    missing = Counter({number: count for (where, number), count in wanted.items() if where == split})
    images = dataset.images(split)
    random.Random(f"{seed}/{split}").shuffle(images)
    for image in images:
        if not missing:
            return
        boxes = dataset.labels(image)
        boxes = boxes[np.isin(boxes[:, 0], range(len(dataset.names)))]
        shown = [number for number in sorted({int(number) for number in boxes[:, 0]}) if missing[number] > 0]
        if shown:
            yield Sample(shown[0], split, image, boxes)
            missing = missing - Counter(shown[:1])


def cell(path: Path, boxes: Sequence[Box]) -> Image.Image:
    """An image on a square of CELL pixels, with boxes and their names.

    Raises:
        PinchError: the image cannot be decoded.
    """
    try:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except Exception as error:  # Pillow's decoders raise many kinds of exceptions for broken files.
        raise PinchError(f"{path} cannot be decoded ({error}): restore it or remove it from the data set") from error
    image = ImageOps.contain(image, (CELL, CELL))
    square = Image.new("RGB", (CELL, CELL), "#eeeeee")
    x, y = (CELL - image.width) // 2, (CELL - image.height) // 2
    square.paste(image, (x, y))
    pen = ImageDraw.Draw(square)
    for box in boxes:
        left, right = (x + share * image.width for share in box.corners[::2])
        top, bottom = (y + share * image.height for share in box.corners[1::2])
        draw_box(pen, (left, top, right, bottom), one_line(box.name), box.colour, CELL)
    return square


def _corners(place: Sequence[float]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a box of centre, width and height."""
    x, y, width, height = place
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def draw_box(
    pen: ImageDraw.ImageDraw,
    corners: tuple[float, float, float, float],
    text: str,
    colour: Colour,
    width: int,
    size: int = TEXT - 3,
    line: int = 2,
) -> None:
    """Draw a box and a text on a background of its colour: above the box if it fits, else inside.

    Args:
        pen: of the picture.
        corners: left, top, right and bottom, in pixels.
        text: e.g. the name of its class; shortened where the picture is too narrow.
        colour: of the box and of the text's background.
        width: of the picture, in pixels.
        size: of the text, in pixels.
        line: width of the box's lines, in pixels.
    """
    left, top, right, bottom = corners
    pen.rectangle((left, top, max(right, left + 1), max(bottom, top + 1)), outline=colour, width=line)
    text = fit(text, width - 4, font(size))
    breadth, height = font(size).getlength(text) + 5, round(size * 1.28)
    x = max(min(max(left, 0), width - breadth), 0)
    y = top - height if top >= height else top
    pen.rectangle((x, y, x + breadth, y + height), fill=colour)
    light = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < 140
    pen.text((x + 3, y), text, _PAPER if light else _INK, font(size))


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """A font of a size in pixels."""
    # matplotlib's font has more alphabets than Pillow's.
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)


def fit(text: str, width: float, font: ImageFont.FreeTypeFont) -> str:
    """`text`, shortened to what fits into `width` pixels."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
