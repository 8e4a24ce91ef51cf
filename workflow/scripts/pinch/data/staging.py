"""Copies of a data set's training images on a faster disk, such as one inside the node.

The images of a prepared data set are packed once, into one file beside its data.yaml: it is copied from end to end,
where a network filesystem would be asked for each of a million files. Whoever stages removes what a killed job left.
"""

import contextlib
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pinch.core import lock
from pinch.core.errors import PinchError
from pinch.core.files import atomic
from pinch.core.ownership import is_marked, mark
from pinch.data.check import TRAINED_ON
from pinch.data.dataset import Dataset, in_threads
from pinch.data.manifest import Manifest

FOLDER = "staged images"
"""The kind of a folder with a copy, see `pinch.core.ownership.mark`."""
_PREFIX = ".pinch-"
_LOCK = "lock"
# A packed file must leave this share of the disk's free space.
_SPARE = 0.5


@contextlib.contextmanager
def staged(dataset: Dataset, manifest: Manifest, disk: Path) -> Iterator[tuple[Dataset, Manifest]]:
    """A copy of the images of train and val on a faster disk, for the time of the block, and the manifest of them.

    Images are renamed to numbers and keep their order, so training on the copy gives the same result.

    Args:
        dataset: the data set.
        manifest: what is known of its images.
        disk: a folder on the faster disk.

    Raises:
        PinchError: the folder does not exist, or its disk has too little space.
    """
    if not disk.is_dir():
        raise PinchError(f"{disk}, the folder to copy images to, does not exist on this node: correct it")
    _remove_abandoned(disk)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=disk) as made:
        folder = Path(made)
        mark(folder, FOLDER)
        with lock.held(folder / _LOCK, f"the copy of {dataset.path} in {folder}"):
            yield _copy(dataset, manifest, folder)


def _remove_abandoned(disk: Path) -> None:
    """Remove copies whose jobs were killed before they could."""
    for folder in disk.glob(f"{_PREFIX}*"):
        if is_marked(folder, FOLDER) and lock.is_abandoned(folder / _LOCK):
            shutil.rmtree(folder, ignore_errors=True)


def _copy(dataset: Dataset, manifest: Manifest, folder: Path) -> tuple[Dataset, Manifest]:
    images = {split: dataset.images(split) for split in TRAINED_ON}
    names = {
        old: f"images/{split}/{number:08}{old.suffix}"
        for split, originals in images.items()
        for number, old in enumerate(originals)
    }
    needed = sum(manifest.of(dataset, image).stamp[0] for image in names)
    if needed > (free := shutil.disk_usage(folder).free):
        raise PinchError(
            f"the images of {dataset.path} take {needed / 1e9:.1f} GB, but {folder} has {free / 1e9:.1f} GB free: "
            "give another folder to copy them to, or none"
        )
    for split in images:
        (folder / "images" / split).mkdir(parents=True)
    if packed := _packed(dataset, manifest, names, needed):
        with tarfile.open(packed, "r|") as archive:
            archive.extractall(folder, filter="data")
    else:
        for _ in in_threads(lambda pair: shutil.copyfile(pair[0], folder / pair[1]), names.items()):
            pass
    copied = Manifest({name: manifest.of(dataset, old) for old, name in names.items()})
    return replace(dataset, root=folder, splits={split: [folder / "images" / split] for split in images}), copied


def _packed(dataset: Dataset, manifest: Manifest, names: dict[Path, str], needed: int) -> Path | None:
    """The packed images beside the data.yaml, made if they are not there; None where there is no place for them."""
    if dataset.digest is None:
        return None
    beside = dataset.path.parent
    path = beside / f"train_and_val_{manifest.digest(dataset, TRAINED_ON)[:16]}.tar"
    with lock.held(beside / ".packing.lock", f"packing the images of {dataset.path}", patience=lock.PATIENCE):
        if path.is_file():
            return path
        if needed > _SPARE * shutil.disk_usage(beside).free:
            print(f"{beside} has too little space to pack images there: they are copied one by one", file=sys.stderr)
            return None
        for other in beside.glob("train_and_val_*.tar"):
            other.unlink()
        with atomic(path) as temporary, tarfile.open(temporary, "w", dereference=True) as archive:
            for image, name in names.items():
                archive.add(image.resolve(), name, recursive=False)
    return path
