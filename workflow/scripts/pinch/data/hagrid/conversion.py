"""Convert HaGRID to a YOLO data set. A second run changes only what differs.

<out>/data.yaml
<out>/{train,val,test}.txt              the images of each split
<out>/images/<gesture>                  links to HaGRID's folders of images
<out>/labels/<gesture>/<stem>.txt       or a link to a folder of labels that several data sets share
<out>/manifest.npz                      what is known of each image and label file
<out>/conversion.json                   the source and the classes
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from pinch.core import collection
from pinch.core.errors import PinchError
from pinch.core.files import update_text, write_json
from pinch.core.ownership import claim
from pinch.data import dataset as datasets
from pinch.data.changes import CONVERSION, STATE
from pinch.data.check import Findings
from pinch.data.dataset import SPLITS, Dataset
from pinch.data.hagrid import numbering, placing, reading, selection
from pinch.data.hagrid.reading import Item, Part
from pinch.data.hagrid.selection import Items, Selection
from pinch.data.hagrid.settings import ConversionSettings
from pinch.data.hagrid.source import Source
from pinch.data.prepare import finish, look

FOLDER = "converted data set"
"""The kind of the output folder, see `pinch.core.ownership.mark`."""
# More entries than this share that cannot be used mean that the annotations are not HaGRID's.
_MOST_WRONG = 0.01

Progress = Callable[[str], None]


@collection.paused()
def convert(
    source: Source,
    out: Path,
    settings: ConversionSettings,
    for_training: bool = False,
    progress: Progress = lambda line: None,
    processes: int = 1,
    labels: Path | None = None,
) -> tuple[Dataset, Findings]:
    """Write the YOLO data set `out` of a HaGRID source, or update it.

    Args:
        source: the HaGRID data set.
        out: folder of the YOLO data set.
        settings: how to convert it.
        for_training: whether all classes must be in the train and val splits.
        progress: called with a line of text for each step.
        processes: how many read annotations at the same time.
        labels: a folder for label files that several data sets share; None: they lie in `out`.

    Returns:
        The data set; its images, boxes, people, gaps and warnings.

    Raises:
        PinchError: before anything is written, an annotation file is not HaGRID's, too many entries cannot be used, too
            many images are missing, classes would be renumbered, or Pinch did not make what `out` holds; later, an
            image is broken or the disk is full.
    """
    names = reading.class_names(source, settings)
    if not settings.rebuild:
        numbering.require_same(out, names)
    parts, total = _read(source, settings, processes, progress)
    _require_usable(source, settings, total)
    chosen = selection.select(source, settings, parts, names)
    claim(out, FOLDER, ("data.yaml", "images", "labels"))
    (out / "data.yaml").unlink(missing_ok=True)
    progress(f"writing the labels of {sum(map(len, chosen.items.values())):,} images to {out}")
    placing.place_labels(out, source, chosen.items, names, settings.mode, labels)
    placing.place_images(out, source, chosen.items, settings.copy)
    listed, found = _look(source, out, settings, chosen, names, progress)
    _complete(found, source, chosen, total, names)
    found.require(for_training)
    asked = {"images": str(source.images), "annotations": str(source.annotations), numbering.NAMES: names}
    write_json(out / CONVERSION, asked | {STATE: source.state()})
    # Without `path`, Ultralytics also resolves paths against the folder of the file, wherever it is started.
    lists = {split: _list_name(split if split in chosen.splits else "val") for split in (*chosen.splits, "test")}
    return finish(listed, out, lists, found), found


def _read(source: Source, settings: ConversionSettings, processes: int, progress: Progress) -> tuple[list[Part], Part]:
    """What each annotation file gave, and the counts of all together."""
    progress(f"reading {len(source.class_files)} annotation files of {', '.join(p.name for p in source.phases)}")
    parts, total = [], Part()
    for (phase, gesture), part in zip(source.class_files, reading.read(source, settings, processes), strict=True):
        progress(f"{phase.name}/{gesture}: {len(part.items):,} of {part.entries:,} annotated images")
        parts.append(part)
        total.add(part)
    return parts, total


def _require_usable(source: Source, settings: ConversionSettings, total: Part) -> None:
    """Stop, before anything is written or removed, where too much of a source is wrong or missing."""
    wrong = "; ".join(f"{oddities} {kind}" for kind, oddities in total.wrong.items())
    count = sum(oddities.count for oddities in total.wrong.values())
    if count > (0 if settings.strict else _MOST_WRONG * total.entries):
        raise PinchError(
            f"{count:,} of {total.entries:,} annotations in {source.annotations} cannot be used: {wrong}. Restore the"
            " files" + ("" if settings.strict else f" (up to {_MOST_WRONG:.0%} would be left out)")
        )
    if settings.strict and total.unknown:
        raise PinchError(f"{source.annotations} has labels that HaGRID does not know: {_counts(total.unknown)}")
    missing = total.absent.total()
    if missing > settings.max_missing * total.wanted:
        raise PinchError(
            f"{missing:,} of {total.wanted:,} annotated images are missing ({_counts(+total.absent, 5)}; looked in"
            f" {_looked_in(source)}): mend the path, unpack the archives, or allow it with `max_missing`"
        )


def _looked_in(source: Source) -> str:
    if not source.folders:
        return f"{source.images}, which has no folders of these gestures"
    return f"{len(source.folders)} folders such as {source.folders[0].path}"


def _look(
    source: Source, out: Path, settings: ConversionSettings, chosen: Selection, names: list[str], progress: Progress
) -> tuple[Dataset, Findings]:
    """Look at every image that is new or has changed; leave out those that are broken, if that is wanted."""
    progress("looking at every image that is new or has changed")
    people = {image: item.user or "" for image, item in _images(out, source, chosen.items)}
    listed = _listed(out, source, chosen.items, names)
    found = look(listed, out, progress, people)
    if not (settings.skip_broken and found.broken):
        return listed, found
    broken = list(found.broken.values())
    left_out = {item for image, item in _images(out, source, chosen.items) if image in found.broken}
    chosen.items = {key: [item for item in items if item not in left_out] for key, items in chosen.items.items()}
    listed = _listed(out, source, chosen.items, names)
    found = look(listed, out, progress, people)
    found.warnings += broken
    return listed, found


def _images(out: Path, source: Source, items: Items) -> Iterator[tuple[Path, Item]]:
    """The images as the data set names them, and what they are."""
    folders = [out.absolute() / "images" / place for place in placing.places(source.folders)]
    return ((folders[item.folder] / item.name, item) for each in items.values() for item in each)


def _listed(out: Path, source: Source, items: Items, names: list[str]) -> Dataset:
    """Write the list of images of each split; the data set that they make."""
    places = placing.places(source.folders)
    lines: dict[str, list[str]] = {}
    for (split, _), each in items.items():
        # Ultralytics, too, takes names that begin with a dot relative to the list.
        lines.setdefault(split, []).extend(f"./images/{places[item.folder]}/{item.name}\n" for item in each)
    for split, its in lines.items():
        update_text(out / _list_name(split), "".join(sorted(its)))
    splits = {split: [out.absolute() / _list_name(split)] for split in SPLITS if split in lines}
    return datasets.with_test_split(Dataset(out / "data.yaml", out.absolute(), names, splits))


def _list_name(split: str) -> str:
    return f"{split}.txt"


def _complete(found: Findings, source: Source, chosen: Selection, total: Part, names: list[str]) -> None:
    """Add to the findings of a look what only the conversion knows."""
    found.users = {split: chosen.users(split) for split in chosen.splits}
    found.users_with = {split: chosen.users_with(split, names) for split in chosen.splits}
    found.warnings += [*source.warnings, *_warnings(total), *chosen.warnings]
    if "test" not in chosen.splits:
        found.warnings.append(
            "there is no test phase: the val split is used in its place, so results are too optimistic"
        )
    for split in chosen.splits:
        empty = [gesture for phase, gesture in source.class_files if not chosen.items.get((split, gesture))]
        if empty := list(dict.fromkeys(empty)):
            found.gaps[split] = f"the {split} split has no images of {', '.join(empty)} (looked in {source.images})"
    found.warnings += _shared_users(found.users)


def _warnings(total: Part) -> list[str]:
    warnings = [f"entries were left out because they {kind}: {oddities}" for kind, oddities in total.wrong.items()]
    if absent := +total.absent:
        warnings.append(f"{absent.total():,} annotated images are missing and were left out: {_counts(absent)}")
    if total.unknown:
        of = f"{total.unknown.total():,} boxes of labels that HaGRID does not know"
        warnings.append(f"{of} were left out: {_counts(total.unknown)}")
    if total.other:
        of = f"{total.other.total():,} boxes of other classes than the targets"
        warnings.append(f"{of} were left out: {_counts(total.other)}")
    clipped = "reach outside their image and were clipped"
    outside = "lie outside their image or are empty and were left out"
    for boxes, what in ((total.clipped, clipped), (total.outside, outside)):
        if boxes.count:
            warnings.append(f"{boxes.count:,} boxes {what} (first: {boxes.first[0]})")
    return warnings


def _counts(counts: Counter[str], most: int | None = None) -> str:
    listed = ", ".join(f"{name} {count:,}" for name, count in counts.most_common(most))
    return listed + (", …" if most and len(counts) > most else "")


def _shared_users(users: dict[str, set[str]]) -> list[str]:
    pairs = [(one, two, users[one] & users[two]) for one, two in itertools.combinations(users, 2)]
    return [
        f"{len(both):,} persons are in {one} and in {two}: accuracy on {two} will look better than it is"
        for one, two, both in pairs
        if both
    ]
