"""Keep the accuracy of an int8 file: compare it with its float file on val, and return operators to float."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pinch.artifacts.judging import Judge, Loss
from pinch.core.record_types.exports import Guard, GuardStep
from pinch.run.settings.exporting import Export

STEP = 0.04
"""Share of the operators that return to float at a time."""
FLOAT_LIMIT = 0.2
"""Largest share of the operators that may return to float."""
# Two times that are closer are the same: the gain in accuracy is then divided by this.
_LEAST_PRICE = 0.01


class Step(NamedTuple):
    """A file on the way: a copy of it, its operators in float, what it loses, and its time relative to the float file.

    The time is None where the file cannot be timed (see `Judge.relative_time`).
    """

    path: Path
    floats: list[str]
    loss: Loss
    time: float | None

    @property
    def slower(self) -> bool:
        """Whether it takes as much time as its float file, or more."""
        return self.time is not None and self.time >= 1


def keep_accuracy(
    judge: Judge,
    settings: Export,
    quantize: Callable[[frozenset[str]], Path],
    worst_first: Callable[[Path], list[str]],
    operators: int,
) -> tuple[Path, Guard]:
    """Quantize, and return operators to float while the file loses more than it may, by more than chance.

    Only a step that gains more than chance over the all-quantized file is taken, and none that makes it as slow as its
    float file. Of several files none of which keeps enough, the one with the most accuracy for its time is taken.

    Args:
        judge: compares files with their float file, on val only.
        settings: what must be kept.
        quantize: writes a file in which the named operators are float, and returns its path.
        worst_first: names of a file's operators, those with the largest error on calibration images first.
        operators: number of operators that can be quantized.

    Returns:
        The file, and what was done.
    """
    path = quantize(frozenset())
    if judge.reference is None:
        return path, Guard(skipped=judge.incomparable)
    steps = [_step(judge, path, [])]
    if _wanting(steps[0], settings) and not steps[0].slower:
        ranking = worst_first(path)
        most = min(int(operators * FLOAT_LIMIT), len(ranking))
        while _wanting(steps[-1], settings) and not steps[-1].slower and len(steps[-1].floats) < most:
            floats = ranking[: min(len(steps[-1].floats) + max(1, round(operators * STEP)), most)]
            steps.append(_step(judge, quantize(frozenset(floats)), floats))
    taken = _taken(judge, steps, settings)
    return taken.path, _done(judge, settings, steps, taken, operators)


def _wanting(step: Step, settings: Export) -> bool:
    return not step.loss.allowed(settings.guard, settings.class_guard)


def _step(judge: Judge, path: Path, floats: list[str]) -> Step:
    """Judge a file, and copy it, because the next one is written to the same path."""
    loss, time = judge.loss(path), judge.relative_time(path)
    copied = path.with_name(f"with_{len(floats)}_float_{path.name}")
    if path.is_dir():
        shutil.copytree(path, copied, dirs_exist_ok=True)
    else:
        shutil.copyfile(path, copied)
    return Step(copied, sorted(floats), loss, time)


def _taken(judge: Judge, steps: list[Step], settings: Export) -> Step:
    first, *others = steps
    gaining = [step for step in others if not step.slower and judge.gains(step.loss, first.loss)]
    enough = [step for step in (first, *gaining) if not _wanting(step, settings)]
    return enough[0] if enough else max(gaining, key=lambda step: _gain_for_time(step, first), default=first)


def _gain_for_time(step: Step, first: Step) -> float:
    """Gain in accuracy over the first file for the time that it costs; of files without times for their operators."""
    timed = step.time is not None and first.time is not None
    price = step.time - first.time if timed else STEP * len(step.floats)  # type: ignore[operator]
    return (step.loss.map50_95 - first.loss.map50_95) / max(price, _LEAST_PRICE)


def _done(judge: Judge, settings: Export, steps: list[Step], taken: Step, operators: int) -> Guard:
    return Guard(
        twin=judge.twin,
        images=judge.images,
        reference=judge.reference,
        map50_95=taken.loss.map50_95,
        **_shares(taken.loss),
        required=settings.guard,
        class_required=settings.class_guard,
        passed=not _wanting(taken, settings),
        operators=operators,
        float_operators=taken.floats,
        relative_time=taken.time,
        pays=None if taken.time is None else not taken.slower,
        steps=[
            GuardStep(
                map50_95=step.loss.map50_95,
                share=step.loss.whole.value,
                worst_class_share=worst.value if (worst := step.loss.worst_class) else None,
                float_operators=len(step.floats),
                relative_time=step.time,
            )
            for step in steps
        ],
    )


def _shares(loss: Loss) -> dict[str, Any]:
    whole, worst = loss.whole, loss.worst_class
    of_class = {"worst_class": worst.name, "worst_class_share": worst.value} if worst else {}
    of_class |= {"worst_class_low": worst.low, "worst_class_high": worst.high} if worst else {}
    return {"share": whole.value, "share_low": whole.low, "share_high": whole.high} | of_class


def failure(done: Guard, least: float) -> str | None:
    """What is wrong with a file that keeps less than `least` of its float file's accuracy; None for others.

    A loss that may be chance (the interval of the share holds 1) is none.
    """
    if done.share is None or done.share >= least or (done.share_high or 0) >= 1:
        return None
    return (
        f"keeps only {done.share:.3f} of the mAP50-95 of {done.twin} on val (at least {least:g} is required) with "
        f"{len(done.float_operators or [])} operators in float"
    )
