"""Rounds of a timing: fresh processes in which models take turns, until their times are known precisely.

With a baseline, a round has a process for each of the two models. They take turns of a fraction of a second, so that
other work of the machine and its clock affect both equally. Rounds are repeated because the layout of a process in
memory makes all its times a little longer or shorter.
"""

import contextlib
import dataclasses
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pinch import runtimes
from pinch.core.record_types.measurements import PeakRate
from pinch.measuring.interval import Interval, of_values
from pinch.measuring.worker import Worker, start
from pinch.run.formats import PRECISIONS
from pinch.run.settings.data import General
from pinch.run.settings.measuring import Runtime, Timing

LEAST_ROUNDS = 3
"""Rounds before their interval is trusted. With two, rounds that agree by chance would end the measurement too often:
in simulations the 95% interval then holds the true ratio in 89% of cases, with three in 91 to 95%."""
TURNS = 10
"""How often the models of a round take turns, some hundredths of a second each by default."""
COLD = 1
"""Frames discarded at the start of a later turn, because caches hold what the other model left there."""
GPU_SECONDS = 1.5
"""How long a model runs before the GPU's load is read, which is an average of about a second."""


@dataclass(frozen=True)
class TimingSettings(Runtime, Timing):
    """How to measure: the declared options, and what the command adds.

    Attributes:
        imgsz: side of the input in pixels, for models that take any size.
        seed: of the order of turns.
    """

    imgsz: int | None = None
    seed: int = General.seed


@dataclass(frozen=True)
class Round:
    """What a model did in a round.

    Attributes:
        opened: what loading it showed, see `pinch.measuring.timing_worker.Job.describe`.
        turns: see `pinch.measuring.timing_worker.Turn`.
        extra: what was measured after the turns, in the first round only.
    """

    opened: dict[str, Any]
    turns: list[dict[str, Any]]
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)

    def samples(self, step: str) -> list[float]:
        """The milliseconds of a step for each frame."""
        return [value for turn in self.turns for value in turn["samples_ms"][step]]

    @property
    def p50_ms(self) -> float:
        """Median time of inference."""
        return float(np.median(self.samples("inference")))

    def ratio(self, other: "Round") -> float:
        """The time of inference relative to another model's: the median over the turns of each pair's ratio."""
        pairs = zip(self.turns, other.turns, strict=True)
        return float(np.median([_median_ms(ours) / _median_ms(theirs) for ours, theirs in pairs]))


def _median_ms(turn: dict[str, Any]) -> float:
    return float(np.median(turn["samples_ms"]["inference"]))


def open_worker(model: Path, settings: TimingSettings, folder: str) -> contextlib.AbstractContextManager[Worker]:
    """A process that loads a model and has the frames of a folder."""
    return start(model, settings, settings.imgsz, folder)


def until_precise(models: list[Path], settings: TimingSettings, folder: str) -> Iterator[list[Round]]:
    """Rounds of each model, until they are precise or there are as many as the settings allow."""
    order = random.Random(settings.seed)
    done: list[list[Round]] = []
    while len(done) < settings.rounds:
        done.append(_round(models, settings, folder, order, is_first=not done))
        yield done[-1]
        if len(done) >= LEAST_ROUNDS and precision(done).is_within(settings.half_width):
            return


def _round(
    models: list[Path], settings: TimingSettings, folder: str, order: random.Random, is_first: bool
) -> list[Round]:
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(open_worker(model, settings, folder)) for model in models]
        # Python starts in both at the same time; models are loaded one after the other, undisturbed.
        opened = [worker.opened for worker in workers]
        turns: list[list[dict[str, Any]]] = [[] for _ in models]
        for turn in range(TURNS):
            request = {"turn": turn, "turns": TURNS, "seconds": settings.min_seconds / TURNS}
            request["warmup"] = min(COLD, settings.warmup) if turn else settings.warmup
            for index in order.sample(range(len(models)), len(models)):
                turns[index].append(workers[index].ask("time", **request))
        extras = [_extra(workers[0], models[0], settings) if is_first else {}, *({} for _ in models[1:])]
        return [Round(*found) for found in zip(opened, turns, extras, strict=True)]


def _extra(worker: Worker, model: Path, settings: TimingSettings) -> dict[str, Any]:
    """What needs to be measured once: on the GPU its load, on the CPU the peak rate for the file's type."""
    if settings.device == "gpu":
        return {"gpu_percent": worker.ask("repeat", seconds=GPU_SECONDS)["gpu_percent"]}
    precision = worker.opened["described"]["precision"]
    is_checkpoint = runtimes.find_format(model) is runtimes.CHECKPOINT
    kind = "float32" if is_checkpoint else PRECISIONS[precision].peak if precision in PRECISIONS else None
    return {"peak": PeakRate(**worker.ask("peak_rate", type=kind))} if kind else {}


def precision(rounds: list[list[Round]]) -> Interval:
    """The interval that says when to stop: of the ratio to the baseline, without one of the time."""
    if len(rounds[0]) > 1:
        return of_values([ours.ratio(theirs) for ours, theirs in rounds])
    return of_values([ours.p50_ms for (ours,) in rounds])
