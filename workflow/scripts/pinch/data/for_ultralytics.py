"""A data set as Ultralytics reads it: lists of images, and labels from the manifest."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pinch.core import collection, yaml_files
from pinch.data import manifest as manifests
from pinch.data.check import TRAINED_ON
from pinch.data.dataset import Dataset
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
    (folder / "data.yaml").write_text(yaml_files.text(content))
    return folder / "data.yaml"
