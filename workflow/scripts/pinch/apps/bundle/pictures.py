"""Test pictures: which ones, and what Pinch's own runtime finds in them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pinch.apps.bundle.contract import Contract, Picture
from pinch.data import frames
from pinch.data.dataset import Dataset
from pinch.data.synthesis.hand import GESTURES
from pinch.data.synthesis.scene import User, take_photo
from pinch.run.image_counts import TEST_PICTURES_AMONG
from pinch.runtimes.base import Backend
from pinch.runtimes.postprocess import Detections, detections

COUNT = 2
"""Pictures in a bundle."""
LONGEST = 640
"""Pixels of their longer side at most."""
SAFE = 0.1
"""A picture is as good as any if no score is nearer to the threshold: other processors round otherwise."""
RENDERED = 12
"""Pictures among which rendered ones are chosen."""
_SEED = 2


@dataclass(frozen=True)
class Source:
    """Where test pictures are from.

    Attributes:
        images: uint8, (height, width, 3), BGR.
        sentence: what the card says of it.
    """

    images: Iterable[np.ndarray]
    sentence: str


def of_dataset(dataset: Dataset) -> Source:
    """Pictures of a data set that training has not seen: of test or, without one, of val."""
    split = "test" if "test" in dataset.splits else "val"
    paths = dataset.images(split)
    chosen = [paths[index] for index in frames.evenly(len(paths), TEST_PICTURES_AMONG)]
    return Source(map(frames.read, chosen), f"from the {split} split of the data set")


def of_files(paths: Sequence[Path]) -> Source:
    """Pictures that the user names."""
    return Source([frames.read(path) for path in paths], "given by whoever made this bundle")


def rendered(labels: Sequence[str], why: str) -> Source:
    """Rendered hands, if the model knows a gesture that can be rendered; otherwise none.

    Args:
        labels: of the model.
        why: why no others are taken, as a part of a sentence.
    """
    gestures = [label for label in labels if label in GESTURES]
    if not gestures:
        return Source([], f"none, since {why}, and nothing that it detects can be rendered")
    return Source(_photos(gestures), f"rendered hands, since {why}")


def _photos(gestures: Sequence[str]) -> Iterator[np.ndarray]:
    for number in range(RENDERED):
        rng = np.random.default_rng([_SEED, number])
        yield take_photo(User.sample(_SEED, number), gestures[number % len(gestures)], LONGEST // 2, rng).image


def choose(backend: Backend, contract: Contract, images: Iterable[np.ndarray]) -> list[tuple[Picture, bytes]]:
    """The best COUNT pictures: with boxes, with other labels than each other, and with no score near the threshold.

    Args:
        backend: the model.
        contract: its description.
        images: uint8, (height, width, 3), BGR.

    Returns:
        Each picture with the bytes of its PNG.
    """
    tried = [_Tried.of(backend, contract, _shrunk(image)) for image in images]
    chosen: list[_Tried] = []
    while tried and len(chosen) < COUNT:
        shown = {label for each in chosen for label in each.found.classes.tolist()}
        best = max(tried, key=lambda each: each.rank(shown))
        chosen.append(best)
        tried = [each for each in tried if each is not best]
    return [each.picture(f"test_{number}.png") for number, each in enumerate(chosen, 1)]


@dataclass(frozen=True)
class _Tried:
    image: np.ndarray
    found: Detections
    distance: float
    """Of the score that is nearest to the threshold."""

    @staticmethod
    def of(backend: Backend, contract: Contract, image: np.ndarray) -> "_Tried":
        inputs, geometry = backend.prepare(image)
        output = backend.download(backend.run(inputs))
        limits, most = contract.threshold, contract.output.max_boxes
        found = detections(output, geometry, limits.score, limits.iou, most)
        near = detections(output, geometry, limits.score - SAFE, limits.iou, most).scores
        return _Tried(image, found, float(np.abs(near - limits.score).min(initial=SAFE)))

    def rank(self, shown: set[int]) -> tuple[bool, float, bool]:
        """What makes it a good picture beside others that show labels already; more is better."""
        new = not set(self.found.classes.tolist()) <= shown
        return len(self.found) > 0, self.distance, new

    def picture(self, file: str) -> tuple[Picture, bytes]:
        """What is found in it, and its PNG."""
        _, encoded = cv2.imencode(".png", self.image, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        rows = zip(self.found.boxes.tolist(), self.found.scores.tolist(), self.found.classes.tolist(), strict=True)
        boxes = [[*(round(side, 2) for side in box), round(score, 5), float(label)] for box, score, label in rows]
        return Picture(file=file, boxes=boxes), encoded.tobytes()


def _shrunk(image: np.ndarray) -> np.ndarray:
    """The image with at most LONGEST pixels at its longer side."""
    gain = LONGEST / max(image.shape[:2])
    if gain >= 1:
        return image
    height, width = (max(round(side * gain), 1) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
