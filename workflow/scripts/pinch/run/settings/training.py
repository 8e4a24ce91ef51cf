"""Options of training and fine-tuning."""

from dataclasses import dataclass
from typing import Any

from pinch.core.options import COMMAND, CONFIG, changed, option
from pinch.run.activations import ACTIVATIONS

OWN_TEACHERS = ("base", "tuned")
"""Teachers that a run makes itself: the base, and the base that was tuned as long as pruned models are."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where training starts."""

    base_model: str = option(
        "yolo11n.pt",
        help="where training starts: a name of Ultralytics' weights (the workflow downloads them once, in a local "
        "job), a path of a `.pt`, or a `.yaml` to train from scratch",
    )
    trained_model: str | None = option(
        None,
        help="path of a trained detector (`.pt`) to use instead; `train` is then ignored, but for rivals in width",
        where=CONFIG,
    )


@dataclass(frozen=True, kw_only=True)
class ImageSize:
    """The image size of a network."""

    imgsz: int = option(
        640, help="side of the square to which images are letterboxed, in pixels", minimum=32, multiple_of=32
    )


@dataclass(frozen=True, kw_only=True)
class Batches:
    """The batches of training and fine-tuning."""

    batch: int = option(16, help="images per step, in training and in fine-tuning", minimum=1)


@dataclass(frozen=True, kw_only=True)
class Training:
    """How long a network is trained, and how."""

    epochs: int = option(100, help="maximum number of epochs (passes over the training split)", minimum=1)
    patience: int = option(
        100, help="number of epochs without a better val mAP after which training stops; 0: never", minimum=0
    )
    average: int = option(
        0,
        help="number of epochs at the end whose weights are averaged; the average is kept if it is more accurate on "
        "val than the best epoch; 0: none",
        minimum=0,
    )
    options: dict[str, Any] = option(
        {},
        help="further training arguments of Ultralytics by name, such as `mosaic` and `lr0`",
        flag="--set",
    )


@dataclass(frozen=True, kw_only=True)
class BaseActivation:
    """The activation of the base."""

    activation: str | None = option(
        None,
        help="activation that the base has from the first step on, instead of the one that it comes with: `silu`, "
        "`hardswish` or `relu`, of which the latter two cost less time (docs/benchmark.md)",
        choices=tuple(ACTIVATIONS),
    )


@dataclass(frozen=True, kw_only=True)
class Loading:
    """How a training command loads images. Results do not depend on it."""

    workers: int = option(8, help="number of processes that load images (on GPUs)", minimum=0, where=COMMAND)


@dataclass(frozen=True, kw_only=True)
class CoarseTuning(Training):
    """Fine-tuning after channels were removed."""

    epochs: int = changed(Training, "epochs", 10)
    patience: int = changed(Training, "patience", 3)
    teacher: str | None = option(
        None,
        help="a detector from whose features fine-tuning also learns: a path of a `.pt` that is trained on the same "
        "classes, such as a larger model, or `base` for the base model, or `tuned` for its twin",
        pattern=rf"^({'|'.join(OWN_TEACHERS)})$|\.pt$",
        where=CONFIG,
    )
    steps: int = option(
        1,
        help="in how many steps channels are removed: 1 at once before fine-tuning, more during the first half of its "
        "epochs, ranked anew on the weights tuned by then (only with the mode `remove`)",
        minimum=1,
        maximum=10,
    )


@dataclass(frozen=True, kw_only=True)
class FineTuning(Training):
    """Fine-tuning after weights were zeroed."""

    epochs: int = changed(Training, "epochs", 15)
    patience: int = changed(Training, "patience", 15)
    teacher: str | None = changed(CoarseTuning, "teacher", None)
    schedule: str = option(
        "oneshot",
        help="when weights are zeroed: `oneshot` all before fine-tuning, `cubic` gradually during its first epochs "
        "(Zhu and Gupta 2017)",
        choices=("oneshot", "cubic"),
        where=CONFIG,
    )
