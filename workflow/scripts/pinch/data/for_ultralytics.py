"""A data set as Ultralytics reads it: its data.yaml, its label caches, and a copy on a faster disk."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from pinch.core.errors import PinchError
from pinch.core.files import atomic
from pinch.data.dataset import Dataset, in_threads, label_path

PREPARED = "prepared data set"
"""The kind of a folder with a data.yaml for images elsewhere, see `pinch.core.ownership.mark`."""


def list_name(split: str) -> str:
    """File name of the list of a split's images, if the split is given as a list."""
    return f"{split}_images.txt"


def ultralytics_yaml(dataset: Dataset, folder: str | Path) -> Path:
    """Write a data.yaml with absolute paths: Ultralytics resolves relative ones against the working directory.

    Args:
        dataset: the data set.
        folder: where to write `data.yaml` and, for splits that name .txt lists, a list with absolute paths.

    Returns:
        Path of the written data.yaml.
    """
    folder = Path(folder).absolute()
    content: dict[str, Any] = {**dataset.extra, "path": str(dataset.root)}
    for split, sources in dataset.splits.items():
        if any(source.suffix == ".txt" for source in sources):
            content[split] = str(folder / list_name(split))
            with atomic(content[split]) as temporary:
                temporary.write_text("".join(f"{image}\n" for image in dataset.images(split)))
        else:
            content[split] = [str(source) for source in sources]
    content["names"] = dict(enumerate(dataset.names))
    with atomic(folder / "data.yaml") as temporary:
        temporary.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return folder / "data.yaml"


def stage(dataset: Dataset, folder: Path) -> Dataset:
    """Copy the images and labels of train and val to `folder` on a faster disk.

    Images are renamed to numbers and keep their order, so training on the copy gives the same result.

    Raises:
        PinchError: the disk of `folder` has too little space.
    """
    images = {split: dataset.images(split) for split in ("train", "val")}
    needed = sum(in_threads(lambda image: image.stat().st_size, (i for found in images.values() for i in found)))
    if needed > (free := shutil.disk_usage(folder).free):
        raise PinchError(
            f"the images of {dataset.path} take {needed / 1e9:.1f} GB, but {folder} has {free / 1e9:.1f} GB free: "
            "give another folder to copy them to, or none"
        )
    for split, originals in images.items():
        copies = [folder / "images" / split / f"{number:08}{old.suffix}" for number, old in enumerate(originals)]
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        for _ in in_threads(_copy_example, zip(originals, copies, strict=True)):
            pass
    return replace(dataset, root=folder, splits={split: [folder / "images" / split] for split in images})


def _copy_example(pair: tuple[Path, Path]) -> None:
    """Copy an image and its labels, if it has any."""
    original, copy = pair
    shutil.copyfile(original, copy)
    if (labels := label_path(original)).is_file():
        shutil.copyfile(labels, label_path(copy))


def make_label_cache(dataset: Dataset) -> None:
    """Let Ultralytics write its label caches (beside the labels) now, so that parallel jobs find them ready."""
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    with tempfile.TemporaryDirectory() as folder:
        data = check_det_dataset(str(ultralytics_yaml(dataset, folder)), autodownload=False)
        for split in dataset.splits:
            if dataset.images(split):
                YOLODataset(img_path=data[split], data=data, task="detect")
