"""Which images of HaGRID belong to which split, and which are left out."""

import hashlib
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pinch.core.errors import PinchError
from pinch.data.dataset import SPLITS
from pinch.data.gestures import IDLE
from pinch.data.hagrid.reading import Item, Part
from pinch.data.hagrid.settings import ConversionSettings
from pinch.data.hagrid.source import BACKGROUND, Source

# Where there are no annotations of a val phase, as in version 1, this share of the users of train becomes val.
VAL_SHARE = 0.1
# Backgrounds have no people to divide them by: these shares of them go to train and val, the others to test.
_BACKGROUND_SHARES = {"train": 0.8, "val": 0.1}
# More images than this share of train are not left out for the sake of balance.
_MOST_LEFT_OUT = 0.5

Items = dict[tuple[str, str], list[Item]]
"""What is converted, by split and gesture, or BACKGROUND."""


@dataclass
class Selection:
    """What is converted, and sentences on what was moved or left out."""

    items: Items = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def splits(self) -> list[str]:
        """The splits that have a place, with images or without."""
        return [split for split in SPLITS if any(split == of for of, _ in self.items)]

    def users(self, split: str) -> set[str]:
        """The people of a split."""
        return {item.user for item in self._of(split) if item.user}

    def users_with(self, split: str, names: list[str]) -> dict[str, int]:
        """Number of people of a split who show each class."""
        found: dict[int, set[str]] = {number: set() for number in range(len(names))}
        for item in self._of(split):
            if item.user:
                for number in item.classes:
                    found[number].add(item.user)
        return {name: len(found[number]) for number, name in enumerate(names)}

    def _of(self, split: str) -> Iterator[Item]:
        return (item for (of, _), items in self.items.items() if of == split for item in items)


def select(source: Source, settings: ConversionSettings, parts: list[Part], names: list[str]) -> Selection:
    """Divide what was read among the splits.

    Args:
        source: where it is from.
        settings: how to convert it.
        parts: what was read of each of the source's class files.
        names: class names, in the order of their numbers.

    Raises:
        PinchError: the cap on idle hands would leave out most of train.
    """
    made = Selection()
    cut = "val" not in {phase.split for phase in source.phases}
    for (phase, gesture), part in zip(source.class_files, parts, strict=True):
        for split, items in _by_split(part.items, phase.split, cut, settings.seed).items():
            made.items.setdefault((split, gesture), []).extend(items)
    if cut:
        made.warnings.append(f"there is no val phase: {VAL_SHARE:.0%} of the persons of train become the val split")
    _keep_once(made)
    if settings.max_idle is not None and IDLE in names:
        _cap_idle(made, names.index(IDLE), settings)
    for number, folder in enumerate(source.folders):
        if folder.gesture == BACKGROUND:
            for name in folder.files().values():
                split = _background_split(name, settings.seed, made.splits)
                made.items.setdefault((split, BACKGROUND), []).append(Item(number, name, "", None))
    return made


def _background_split(name: str, seed: int, splits: list[str]) -> str:
    """The split of an image without hands, by its name."""
    left = _fraction(f"{seed}/{name}")
    for split, share in _BACKGROUND_SHARES.items():
        if left < share:
            return split
        left -= share
    return splits[-1]


def _by_split(items: list[Item], split: str, cut: bool, seed: int) -> dict[str, list[Item]]:
    """Each phase belongs to a split; if val is cut from train, some users of train belong to it."""
    if split != "train" or not cut:
        return {split: items}
    divided: dict[str, list[Item]] = {"train": [], "val": []}
    for item in items:
        divided["val" if _fraction(f"{seed}/{item.user or item.stem}") < VAL_SHARE else "train"].append(item)
    return divided


def _fraction(text: str) -> float:
    """A number between 0 and 1 that depends on a text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32


def _keep_once(made: Selection) -> None:
    """Keep an image once that several phases annotate: in test rather than in val, in val rather than in train."""
    twice: Counter[tuple[str, str]] = Counter()
    for gesture in dict.fromkeys(gesture for _, gesture in made.items):
        seen: dict[str, str] = {}
        for split in (split for split in reversed(SPLITS) if (split, gesture) in made.items):
            kept = []
            for item in made.items[split, gesture]:
                if item.stem in seen:
                    twice[split, seen[item.stem]] += 1
                else:
                    seen[item.stem] = split
                    kept.append(item)
            made.items[split, gesture] = kept
    made.warnings += [
        f"{count:,} images are annotated in {split} and once more in {other}: they are kept in {other} alone"
        for (split, other), count in twice.items()
    ]


def _cap_idle(made: Selection, idle: int, settings: ConversionSettings) -> None:
    """Leave images with idle hands out of train until there are at most `max_idle` times as many as of any gesture.

    Those that show idle hands alone go first.
    """
    assert settings.max_idle is not None
    train = [(key, item) for key, items in made.items.items() if key[0] == "train" for item in items]
    boxes = {item: Counter(item.classes) for _, item in train}
    total = sum(boxes.values(), Counter())
    candidates = sorted((item for _, item in train if boxes[item][idle]), key=lambda item: item.stem)
    random.Random(f"{settings.seed}/idle").shuffle(candidates)
    candidates.sort(key=lambda item: boxes[item].keys() != {idle})
    left_out: set[Item] = set()
    for item in candidates:
        largest = max((count for number, count in total.items() if number != idle), default=0)
        if total[idle] <= settings.max_idle * largest:
            break
        total -= boxes[item]
        left_out.add(item)
    if len(left_out) > _MOST_LEFT_OUT * len(train):
        raise PinchError(
            f"max_idle {settings.max_idle:g} would leave out {len(left_out):,} of the {len(train):,} training images:"
            " raise it"
        )
    for key in made.items:
        if key[0] == "train":
            made.items[key] = [item for item in made.items[key] if item not in left_out]
    if left_out:
        made.warnings.append(
            f"{len(left_out):,} training images with idle hands were left out, so that there are at most"
            f" {settings.max_idle:g} times as many as of any gesture"
        )
