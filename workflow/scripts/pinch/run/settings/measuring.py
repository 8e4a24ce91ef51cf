"""Options of measuring and choosing."""

from dataclasses import dataclass

from pinch.core.options import COMMAND, CONFIG, option
from pinch.run.settings.data import DEVICES


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Where a command runs a model. In the workflow the rules decide this."""

    device: str = option("cpu", help="where to run the model", choices=DEVICES, where=COMMAND)
    threads: int = option(1, help="threads of the runtime on the CPU", minimum=1, where=COMMAND)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """On how many images accuracy is measured."""

    limit: int | None = option(
        None,
        help="maximum number of images of val, and of test, to measure accuracy on, drawn with the seed in the shares "
        "of the classes; the chosen models are then measured on all of test, too",
        minimum=1,
    )


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where artifacts are timed."""

    devices: tuple[str, ...] = option(("cpu",), help="where artifacts are timed", choices=DEVICES, where=CONFIG)
    threads: tuple[int, ...] = option((1,), help="thread counts on the CPU", minimum=1, where=CONFIG)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How a model is timed."""

    frames: int = option(60, help="maximum number of different frames in a round", minimum=1)
    rounds: int = option(
        3, help="number of rounds, each in a fresh process, in turns with the base's `_full.onnx`", minimum=1
    )
    warmup: int = option(10, help="frames run and discarded at the start of each round", minimum=0)
    min_seconds: float = option(
        0.5, help="minimum time of all samples of a round, in seconds", minimum=0, where=COMMAND
    )
    energy_seconds: float = option(
        5.0,
        help="length of the energy measurement in seconds, 0 for none; before it, the idle machine is measured for "
        "half that time",
        minimum=0,
        where=COMMAND,
    )


@dataclass(frozen=True, kw_only=True)
class Selection:
    """How models are chosen."""

    keep: float = option(
        0.95,
        help="share of the val mAP50-95 of the base, or of its better twin, that a recommended model must keep",
        minimum=0,
        maximum=1,
    )
