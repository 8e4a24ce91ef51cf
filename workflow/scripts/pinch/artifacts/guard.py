"""Keep the accuracy of an int8 file: measure it on val, and return the operators with the largest error to float."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pinch.artifacts.job import Session
from pinch.core.record_types.exports import Guard, GuardStep
from pinch.run.comparing import LEAST

STEP = 0.04
"""Share of the operators that return to float at a time."""


def keep_accuracy(
    session: Session,
    quantize: Callable[[frozenset[str]], Path],
    worst_first: Callable[[Path], list[str]],
    operators: int,
) -> tuple[Path, Guard]:
    """Quantize so that val mAP50-95 stays at `settings.guard` of the float model's, if `settings.float_limit` allows.

    Args:
        session: what is exported and how; accuracy is measured on its val split only.
        quantize: writes a file in which the named operators are float, and returns its path.
        worst_first: names of a file's operators, those with the largest error on calibration images first.
        operators: number of operators that can be quantized.

    Returns:
        The most accurate file, and what was done.
    """
    settings, reference = session.settings, session.reference
    path = quantize(frozenset())
    if reference is None:
        return path, Guard(
            skipped=f"the float model does not reach mAP50-95 {LEAST:g} on val, so shares of it say nothing"
        )
    floats: list[str] = []
    steps = [_measure(session, path, floats, reference)]
    best, ranking = _keep(path), worst_first(path) if steps[0].share < settings.guard else []
    most = min(int(operators * settings.float_limit), len(ranking))
    while steps[-1].share < settings.guard and len(floats) < most:
        floats = ranking[: min(len(floats) + max(1, round(operators * STEP)), most)]
        path = quantize(frozenset(floats))
        steps.append(_measure(session, path, floats, reference))
        if steps[-1].share == max(step.share for step in steps):
            best = _keep(path)
    chosen = max(steps, key=lambda step: step.share)
    return best, Guard(
        reference=reference,
        map50_95=chosen.map50_95,
        share=chosen.share,
        required=settings.guard,
        passed=chosen.share >= settings.guard,
        operators=operators,
        float_operators=chosen.floats,
        steps=[GuardStep(map50_95=step.map50_95, share=step.share, float_operators=len(step.floats)) for step in steps],
    )


class _Measured(NamedTuple):
    """A file's mAP50-95 on val, that as a share of the float model's, and its operators in float."""

    map50_95: float
    share: float
    floats: list[str]


def _measure(session: Session, path: Path, floats: list[str], reference: float) -> _Measured:
    accuracy = session.accuracy(path)
    return _Measured(accuracy, accuracy / reference, sorted(floats))


def _keep(path: Path) -> Path:
    """Save a file from the next step, which writes to the same path."""
    kept = path.with_name(f"best_{path.name}")
    if path.is_dir():
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(path, kept)
    else:
        shutil.copyfile(path, kept)
    return kept


def failure(done: Guard, least: float) -> str | None:
    """What is wrong with a file that keeps less than `least` of the float model's accuracy; None for others."""
    if done.share is None or done.share >= least:
        return None
    return (
        f"keeps only {done.share:.3f} of the float model's mAP50-95 on val (at least {least:g} is required) with "
        f"{len(done.float_operators or [])} operators in float"
    )
