"""The files of a converted data set: links to images, and label files. Only what differs is changed."""

import os
import shutil
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from pinch.data.dataset import in_threads, label_path


@dataclass(frozen=True)
class Item:
    """An image to convert, the text of its label file, and the person in it."""

    image: Path
    label: str
    user: str | None


Items = dict[tuple[str, str], list[Item]]
"""What is converted, by split and gesture."""


def remove_others(out: Path, items: Items) -> None:
    """Remove splits and gestures of an earlier conversion that are no longer wanted."""
    wanted = {Path(split) for split, _ in items} | {Path(split, gesture) for split, gesture in items}
    for top in (out / "images", out / "labels"):
        for path in [*top.glob("*"), *top.glob("*/*")]:
            relative = path.relative_to(top)
            if path.is_dir() and relative not in wanted:
                shutil.rmtree(path)
            elif path.is_file() and relative.with_suffix("") not in wanted:
                path.unlink()


def write(out: Path, split: str, gesture: str, items: list[Item], copy: bool) -> None:
    """Update the images and labels of a gesture in a split."""
    images, labels = (out / top / split / gesture for top in ("images", "labels"))
    _keep_only(images, {item.image.name for item in items})
    _keep_only(labels, {f"{item.image.stem}.txt" for item in items})

    def place(item: Item) -> None:
        _place(item.image, images / item.image.name, copy)
        label = labels / f"{item.image.stem}.txt"
        # An unchanged label file keeps its time, so its image is not looked at again.
        if not label.exists() or label.read_text() != item.label:
            label.write_text(item.label)

    for _ in in_threads(place, items):
        pass


def _keep_only(folder: Path, names: set[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in names:
            path.unlink()


def _place(image: Path, target: Path, copy: bool) -> None:
    """Link to an image, or copy it if links are impossible (another file system, files of another owner)."""
    image = image.resolve() if image.is_symlink() else image
    if target.exists() and _is_placed(image, target, copy):
        return
    target.unlink(missing_ok=True)
    for link in () if copy else (os.link, os.symlink):
        try:
            link(image, target)
            return
        except OSError:
            continue
    shutil.copy2(image, target)


def _is_placed(image: Path, target: Path, copy: bool) -> bool:
    if target.samefile(image):
        return not copy
    old, new = target.stat(), image.stat()
    return (old.st_size, old.st_mtime_ns) == (new.st_size, new.st_mtime_ns)


def sources(out: Path, items: Items) -> dict[Path, Path]:
    """The images of HaGRID, by what stands for them in the data set."""
    folder = out.absolute() / "images"
    return {
        folder / split / gesture / item.image.name: item.image
        for (split, gesture), wanted in items.items()
        for item in wanted
    }


def without_broken(out: Path, items: Items, broken: Container[Path]) -> Items:
    """The items whose images can be used; the others are removed from the data set."""
    folder = out.absolute() / "images"
    kept: Items = {}
    for (split, gesture), wanted in items.items():
        places = [(item, folder / split / gesture / item.image.name) for item in wanted]
        kept[split, gesture] = [item for item, place in places if place not in broken]
        for _, place in places:
            if place in broken:
                place.unlink()
                label_path(place).unlink()
    return kept
