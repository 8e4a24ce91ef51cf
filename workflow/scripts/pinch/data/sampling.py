"""A part of a split that stands for all of it: each class by its share, as many people as possible."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pinch.data.dataset import Dataset
from pinch.data.manifest import Entry, Manifest

BACKGROUND = -1
"""In place of the class of images without boxes."""


def sample(dataset: Dataset, manifest: Manifest, splits: Iterable[str], limit: int, seed: int) -> Dataset:
    """The data set with at most `limit` images in each of `splits`; those of a smaller limit are among them.

    Args:
        dataset: the data set.
        manifest: what is known of its images.
        splits: those to draw from.
        limit: number of images.
        seed: of the draw, which depends on the names of images alone, and not on their order or number.
    """
    drawn = replace(dataset)
    for split in splits:
        images = dataset.images(split)
        if len(images) > limit:
            images = _ordered(images, [manifest.of(dataset, image) for image in images], seed)[:limit]
        drawn.keep_only(split, images)
    return drawn


def _ordered(images: list[Path], entries: list[Entry], seed: int) -> list[Path]:
    """Images in an order whose every beginning has each class by its share.

    An image counts for the rarest class that it shows. Within a class, first comes one image of each person, then a
    second of each, and so on.
    """
    classes = _rarest_classes(entries)
    strata: dict[int, list[int]] = defaultdict(list)
    numbers = sorted(range(len(images)), key=lambda number: _draw(images[number], seed))
    for number in numbers:
        strata[classes[number]].append(number)
    places: dict[int, float] = {}
    for members in strata.values():
        before: Counter[str] = Counter()
        turns = []
        for number in members:
            turns.append((before[entries[number].person], number))
            before[entries[number].person] += bool(entries[number].person)
        # The middles of equal parts of the whole order: a class with a tenth of the images has every tenth place.
        for index, (_, number) in enumerate(sorted(turns, key=lambda turn: turn[0])):
            places[number] = (index + 0.5) / len(members)
    rank = {number: index for index, number in enumerate(numbers)}
    return [images[number] for number in sorted(places, key=lambda number: (places[number], rank[number]))]


def _rarest_classes(entries: list[Entry]) -> list[int]:
    shown = [{int(number) for number in entry.boxes[:, 0]} for entry in entries]
    counts = Counter(number for numbers in shown for number in numbers)
    return [min(numbers, key=lambda number: (counts[number], number), default=BACKGROUND) for numbers in shown]


def _draw(image: Path, seed: int) -> bytes:
    """What orders images at random: it depends on the name of a file alone, wherever the data set lies."""
    return hashlib.sha256(f"{seed}/{image.name}".encode("utf-8", "surrogateescape")).digest()
