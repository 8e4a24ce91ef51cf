"""Options of a run as a whole, and of the data that it looks at."""

from dataclasses import dataclass
from pathlib import Path

from pinch.core.options import COMMAND, CONFIG, option

DEVICES = ("cpu", "gpu")
MIN_USERS = 5
"""Fewest simulated people: each of three splits has some of its own."""


@dataclass(frozen=True, kw_only=True)
class General:
    """What concerns a run as a whole."""

    name: str = option(
        help="name of the base model; everything goes to `results/<name>/`",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*(_[A-Za-z0-9-]+)*$",
        where=CONFIG,
    )
    seed: int = option(0, help="seed of everything drawn at random, in training, calibration and measuring", minimum=0)
    device: str = option(
        "cpu",
        help="where models are trained and checkpoints evaluated; `gpu` never falls back to the CPU",
        choices=DEVICES,
        where=CONFIG,
    )


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set that is there already."""

    dataset: str | None = option(
        None,
        help="path of a ready `data.yaml` in YOLO layout, of any classes; `hagrid` and `synthetic` are then ignored",
        where=CONFIG,
    )


@dataclass(frozen=True, kw_only=True)
class Hagrid:
    """HaGRID on this machine."""

    images: Path | None = option(None, help="folder with one folder of pictures per gesture")
    annotations: Path | None = option(
        None, help="folder with `train`, `val` and `test`, each holding one JSON per gesture"
    )
    targets: tuple[str, ...] = option(
        ("middle_finger", "dislike", "fist", "four", "like", "one", "palm", "three", "two_up", "no_gesture"),
        help="classes to detect, in the order of their numbers",
    )
    limit: int | None = option(
        None, help="at most this many pictures per class and split, drawn with the seed", minimum=1
    )
    mode: str = option(
        "gestures", help="one class per target, or one for all hands", choices=("gestures", "hands"), where=COMMAND
    )


@dataclass(frozen=True, kw_only=True)
class Synthetic:
    """A data set of rendered hands."""

    images: tuple[int, int, int] = option((60, 12, 12), help="pictures per gesture for train, val and test", minimum=1)
    users: int = option(40, help="simulated people, each in one split only", minimum=MIN_USERS)
    size: int = option(320, help="pixels of the longer side of a picture", minimum=64, maximum=2048)
    seed: int = option(0, help="draws people, rooms and pictures; other seeds are other people", minimum=0)


@dataclass(frozen=True, kw_only=True)
class Video:
    """What models are timed on."""

    video: str | None = option(
        None,
        help="video, picture or folder of pictures to time with; else the rendered video, else the val pictures",
        where=CONFIG,
    )
