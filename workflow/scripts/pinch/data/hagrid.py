"""Read HaGRID's annotations of every version.

    <images>/<gesture>/<stem>.<ending>      or      <images>/<phase>/<gesture>/<stem>.<ending>
    <annotations>/<phase>/<gesture>.json    {stem: {"bboxes": [[x, y, width, height], ...], "labels": [...], ...}}

Boxes are given by their top-left corner and size, as fractions of the image. Version 1 adds `landmarks`, `leading_hand`
and `leading_conf`. Version 2 adds only `user_id`. v2-1M adds `hand_landmarks`, `meta`, `united_bbox` and
`united_label`; the last two are null except for gestures of two hands. A file may mix versions: each entry is read by
the keys that it has.
Format: https://github.com/hukenovs/hagrid (branches Hagrid_v1, Hagrid_v2, Hagrid_v2-1M).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinch.core.errors import PinchError
from pinch.core.files import read_json
from pinch.core.yaml_files import read_yaml
from pinch.data.dataset import IMAGE_SUFFIXES, SPLITS

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Source:
    """The folders of a HaGRID data set, and what is wanted of it.

    Attributes:
        images: folder of the images, absolute.
        annotations: folder of the annotations, absolute.
        targets: gestures, in the order of their class numbers.
        phases: folders of annotations: train, val, test or some of them.
    """

    images: Path
    annotations: Path
    targets: list[str]
    phases: list[str]

    def class_file(self, phase: str, gesture: str) -> Path:
        """The annotations of a gesture in a phase."""
        return self.annotations / phase / f"{gesture}.json"

    def image_files(self, phase: str, gesture: str) -> dict[str, Path]:
        """The images of a gesture by their stems; those in the folder of the phase take precedence."""
        return {path.stem: path for folder in self._folders(phase, gesture) for path in _image_files(folder)}

    def state(self) -> dict[str, int]:
        """Modification times (ns) of annotation files and image folders, which change when images are added."""
        paths = [
            path
            for phase in self.phases
            for gesture in self.targets
            for path in (self.class_file(phase, gesture), *self._folders(phase, gesture))
        ]
        return {str(path): path.stat().st_mtime_ns for path in dict.fromkeys(paths) if path.exists()}

    def _folders(self, phase: str, gesture: str) -> tuple[Path, Path]:
        """Where images of a gesture may be, the folder of the phase last."""
        return self.images / gesture, self.images / phase / gesture


@dataclass(frozen=True)
class Annotation:
    """The hands of one image, as (label, (x, y, width, height)) with top-left corners in fractions, and its user."""

    stem: str
    hands: list[tuple[str, Box]]
    user: str | None


def source(config: Path | None = None, **overrides: Any) -> Source:
    """Read the layout of the official converter_config.yaml (`dataset:` with `dataset_annotations`, ...).

    Args:
        config: that file; None if all values are in `overrides`.
        overrides: `dataset_folder`, `dataset_annotations`, `targets`, `phases`; None leaves the value of the file.

    Raises:
        PinchError: a value is missing or wrong, or a folder or an annotation file does not exist.
    """
    values = _read_config(config) if config else {}
    values |= {key: value for key, value in overrides.items() if value is not None}
    where = str(config) if config else "the command line"
    missing = [key for key in ("dataset_folder", "dataset_annotations", "targets") if not values.get(key)]
    if missing:
        raise PinchError(f"{where} does not say {', '.join(missing)}: see the layout of HaGRID's converter_config.yaml")
    found = Source(
        Path(values["dataset_folder"]).absolute(),
        Path(values["dataset_annotations"]).absolute(),
        _unique(values["targets"], "targets"),
        _unique(values.get("phases") or list(SPLITS), "phases"),
    )
    _check(found)
    return found


def read_annotations(path: Path, mode: str = "gestures") -> Iterator[Annotation]:
    """Read the annotations of one gesture in one phase.

    Args:
        path: a class file.
        mode: "gestures" replaces the two boxes of a two-handed gesture by its united box; "hands" keeps each hand.

    Raises:
        PinchError: it is not JSON, or an entry of it is not HaGRID's.
    """
    entries = read_json(path)
    if not isinstance(entries, dict):
        raise PinchError(f"{path} is not a HaGRID annotation file: it must be one object with an entry per image")
    for stem, entry in entries.items():
        try:
            hands = list(_pairs(entry, "bboxes", "labels"))
            if mode == "gestures":
                hands = _united(hands, list(_pairs(entry, "united_bbox", "united_label")))
            user = _user(entry)
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            raise PinchError(f"{path}: the entry {stem} is not HaGRID's ({error})") from error
        yield Annotation(stem, hands, user)


def _user(entry: dict[str, Any]) -> str | None:
    user = entry.get("user_id")
    if user is not None and not isinstance(user, str):
        raise ValueError(f"its user_id is {user!r}, not text")
    return user


def _united(hands: list[tuple[str, Box]], united: list[tuple[str, Box]]) -> list[tuple[str, Box]]:
    """The united boxes instead of the hands with the same labels; other hands, such as idle ones, stay."""
    together = {label for label, _ in united}
    return united + [hand for hand in hands if hand[0] not in together]


def _pairs(entry: dict[str, Any], boxes_key: str, labels_key: str) -> Iterator[tuple[str, Box]]:
    """(label, box) of an entry's hands, or of its united hands; only the latter may be absent or null."""
    boxes, labels = entry.get(boxes_key), entry.get(labels_key)
    if boxes is None and labels is None and boxes_key == "united_bbox":
        return
    if boxes is None or labels is None:
        raise ValueError(f"it needs {boxes_key} and {labels_key}")
    if len(boxes) != len(labels):
        raise ValueError(f"it has {len(boxes)} {boxes_key}, but {len(labels)} {labels_key}")
    for label, box in zip(labels, boxes, strict=True):
        numbers = [float(value) for value in box]
        if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
            raise ValueError(f"{box} is not a box [x, y, width, height]")
        yield str(label), (numbers[0], numbers[1], numbers[2], numbers[3])


def _read_config(path: Path) -> dict[str, Any]:
    content = read_yaml(path)
    if not isinstance(content, dict) or not isinstance(content.get("dataset"), dict):
        raise PinchError(f"{path} has no `dataset:` block: see the layout of HaGRID's converter_config.yaml")
    return content["dataset"]


def _unique(values: Any, key: str) -> list[str]:
    if not isinstance(values, list) or not values:
        raise PinchError(f"{key} must be a list of names, not {values!r}")
    twice = sorted({str(value) for value in values if values.count(value) > 1})
    if twice:
        raise PinchError(f"{key} has {', '.join(twice)} more than once: list each name once")
    return [str(value) for value in values]


def _check(found: Source) -> None:
    unknown = [phase for phase in found.phases if phase not in SPLITS]
    if unknown:
        raise PinchError(f"phases has {', '.join(unknown)}: a phase must be one of {', '.join(SPLITS)}")
    folders = [found.images, found.annotations, *(found.annotations / phase for phase in found.phases)]
    for folder in folders:
        if not folder.is_dir():
            raise PinchError(f"there is no folder {folder}: give the folders of HaGRID's images and annotations")
    files = [found.class_file(phase, gesture) for phase in found.phases for gesture in found.targets]
    absent = [str(path) for path in files if not path.is_file()]
    if absent:
        known = ", ".join(sorted(path.stem for path in (found.annotations / found.phases[0]).glob("*.json"))) or "none"
        raise PinchError(
            f"there is no annotation file {', '.join(absent)}: correct the targets (there are files of: {known})"
        )


def _image_files(folder: Path) -> list[Path]:
    """The images directly in a folder, sorted; none if there is no such folder."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    return sorted(found, key=lambda path: path.name)


def clip(box: Box) -> Box:
    """The part of a box inside its image: (x, y, width, height); if nothing is inside, a side is not positive."""
    x, y, width, height = box
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + width, 1.0), min(y + height, 1.0)
    return left, top, right - left, bottom - top
