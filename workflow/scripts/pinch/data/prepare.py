"""Prepare a data set: look at every file once, and write its manifest and a data.yaml with the digest."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pinch.core import yaml_files
from pinch.core.files import write_text
from pinch.core.ownership import claim
from pinch.data import check, dataset
from pinch.data import manifest as manifests
from pinch.data.check import Findings
from pinch.data.dataset import Dataset

PREPARED = "prepared data set"
"""The kind of a folder with a data.yaml for images elsewhere, see `pinch.core.ownership.mark`."""


def prepare(
    source: Dataset, folder: Path, for_training: bool, progress: Callable[[str], None] = lambda line: None
) -> tuple[Dataset, Findings]:
    """Write a data.yaml with absolute paths, and the manifest, of a data set that is used where it lies.

    Args:
        source: the data set. If it has no test split, its val split is used in its place.
        folder: where to write. Files that have not changed since an earlier preparation there are not opened.
        for_training: whether all classes must be in the train and val splits.
        progress: called with a line of text now and then.

    Raises:
        PinchError: a file cannot be used, or Pinch did not make what `folder` holds.
    """
    complete = dataset.with_test_split(source)
    claim(folder, PREPARED, ["data.yaml", manifests.FILE, *map(_list_name, complete.splits)])
    found = look(complete, folder, progress)
    if complete is not source:
        found.warnings.append(
            f"{source.path} names no test split: the val split is used in its place, so results are too optimistic"
        )
    found.require(for_training)
    content: dict[str, Any] = {**complete.extra, "path": str(complete.root)}
    for split, sources in complete.splits.items():
        content[split] = [str(each) for each in sources]
        if any(each.suffix == ".txt" for each in sources):
            content[split] = str(folder.absolute() / _list_name(split))
            write_text(content[split], "".join(f"{image}\n" for image in complete.images(split)))
    return finish(complete, folder, content, found), found


def look(
    source: Dataset,
    folder: Path,
    progress: Callable[[str], None] = lambda line: None,
    people: Mapping[Path, str] | None = None,
) -> Findings:
    """Look at the files of a data set that have changed since the manifest in `folder` was written, and write it.

    Args:
        source: the data set.
        folder: of the manifest.
        progress: called with a line of text now and then.
        people: who is in an image, where that is known.
    """
    path = folder / manifests.FILE

    def keep(manifest: manifests.Manifest) -> None:
        manifest.write(path)

    found = check.look(source, known=manifests.read(path), keep=keep, progress=progress)
    for image, person in (people or {}).items():
        name = manifests.key(source, image)
        if name in found.manifest.entries:
            found.manifest.entries[name] = found.manifest.entries[name]._replace(person=person)
    keep(found.manifest)
    return found


def finish(source: Dataset, folder: Path, content: dict[str, Any], found: Findings) -> Dataset:
    """Write the data.yaml of a data set that was looked at.

    Args:
        source: the data set.
        folder: where to write.
        content: of the data.yaml, without classes and digest.
        found: what the look found.

    Returns:
        The data set of the written data.yaml.
    """
    names = dict(enumerate(source.names))
    content = {**content, "names": names, "digest": found.manifest.digest(source, source.splits)}
    write_text(folder / "data.yaml", yaml_files.text(content))
    return dataset.load(folder / "data.yaml")


def _list_name(split: str) -> str:
    """File name of the list of a split's images, if the split is given as a list."""
    return f"{split}_images.txt"
