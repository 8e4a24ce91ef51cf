"""What the time and the memory of a run's jobs depend on: how many images there are, and what is done with them."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.data import DatasetRecord
from pinch.data import dataset
from pinch.data.hagrid import source
from pinch.operations.sources import Sources
from pinch.run import comparing, rivals
from pinch.run.identity import METHODS, RIVALS
from pinch.run.settings.measuring import USUAL_ROUNDS
from pinch.run.settings.training import OWN_TEACHERS

SPLITS = ("train", "val", "test")
Images = tuple[int, int, int]
# Images per gesture in train, val and test, rounded, from HaGRID's readme (v2-1M: 821,458, 99,200 and 165,500 for 33).
HAGRID_PER_CLASS = (24900, 3000, 5000)
CHECKPOINT_BYTES = 5.6e6
"""Of a YOLO11n, in half precision."""
# The size of a teacher that is not there yet, relative to the base's: about that of the next network of its family.
_USUAL_TEACHER = 4.0


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What the time and the memory of jobs depend on.

    Attributes:
        images: number of images of train, val and test.
        classes: number of classes.
        epochs: maximum number of epochs of the base, of coarse and of fine tuning, of rivals ("size", "width",
            "depth"), and of the base's twin, if there is one ("base", "coarse", "fine", "twin").
        imgsz: side of the images in pixels.
        sizes: further sides of exported models, and of rivals.
        timed_frames: frames of one timing, over its usual number of rounds, warm-up included.
        limit: maximum number of images of val, and of test, to measure accuracy on; None: all.
        calibration_images: images of each class that int8 is calibrated on.
        teachers: by methods whose tuning has a teacher, its size relative to the base's.
        averaged: keys of `epochs` whose trainings average weights at their end.
        steps: in which coarse pruning removes channels.
    """

    images: Images
    classes: int = 1
    epochs: Mapping[str, int]
    imgsz: int
    timed_frames: int
    sizes: tuple[int, ...] = ()
    limit: int | None = None
    calibration_images: int = 0
    teachers: Mapping[str, float] = field(default_factory=dict)
    averaged: tuple[str, ...] = ()
    steps: int = 1

    @property
    def scale(self) -> float:
        """Work for an image relative to one of 640 pixels: the time of convolutions is proportional to the area."""
        return self.scale_of("")

    def scale_of(self, stem: str) -> float:
        """The same for an exported model, by its name without precision: `<model>` or `<model>_<size>`."""
        stem = stem.removesuffix("_tuned")  # of a rival in size
        size = next((size for size in self.sizes if stem.endswith(f"_{size}")), self.imgsz)
        return (size / 640) ** 2

    @property
    def measured(self) -> tuple[int, int]:
        """Number of images of val and of test that accuracy is measured on."""
        _, val, test = self.images
        return (val, test) if self.limit is None else (min(self.limit, val), min(self.limit, test))


def settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a configuration with all defaults says of the work: all of `Workload` but images and classes."""
    measure, twin = config["measure"], comparing.twin_method(config)
    trainings = {"base": config["train"]} | {method: config[method] for method in METHODS}
    trainings |= {method: rivals.training(config, method) for method in RIVALS}
    trainings |= {"twin": config[twin]} if twin else {}
    return {
        "epochs": {key: training["epochs"] for key, training in trainings.items()},
        "imgsz": config["train"]["imgsz"],
        "timed_frames": min(measure["rounds"], USUAL_ROUNDS) * (measure["frames"] + measure["warmup"]),
        "sizes": (*config["export"]["imgsz"], *config["rivals"]["imgsz"]),
        "limit": config["evaluate"]["limit"],
        "calibration_images": config["export"]["calibration_images"],
        "teachers": {method: _teacher_size(config, method) for method in METHODS if config[method]["teacher"]},
        "averaged": tuple(key for key, training in trainings.items() if training["average"]),
        "steps": config["coarse"]["steps"],
    }


def _teacher_size(config: Mapping[str, Any], method: str) -> float:
    """The size of a method's teacher relative to the base's, by their files.

    In a family, MACs grow with parameters to within a factor of 1.5: a YOLO11n has 6.5 GFLOPs with 2.6 million, a
    YOLO11s 21.5 with 9.4, a YOLO11x 194.9 with 56.9 (docs.ultralytics.com/models/yolo11).
    """
    if config[method]["teacher"] in OWN_TEACHERS:
        return 1.0
    teacher = _bytes(config[method]["teacher"])
    base = _bytes(config["trained_model"] or config["base_model"])
    return teacher / (base or CHECKPOINT_BYTES) if teacher else _USUAL_TEACHER


def _bytes(checkpoint: str) -> int:
    """The size of a checkpoint; 0 if it is not there, or is none."""
    path = Path(checkpoint)
    return path.stat().st_size if path.suffix == ".pt" and path.is_file() else 0


def of(config: Mapping[str, Any], record: Path, sources: Sources) -> Workload:
    """The work of a run.

    Args:
        config: its configuration, with all defaults.
        record: of its data set, which may not be there yet.
        sources: what the run starts from, which may not be there yet either.
    """
    images, classes = recorded(record) or _configured(config, sources)
    return Workload(images=images, classes=classes, **settings(config))


class Watched:
    """The work of a run, looked at again when the record of its data set changes: thousands of jobs ask at once.

    Args:
        config: see `of`, as the next two.
        record: of its data set.
        sources: what the run starts from.
    """

    def __init__(self, config: Mapping[str, Any], record: Path, sources: Sources) -> None:
        self._about = config, record, sources
        self._seen: tuple[int | None, Workload] | None = None

    def __call__(self) -> Workload:
        """The work as far as it is known now."""
        try:
            modified: int | None = self._about[1].stat().st_mtime_ns
        except OSError:
            modified = None
        if self._seen is None or self._seen[0] != modified:
            self._seen = modified, of(*self._about)
        return self._seen[1]


def recorded(record: Path) -> tuple[Images, int] | None:
    """Images of each split, and number of classes, by a data set's record; None if it cannot be read (yet)."""
    try:
        found = records.read(record, DatasetRecord).value
    except (PinchError, OSError):
        return None
    train, val, test = (found.splits[split].images if split in found.splits else 0 for split in SPLITS)
    return (train, val, test), len(found.classes)


def _configured(config: Mapping[str, Any], sources: Sources) -> tuple[Images, int]:
    """The same, as far as it can be told before the data set was looked through."""
    if sources.dataset:
        return _listed(Path(sources.dataset))
    # In every mode the images of all targets are converted.
    classes = len(source.expected_classes(config["hagrid"]["targets"], "gestures", sources.hagrid("annotations")))
    if sources.synthetic:
        counts = sources.synthetic["images"]
    else:
        fetched, limit = (sources.fetch or {}).get("limit"), config["hagrid"]["limit"]
        share = min(1.0, fetched / sum(HAGRID_PER_CLASS)) if fetched else 1.0
        counts = [min(round(count * share), limit or count) for count in HAGRID_PER_CLASS]
    train, val, test = (count * classes for count in counts)
    return (train, val, test), classes


@functools.lru_cache(maxsize=1)
def _listed(path: Path) -> tuple[Images, int]:
    """The same of a data set of the user's, whose folders are listed; no images where it cannot be read (yet)."""
    try:
        found = dataset.load(path)
        train, val, test = (len(found.images(split)) if split in found.splits else 0 for split in SPLITS)
    except (PinchError, OSError):
        return (0, 0, 0), 1
    return (train, val, test), len(found.names)
