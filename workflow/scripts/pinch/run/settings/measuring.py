"""Options of measuring."""

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
    imported: tuple[dict, ...] = option(
        (),
        help="times that were measured on other devices (docs/device_timings.md), one entry for each device: `files` "
        "that the web page saved or `benchmark_model` printed, and the `device`'s name, which the latter does not tell",
        where=CONFIG,
        schema={
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["files"],
                "properties": {
                    "device": {"type": ["string", "null"], "pattern": r"\S", "default": None},
                    "files": {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
                },
            },
        },
    )


USUAL_ROUNDS = 4
"""How many rounds most timings take; some go on to the maximum."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How a model is timed."""

    frames: int = option(60, help="maximum number of different frames in a round", minimum=1)
    rounds: int = option(
        8,
        help="maximum number of rounds, each in fresh processes in which the file takes turns with the base's "
        "`_full.onnx`; after three rounds they end as soon as the ratio is precise enough",
        minimum=1,
    )
    half_width: float = option(
        0.02,
        help="how precise the ratio to the base's `_full.onnx` shall be: half the width of its 95% interval over the "
        "rounds, relative to it",
        minimum=0,
    )
    warmup: int = option(10, help="frames run and discarded at the start of each round", minimum=0)
    min_seconds: float = option(
        0.3, help="minimum time of all samples of a round, in seconds", minimum=0, where=COMMAND
    )
    energy_seconds: float = option(
        5.0,
        help="length of the energy measurement in seconds, in turns with the baseline, 0 for none; before it, the idle "
        "machine is measured for half that time",
        minimum=0,
        where=COMMAND,
    )
    frame_rate: float = option(
        10.0, help="frames per second for which the mean power is estimated, where energy was measured", minimum=0
    )
    battery_mwh: float = option(
        15_000.0,
        help="capacity of a battery in mWh for which the hours of inference are estimated, where energy was measured",
        minimum=0,
    )
