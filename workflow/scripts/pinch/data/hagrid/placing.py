"""The files of a converted data set: links to folders of images, and label files. Only what differs is changed.

Label files depend on the source and on the numbers of classes alone, so several data sets of one source can share them.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pinch.core import disk, files, lock
from pinch.core.errors import PinchError
from pinch.core.ownership import is_marked, mark, remove_folder
from pinch.data.dataset import in_threads
from pinch.data.hagrid.layout import ImageFolder
from pinch.data.hagrid.reading import Item
from pinch.data.hagrid.selection import Items
from pinch.data.hagrid.source import Source

LABELS = "labels of HaGRID"
"""The kind of a folder of label files that several data sets share, see `pinch.core.ownership.mark`."""


def places(folders: list[ImageFolder]) -> list[str]:
    """Where the folders of images appear in the data set, relative to `images` and to `labels`."""
    found: list[str] = []
    for folder in folders:
        place = f"{folder.split}/{folder.gesture}" if folder.split else folder.gesture
        number = sum(other == place or other.startswith(f"{place}~") for other in found)
        found.append(f"{place}~{number + 1}" if number else place)
    return found


def place_images(out: Path, source: Source, items: Items, copy: bool) -> None:
    """Link to the folders of images, or copy the images; remove what an earlier conversion placed and is not wanted.

    Raises:
        PinchError: the disk is full.
    """
    top = out / "images"
    wanted: dict[int, list[str]] = {}
    for item in (item for each in items.values() for item in each):
        wanted.setdefault(item.folder, []).append(item.name)
    targets = {top / place: number for number, place in enumerate(places(source.folders)) if number in wanted}
    _remove_others(top, set(targets))
    for target, number in targets.items():
        with _explained(target):
            folder = source.folders[number].path
            if copy or not _link_folder(folder, target):
                _place_each(folder, target, wanted[number], copy)


def _remove_others(top: Path, wanted: set[Path]) -> None:
    """Remove folders and links under `top` that are neither wanted nor lead to what is."""
    above = {parent for path in wanted for parent in path.parents}
    for path in top.glob("*") if top.is_dir() and not top.is_symlink() else [top]:
        if path in wanted:
            continue
        if path in above and path.is_dir() and not path.is_symlink():
            _remove_others(path, wanted)
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.exists() or path.is_symlink():
            path.unlink()


def _link_folder(folder: Path, target: Path) -> bool:
    """Make `target` a link to a folder; False if the filesystem has no links."""
    if target.is_symlink() and target.readlink() == folder:
        return True
    if target.is_symlink():
        target.unlink()
    elif target.is_dir():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.symlink_to(folder, target_is_directory=True)
    except OSError as error:
        if error.errno in disk.FULL:
            raise
        return False
    return True


def _place_each(folder: Path, target: Path, names: list[str], copy: bool) -> None:
    if target.is_symlink():
        target.unlink()
    target.mkdir(parents=True, exist_ok=True)
    for path in target.iterdir():
        if path.name not in set(names):
            path.unlink()
    # Not a link to a link, which would break with it.
    for _ in in_threads(lambda name: files.place((folder / name).resolve(), target / name, copy), names):
        pass


def place_labels(out: Path, source: Source, items: Items, names: list[str], mode: str, shared: Path | None) -> None:
    """Write label files into `out/labels`, which is a link if the files are shared.

    Args:
        out: folder of the data set.
        source: what is converted.
        items: what is converted of it.
        names: class names, in the order of their numbers.
        mode: how boxes are made.
        shared: a folder for label files that several data sets share; None: they belong to this data set alone.

    Raises:
        PinchError: the disk is full, or another conversion does not end.
    """
    labels = out / "labels"
    if shared is None:
        if labels.is_symlink():
            labels.unlink()
        labels.mkdir(parents=True, exist_ok=True)
        _write_labels(labels, source, items)
        return
    told = json.dumps([str(source.images), str(source.annotations), names, mode])
    store = shared.absolute() / hashlib.sha256(told.encode()).hexdigest()[:12]
    mark(store, LABELS)
    before = labels.resolve() if labels.is_symlink() else None
    if before != store.resolve():
        _point(labels, store)
    with lock.held(store / ".lock", f"writing the labels in {store}", patience=lock.PATIENCE):
        _write_labels(store, source, items)
        (store / "used_by").mkdir(exist_ok=True)
        (store / "used_by" / hashlib.sha256(str(labels.absolute()).encode()).hexdigest()[:12]).write_text(
            str(labels.absolute())
        )
    if before is not None and before != store.resolve():
        _remove_unused(before)


def _point(labels: Path, store: Path) -> None:
    if labels.is_symlink():
        labels.unlink()
    elif labels.is_dir():
        shutil.rmtree(labels)
    labels.parent.mkdir(parents=True, exist_ok=True)
    labels.symlink_to(os.path.relpath(store.resolve(), labels.parent.resolve()), target_is_directory=True)


def _remove_unused(store: Path) -> None:
    """Remove label files that no data set uses any more."""
    users = [Path(path.read_text()) for path in (store / "used_by").glob("*")]
    if is_marked(store, LABELS) and not any(labels.is_symlink() and labels.resolve() == store for labels in users):
        remove_folder(store, LABELS)


def _write_labels(labels: Path, source: Source, items: Items) -> None:
    folders = [labels / place for place in places(source.folders)]
    for folder in {item.folder for each in items.values() for item in each}:
        folders[folder].mkdir(parents=True, exist_ok=True)

    def write(item: Item) -> None:
        path = f"{folders[item.folder]}{os.sep}{item.stem}.txt"
        content = item.label.encode()
        # An unchanged file keeps its time, so its image is not looked at again.
        if _content(path, len(content)) != content:
            with open(path, "wb") as stream:
                stream.write(content)

    with _explained(labels):
        for _ in in_threads(write, (item for each in items.values() for item in each), chunk=512):
            pass


def _content(path: str, size: int) -> bytes | None:
    """The content of a file that should have `size` bytes; None if there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return os.read(descriptor, size + 1)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if sentence := disk.explain(error, path):
            raise PinchError(f"{path} is not written: {sentence}") from error
        raise
