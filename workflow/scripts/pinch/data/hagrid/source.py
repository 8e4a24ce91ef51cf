"""What of HaGRID is to be converted: its folders, phases and targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pinch.core.errors import PinchError
from pinch.core.yaml_files import read_yaml
from pinch.data import changes
from pinch.data.gestures import GESTURES, IDLE
from pinch.data.hagrid import layout
from pinch.data.hagrid.layout import ImageFolder, Phase

ALL = "all"
"""In place of a list of targets: every gesture that is there."""
HAND = "hand"
"""The only class of the mode of that name."""
BACKGROUND = "background"
"""In place of the gesture of a folder of images without hands."""


@dataclass(frozen=True)
class Source:
    """The folders of a HaGRID data set, and what is wanted of it.

    Attributes:
        images: folder of the images, absolute.
        annotations: folder of the annotations, absolute.
        targets: gestures, in the order of their class numbers.
        phases: what is read of the annotations.
        folders: where images of the targets and, as BACKGROUND, images without hands lie.
        warnings: sentences on what was asked for and is not there.
    """

    images: Path
    annotations: Path
    targets: list[str]
    phases: list[Phase]
    folders: list[ImageFolder]
    warnings: tuple[str, ...] = ()

    @cached_property
    def class_files(self) -> list[tuple[Phase, str]]:
        """The annotation files to read, as (phase, gesture)."""
        return [(phase, gesture) for phase in self.phases for gesture in self.targets if phase.file(gesture).is_file()]

    def image_files(self, phase: Phase, gesture: str) -> dict[str, tuple[int, str]]:
        """Images of a gesture by their stems, as (number in `folders`, name); first those in a folder of its split."""
        found: dict[str, tuple[int, str]] = {}
        order = {phase.split: 2, None: 1}
        numbers = [number for number, folder in enumerate(self.folders) if folder.gesture == gesture]
        for number in sorted(numbers, key=lambda number: order.get(self.folders[number].split, 0)):
            found |= {stem: (number, name) for stem, name in self.folders[number].files().items()}
        return found

    def state(self) -> dict[str, int]:
        """Modification times (ns) of all files and folders in which a change may bring or take images."""
        paths = [self.annotations, *(phase.folder for phase in self.phases)]
        paths += [phase.file(gesture) for phase, gesture in self.class_files]
        paths += [self.images, *(folder.path for folder in self.folders)]
        paths += [
            parent for folder in self.folders for parent in folder.path.parents if parent.is_relative_to(self.images)
        ]
        return changes.times(map(str, paths))


def find(
    images: Path,
    annotations: Path,
    targets: Sequence[str] | str,
    phases: Sequence[str] = (),
    background: Path | None = None,
    where: str = "",
) -> Source:
    """Look for what is to be converted.

    Args:
        images: folder of the images.
        annotations: folder of the annotations.
        targets: gestures, in the order of their class numbers; `ALL` or [`ALL`]: every gesture that is there.
        phases: names of the folders of annotations; empty: one for each split that is there.
        background: a folder of images without hands, in whatever folders.
        where: what says all this, for messages.

    Raises:
        PinchError: a value is wrong, or a folder or an annotation file does not exist.
    """
    for folder, what in ((images, "images"), (annotations, "annotations"), (background, "images without hands")):
        if folder and not folder.is_dir():
            raise PinchError(f"there is no folder {folder}: give the folder of {what}")
    images, annotations = images.absolute(), annotations.absolute()
    asked = _unique(phases, "phases") if phases else []
    found = layout.find_phases(annotations, asked)
    absent = [name for name in asked if name.removeprefix("ann_") not in {phase.name for phase in found}]
    warnings = [f"{where or annotations} names the phases {', '.join(absent)}, which are not there"] if absent else []
    wanted = all_targets(found) if targets in (ALL, [ALL]) else _unique(targets, "targets")
    _require_files(found, wanted)
    folders = layout.find_image_folders(images, wanted)
    if background:
        folders += layout.folders_with_images(background.absolute(), BACKGROUND)
    return Source(images, annotations, wanted, found, folders, tuple(warnings))


def all_targets(phases: list[Phase]) -> list[str]:
    """All gestures of some phases, in HaGRID's order, others behind them; idle hands are always among them."""
    found = {IDLE, *(gesture for phase in phases for gesture in phase.gestures())}
    return [gesture for gesture in GESTURES if gesture in found] + sorted(found - set(GESTURES))


def expected_classes(targets: Sequence[str] | str, mode: str, annotations: str | None) -> list[str]:
    """The classes that a conversion will have, as far as can be told before the data are there.

    Args:
        targets: gestures, or `ALL`.
        mode: see `pinch.run.settings.data.Hagrid`.
        annotations: folder of the annotations, which need not exist.
    """
    if mode == HAND:
        return [HAND]
    if targets not in (ALL, [ALL]):
        return list(targets)
    if annotations is None or not Path(annotations).is_dir():
        return list(GESTURES)
    return all_targets(layout.find_phases(Path(annotations)))


def read_config(path: Path) -> dict[str, Any]:
    """The block `dataset` of a file in the layout of HaGRID's converter_config.yaml.

    Raises:
        PinchError: it is not such a file.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or not isinstance(content.get("dataset"), dict):
        raise PinchError(f"{path} has no `dataset:` block: see the layout of HaGRID's converter_config.yaml")
    return content["dataset"]


def from_config(config: Path | None = None, **overrides: Any) -> Source:
    """The source that a file in the layout of HaGRID's converter_config.yaml describes.

    Args:
        config: that file; None if all values are in `overrides`.
        overrides: `dataset_folder`, `dataset_annotations`, `targets`, `phases`, `background`; None leaves the value of
            the file.

    Raises:
        PinchError: a value is missing or wrong, or a folder or an annotation file does not exist.
    """
    values = read_config(config) if config else {}
    values |= {key: value for key, value in overrides.items() if value is not None}
    where = str(config) if config else "the command line"
    missing = [key for key in ("dataset_folder", "dataset_annotations", "targets") if not values.get(key)]
    if missing:
        raise PinchError(f"{where} does not say {', '.join(missing)}: see the layout of HaGRID's converter_config.yaml")
    return find(
        Path(values["dataset_folder"]),
        Path(values["dataset_annotations"]),
        values["targets"],
        values.get("phases") or (),
        values.get("background"),
        where,
    )


def _unique(values: Any, key: str) -> list[str]:
    if not isinstance(values, list | tuple) or not values:
        raise PinchError(f"{key} must be a list of names, not {values!r}")
    twice = sorted({str(value) for value in values if list(values).count(value) > 1})
    if twice:
        raise PinchError(f"{key} has {', '.join(twice)} more than once: list each name once")
    return [str(value) for value in values]


def _require_files(phases: list[Phase], targets: list[str]) -> None:
    """Stop at targets without annotation files. Idle hands have none in v1 and v2.0: they are in those of others."""
    absent = [
        phase.file(target)
        for phase in phases
        for target in targets
        if not phase.file(target).is_file() and (target != IDLE or any(other.file(IDLE).is_file() for other in phases))
    ]
    if absent:
        known = ", ".join(phases[0].gestures())
        raise PinchError(
            f"there is no annotation file {', '.join(map(str, absent))}: correct the targets (there are files of:"
            f" {known})"
        )
