"""Annotation files -> what is converted: an image, the text of its label file, and the person in it."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from pinch.core.processes import pool
from pinch.data.gestures import GESTURES
from pinch.data.hagrid.annotations import Annotation, clip, read_annotations
from pinch.data.hagrid.settings import ConversionSettings
from pinch.data.hagrid.source import HAND, Source

# Boxes reach outside the image by rounding; more than this fraction of it is worth a warning.
ROUNDING = 1e-3
# So many names of images are kept for each kind of what is odd.
_NAMED = 3


class Item(NamedTuple):
    """An image to convert.

    Attributes:
        folder: number of its folder in `Source.folders`.
        name: of its file there.
        label: text of its label file.
        user: the person in it, if known.
    """

    folder: int
    name: str
    label: str
    user: str | None

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return self.name.rpartition(".")[0]

    @property
    def classes(self) -> list[int]:
        """The class numbers of its boxes."""
        return [int(line.partition(" ")[0]) for line in self.label.splitlines()]


@dataclass
class Oddities:
    """How many entries or boxes are odd in the same way, and the first of them."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, *names: str, count: int | None = None) -> None:
        """Count some more."""
        self.count += len(names) if count is None else count
        self.first = [*self.first, *names][:_NAMED]

    def __str__(self) -> str:
        return f"{self.count:,} ({', '.join(self.first)}{', …' if self.count > len(self.first) else ''})"


@dataclass
class Part:
    """What one annotation file, or some together, gave.

    Attributes:
        items: what is converted, sorted by name.
        entries: number of entries.
        wanted: images that should be converted: one for each usable entry, or as many as the limit.
        absent: those of them that are in no folder, by phase and gesture.
        wrong: entries that cannot be used, by what is wrong with them.
        unknown: boxes by labels that HaGRID does not have.
        other: boxes by labels of HaGRID that are no targets.
        clipped: images with boxes that reach outside.
        outside: images with boxes that lie outside or are empty.
    """

    items: list[Item] = field(default_factory=list)
    entries: int = 0
    wanted: int = 0
    absent: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, Oddities] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)
    clipped: Oddities = field(default_factory=Oddities)
    outside: Oddities = field(default_factory=Oddities)

    def add(self, other: "Part") -> None:
        """Add the counts of another part, but not its items."""
        self.entries += other.entries
        self.wanted += other.wanted
        for mine, theirs in ((self.absent, other.absent), (self.unknown, other.unknown), (self.other, other.other)):
            mine.update(theirs)
        for kind, found in other.wrong.items():
            self.wrong.setdefault(kind, Oddities()).add(*found.first, count=found.count)
        self.clipped.add(*other.clipped.first, count=other.clipped.count)
        self.outside.add(*other.outside.first, count=other.outside.count)


def class_names(source: Source, settings: ConversionSettings) -> list[str]:
    """The classes of the converted data set, in the order of their numbers."""
    return [HAND] if settings.mode == HAND else list(source.targets)


def read(source: Source, settings: ConversionSettings, processes: int = 1) -> Iterator[Part]:
    """Read all annotation files of a source, in their order.

    Args:
        source: the source.
        settings: how to convert it.
        processes: how many read files at the same time. The result does not depend on it.

    Raises:
        PinchError: a file is not HaGRID's.
    """
    numbers = range(len(source.class_files))
    work = partial(_read_part, source, settings)
    if min(processes, len(numbers)) < 2:
        yield from map(work, numbers)
        return
    with pool(min(processes, len(numbers))) as workers:
        yield from workers.map(work, numbers)


def _read_part(source: Source, settings: ConversionSettings, number: int) -> Part:
    """What the annotation file of this number gives."""
    phase, gesture = source.class_files[number]
    files = source.image_files(phase, gesture)
    annotations, wrong = read_annotations(phase.file(gesture), settings.mode)
    usable = {annotation.stem: annotation for annotation in annotations}
    present = sorted(usable.keys() & files.keys())
    part = Part(entries=len(usable) + sum(map(len, wrong.values())))
    part.wanted = min(len(usable), settings.limit or len(usable))
    part.absent[f"{phase.name}/{gesture}"] = max(part.wanted - len(present), 0)
    for kind, stems in wrong.items():
        part.wrong[kind] = Oddities(len(stems), [_named(source, number, stem) for stem in stems[:_NAMED]])
    if settings.limit is not None and settings.limit < len(present):
        # One generator per file, so that its images do not depend on the other targets and phases.
        present = sorted(random.Random(f"{settings.seed}/{phase.name}/{gesture}").sample(present, settings.limit))
    classes = {name: index for index, name in enumerate(class_names(source, settings))}
    for stem in present:
        label = _label(usable[stem], classes, settings.mode, part, _named(source, number, stem))
        part.items.append(Item(*files[stem], label, usable[stem].user))
    return part


def _named(source: Source, number: int, stem: str) -> str:
    phase, gesture = source.class_files[number]
    return f"{phase.name}/{gesture}.json: {stem}"


def _label(annotation: Annotation, classes: dict[str, int], mode: str, part: Part, name: str) -> str:
    """The text of an image's label file: a line of class, centre x, centre y, width, height per box."""
    lines = []
    for label, box in annotation.hands:
        number = 0 if mode == HAND else classes.get(label)
        if number is None:
            (part.other if label in GESTURES else part.unknown)[label] += 1
            continue
        x, y, width, height = clipped = clip(box)
        if width <= 0 or height <= 0:
            part.outside.add(name)
            continue
        if any(abs(new - old) > ROUNDING for new, old in zip(clipped, box, strict=True)):
            part.clipped.add(name)
        lines.append(f"{number} {x + width / 2:.6f} {y + height / 2:.6f} {width:.6f} {height:.6f}\n")
    return "".join(lines)
