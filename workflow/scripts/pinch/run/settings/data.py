"""Options of a run as a whole, and of its data."""

from dataclasses import dataclass
from pathlib import Path

from pinch.core.options import COMMAND, CONFIG, option

DEVICES = ("cpu", "gpu")
HAGRID_VERSIONS = ("v1", "v2", "v2-1M")
HAGRID_SIZES = ("512", "full")
MIN_USERS = 5
"""Minimum number of simulated people, who must be divided among three splits."""


@dataclass(frozen=True, kw_only=True)
class General:
    """A run as a whole."""

    name: str = option(
        help="name of the base model; everything goes to `results/<name>/`",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*(_[A-Za-z0-9-]+)*$",
        where=CONFIG,
    )
    seed: int = option(0, help="seed of all random numbers in training, calibration and measuring", minimum=0)
    device: str = option(
        "cpu",
        help="where models are trained and checkpoints evaluated; `gpu` never falls back to the CPU",
        choices=DEVICES,
        where=CONFIG,
    )
    hide_images: bool = option(
        False, help="leave the images of the data set out of the report and of bundles, since they show people"
    )
    compare_with: str | None = option(
        None,
        help="folder of another run, `results/<other>`; `results/<name>/comparison.html` then shows this run beside it",
        where=CONFIG,
    )


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set that exists already."""

    dataset: str | None = option(
        None,
        help="path of the `data.yaml` of an existing data set in YOLO layout, with any classes; `hagrid` and "
        "`synthetic` are then ignored",
        where=CONFIG,
    )


@dataclass(frozen=True, kw_only=True)
class Hagrid:
    """HaGRID on this machine."""

    images: Path | None = option(None, help="folder of the images, in any layout that archives unpack to")
    annotations: Path | None = option(None, help="folder of the annotations, in any layout that archives unpack to")
    targets: tuple[str, ...] = option(
        ("middle_finger", "dislike", "fist", "four", "like", "one", "palm", "three", "two_up", "no_gesture"),
        help="classes to detect, in the order of their numbers; `all`: every gesture that has annotations",
        schema={
            "anyOf": [
                {"const": "all"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
            ]
        },
    )
    limit: int | None = option(
        None, help="maximum number of images per gesture and split, drawn with the seed", minimum=1
    )
    mode: str = option(
        "gestures",
        help="`gestures`: one box around both hands of a two-handed gesture; `hands`: one box for each hand, with its "
        "gesture; `hand`: one class for all hands",
        choices=("gestures", "hands", "hand"),
    )
    max_missing: float = option(
        0.05, help="share of the annotated images that may be missing; more is an error", minimum=0, maximum=1
    )
    max_idle: float | None = option(
        None,
        help="maximum number of idle hands (`no_gesture`) in train, relative to the largest other class; images with "
        "more are left out, first those that show nothing else",
        above=0,
    )
    background: Path | None = option(None, help="folder of images without hands, which are added to all splits")
    strict: bool = option(
        False, help="refuse annotations that cannot be used or have unknown labels, instead of leaving out up to 1%"
    )
    rebuild: bool = option(False, help="allow other numbers for classes of an earlier conversion of the same name")


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """What to download of HaGRID."""

    version: str = option("v2-1M", help="of HaGRID, see docs/hagrid.md", choices=HAGRID_VERSIONS)
    size: str = option(
        "512",
        help="`512` for pictures whose side is reduced to 512 pixels, `full` for the originals",
        choices=HAGRID_SIZES,
        # In YAML, 512 without quotes is a number.
        schema={"enum": [*HAGRID_SIZES, 512]},
    )
    limit: int | None = option(
        None,
        help="pictures of each gesture, over all splits, drawn with the seed; by default all",
        minimum=1,
    )
    url: str | None = option(None, help="address of a folder that holds the archives; by default upstream's servers")
    connections: int = option(4, help="parallel requests for parts of an archive", minimum=1, maximum=16, where=COMMAND)
    accept_licence: bool = option(False, help="you accept HaGRID's licence, without which nothing is fetched")


@dataclass(frozen=True, kw_only=True)
class Synthetic:
    """A data set of rendered hands."""

    images: tuple[int, int, int] = option((60, 12, 12), help="images per gesture for train, val and test", minimum=1)
    users: int = option(40, help="simulated people, each in one split only", minimum=MIN_USERS)
    size: int = option(320, help="longer side of an image in pixels", minimum=64, maximum=2048)
    seed: int = option(0, help="seed of people, rooms and images; another seed gives other people", minimum=0)


@dataclass(frozen=True, kw_only=True)
class Video:
    """The frames on which models are timed."""

    video: str | None = option(
        None,
        help="video, image or folder of images to time on; by default the rendered video or, if there is none, the val "
        "split",
        where=CONFIG,
    )
