"""A data set as Ultralytics reads it: lists of images, labels from the manifest, and a copy on a faster disk."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from pinch.core import collection
from pinch.core.errors import PinchError
from pinch.data import manifest as manifests
from pinch.data.check import TRAINED_ON
from pinch.data.dataset import Dataset, in_threads
from pinch.data.manifest import Manifest

LABELS = "pinch_manifest"
"""Key of a data.yaml for Ultralytics: the file that `pinch.data.ultralytics_dataset` reads labels from."""


@collection.paused()
def ultralytics_yaml(dataset: Dataset, manifest: Manifest, splits: Sequence[str], folder: str | Path) -> Path:
    """Write what Ultralytics reads, in place of the data set's own folders: lists of images, and their labels.

    Args:
        dataset: the data set.
        manifest: what is known of its images.
        splits: those to write. The first stands for train and val where these are not among them, because Ultralytics
            requires both, whatever it does.
        folder: where to write `data.yaml`, the lists and the manifest; paths in them are absolute.

    Returns:
        Path of the written data.yaml.
    """
    folder = Path(folder).absolute()
    content: dict[str, Any] = {**dataset.extra, "path": str(folder)}
    for split in splits:
        content[split] = f"{split}_images.txt"
        (folder / content[split]).write_text("".join(f"{image}\n" for image in dataset.images(split)))
    content = dict.fromkeys(TRAINED_ON, content[splits[0]]) | content
    content["names"] = dict(enumerate(dataset.names))
    content[LABELS] = str(folder / manifests.FILE)
    images = (image for split in splits for image in dataset.images(split))
    used = {str(image): entry for image in images if (entry := manifest.find(dataset, image))}
    Manifest(used).write(Path(content[LABELS]))
    (folder / "data.yaml").write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return folder / "data.yaml"


def stage(dataset: Dataset, manifest: Manifest, folder: Path) -> tuple[Dataset, Manifest]:
    """Copy the images of train and val to `folder` on a faster disk.

    Images are renamed to numbers and keep their order, so training on the copy gives the same result.

    Returns:
        The copy, and the manifest of its images.

    Raises:
        PinchError: the disk of `folder` has too little space.
    """
    images = {split: dataset.images(split) for split in TRAINED_ON}
    needed = sum(manifest.of(dataset, image).stamp[0] for listed in images.values() for image in listed)
    if needed > (free := shutil.disk_usage(folder).free):
        raise PinchError(
            f"the images of {dataset.path} take {needed / 1e9:.1f} GB, but {folder} has {free / 1e9:.1f} GB free: "
            "give another folder to copy them to, or none"
        )
    staged = Manifest()
    for split, originals in images.items():
        names = [f"images/{split}/{number:08}{old.suffix}" for number, old in enumerate(originals)]
        (folder / "images" / split).mkdir(parents=True)
        for _ in in_threads(
            lambda pair: shutil.copyfile(pair[0], folder / pair[1]), zip(originals, names, strict=True)
        ):
            pass
        staged.entries |= {name: manifest.of(dataset, old) for name, old in zip(names, originals, strict=True)}
    return replace(dataset, root=folder, splits={split: [folder / "images" / split] for split in images}), staged
