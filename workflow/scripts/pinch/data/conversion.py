"""Convert HaGRID to a YOLO data set. A second run changes only what differs.

<out>/data.yaml
<out>/images/<split>/<gesture>/<stem>.<ending>      links to HaGRID's images
<out>/labels/<split>/<gesture>/<stem>.txt
<out>/manifest.npz                                  what is known of each image and label file
<out>/conversion.json                               the source and the settings
"""

import dataclasses
import hashlib
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pinch.core.errors import PinchError
from pinch.core.files import read_json, write_json
from pinch.core.ownership import claim, mark
from pinch.data import placing
from pinch.data.changes import CONVERSION, STATE
from pinch.data.check import Findings
from pinch.data.dataset import SPLITS, Dataset
from pinch.data.hagrid import Annotation, Source, clip, read_annotations
from pinch.data.placing import Item, Items
from pinch.data.prepare import finish, look
from pinch.run.settings.data import General, Hagrid

# Boxes reach outside the image by rounding; more than this fraction of it is worth a warning.
ROUNDING = 1e-3
# Version 1 has no annotations of a val phase: this share of the users of train becomes val.
VAL_SHARE = 0.1
FOLDER = "converted data set"
"""The kind of the output folder, see `pinch.core.ownership.mark`."""


@dataclass(frozen=True)
class ConversionSettings:
    """How to convert a source.

    Attributes:
        mode: "gestures" (one class per target) or "hands" (one class, "hand").
        limit: maximum number of images per gesture and split, drawn with `seed`; None keeps all.
        seed: for `limit` and, if there is no val phase, for the users of val.
        skip_broken: leave out images that cannot be decoded instead of raising an error.
        copy: copy images instead of linking to them.
    """

    mode: str = Hagrid.mode
    limit: int | None = Hagrid.limit
    seed: int = General.seed
    skip_broken: bool = False
    copy: bool = False


@dataclass
class _Tally:
    """What was left out or changed, for the warnings."""

    absent: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)
    clipped: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def convert(
    source: Source,
    out: Path,
    settings: ConversionSettings,
    for_training: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> tuple[Dataset, Findings, dict[str, int]]:
    """Write the YOLO data set `out` of a HaGRID source, or update it.

    Args:
        source: the HaGRID data set.
        out: folder of the YOLO data set.
        settings: how to convert it.
        for_training: whether all classes must be in the train and val splits.
        progress: called with a line of text for each step.

    Returns:
        The data set; its images, boxes, gaps and warnings; and the number of users of each split.

    Raises:
        PinchError: an annotation file is not HaGRID's, an image is broken, or Pinch did not make what `out` holds.
    """
    names = list(source.targets) if settings.mode == "gestures" else ["hand"]
    tally = _Tally()
    _claim(source, out, settings)
    items: Items = {}
    for phase in source.phases:
        progress(f"reading the annotations of {phase}")
        for gesture in source.targets:
            items |= _by_split(_read(source, phase, gesture, names, settings, tally), phase, gesture, source, settings)
    progress(f"writing {sum(map(len, items.values())):,} images and labels to {out}")
    placing.remove_others(out, items)
    for (split, gesture), wanted in items.items():
        placing.write(out, split, gesture, wanted, settings.copy)
    splits = [split for split in SPLITS if any(split == key[0] for key in items)]
    written = Dataset(out / "data.yaml", out.absolute(), names, {s: [out.absolute() / "images" / s] for s in splits})
    progress("looking at every image that is new or has changed")
    found = look(written, out, progress)
    sources = placing.sources(out, items)
    found.broken = {image: text.replace(str(image), str(sources[image])) for image, text in found.broken.items()}
    if settings.skip_broken and found.broken:
        items, tally.broken = placing.without_broken(out, items, found.broken), list(found.broken.values())
        written = dataclasses.replace(written)  # which lists its images anew
        found = look(written, out, progress)
    _complete(found, source, splits, items, tally)
    found.require(for_training)
    # Without `path`, Ultralytics also resolves paths against the folder of the file, wherever it is started.
    finished = finish(written, out, {split: f"images/{split}" for split in splits}, found)
    return finished, found, {split: len(people) for split, people in _users(splits, items).items()}


def _claim(source: Source, out: Path, settings: ConversionSettings) -> None:
    """Mark `out` as made by Pinch before anything in it is replaced, and remove data.yaml until all is written."""
    request = out / CONVERSION
    if _is_request(request):
        mark(out, FOLDER)  # earlier versions had no other mark
    claim(out, FOLDER, ("data.yaml", "images", "labels"))
    asked: dict[str, Any] = {"images": str(source.images), "annotations": str(source.annotations)}
    asked |= {"phases": source.phases, "targets": source.targets, STATE: source.state()}
    write_json(request, asked | vars(settings))
    (out / "data.yaml").unlink(missing_ok=True)


def _is_request(path: Path) -> bool:
    """Whether a file was written by `_claim`, and is not another one of that name."""
    try:
        content = read_json(path)
    except PinchError:
        return False
    return isinstance(content, dict) and content.keys() >= {"images", "annotations", "phases", "targets"}


def _read(
    source: Source, phase: str, gesture: str, names: list[str], settings: ConversionSettings, tally: _Tally
) -> list[Item]:
    """The images of a gesture in a phase that are to be converted, sorted by their stems."""
    files = source.image_files(phase, gesture)
    path = source.class_file(phase, gesture)
    annotations = {entry.stem: entry for entry in read_annotations(path, settings.mode)}
    present = sorted(annotations.keys() & files.keys())
    tally.absent[f"{phase}/{gesture}"] += len(annotations) - len(present)
    if settings.limit is not None and settings.limit < len(present):
        # One generator per annotation file, so that its images do not depend on the other targets and phases.
        present = sorted(random.Random(f"{settings.seed}/{phase}/{gesture}").sample(present, settings.limit))
    return [
        Item(files[stem], _label(annotations[stem], names, settings.mode, tally, path), annotations[stem].user)
        for stem in present
    ]


def _label(annotation: Annotation, names: list[str], mode: str, tally: _Tally, path: Path) -> str:
    """The text of an image's label file: a line of class, centre x, centre y, width, height per box."""
    lines = []
    for label, box in annotation.hands:
        name = label if mode == "gestures" else "hand"
        if name not in names:
            tally.other[label] += 1
            continue
        x, y, width, height = clipped = clip(box)
        if width <= 0 or height <= 0:
            tally.outside.append(f"image {annotation.stem} of {path}")
            continue
        if any(abs(new - old) > ROUNDING for new, old in zip(clipped, box, strict=True)):
            tally.clipped.append(f"image {annotation.stem} of {path}")
        lines.append(f"{names.index(name)} {x + width / 2:.6f} {y + height / 2:.6f} {width:.6f} {height:.6f}\n")
    return "".join(lines)


def _by_split(items: list[Item], phase: str, gesture: str, source: Source, settings: ConversionSettings) -> Items:
    """The images by split: each phase is a split; without a val phase, some users of train become val."""
    if phase != "train" or "val" in source.phases:
        return {(phase, gesture): items}
    split: Items = {("train", gesture): [], ("val", gesture): []}
    for item in items:
        digest = hashlib.sha256(f"{settings.seed}/{item.user or item.image.stem}".encode()).digest()
        split["val" if int.from_bytes(digest[:4]) < VAL_SHARE * 2**32 else "train", gesture].append(item)
    return split


def _complete(found: Findings, source: Source, splits: list[str], items: Items, tally: _Tally) -> None:
    """Add to the findings of a look what only the conversion knows."""
    found.warnings += _warnings(tally)
    if "val" not in source.phases:
        found.warnings.append(f"there is no val phase: {VAL_SHARE:.0%} of the users of train become the val split")
    for split in splits:
        if empty := [gesture for gesture in source.targets if not items[split, gesture]]:
            found.gaps[split] = f"the {split} split has no images of {', '.join(empty)} (looked in {source.images})"
    found.warnings += _shared_users(_users(splits, items))


def _users(splits: list[str], items: Items) -> dict[str, set[str]]:
    """The people of each split."""
    return {
        split: {item.user for (of, _), wanted in items.items() if of == split for item in wanted if item.user}
        for split in splits
    }


def _warnings(tally: _Tally) -> list[str]:
    warnings = list(tally.broken)
    if absent := +tally.absent:
        where = ", ".join(f"{name} {count}" for name, count in absent.items())
        warnings.append(f"{absent.total()} annotated images are missing and were left out: {where}")
    if tally.other:
        which = ", ".join(f"{name} {count}" for name, count in tally.other.most_common())
        warnings.append(f"{tally.other.total()} boxes of other classes than the targets were left out: {which}")
    clipped = "reach outside their image and were clipped"
    outside = "lie outside their image or are empty and were left out"
    for boxes, what in ((tally.clipped, clipped), (tally.outside, outside)):
        if boxes:
            warnings.append(f"{len(boxes)} boxes {what} (first: {boxes[0]})")
    return warnings


def _shared_users(users: dict[str, set[str]]) -> list[str]:
    pairs = [(one, two, users[one] & users[two]) for one, two in itertools.combinations(users, 2)]
    return [
        f"{len(both)} users are in {one} and in {two}: accuracy on {two} will look better than it is"
        for one, two, both in pairs
        if both
    ]
