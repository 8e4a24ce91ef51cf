"""Keep the accuracy of an int8 file: measure it on val, and return the operators with the largest error to float."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pinch.artifacts.job import Session
from pinch.core.errors import PinchError

STEP = 0.04
"""Share of the operators that return to float at a time."""


def keep_accuracy(
    session: Session,
    quantize: Callable[[frozenset[str]], Path],
    worst_first: Callable[[Path], list[str]],
    operators: int,
) -> tuple[Path, dict[str, Any]]:
    """Quantize so that val mAP50-95 stays at `settings.guard` of the float model's, if `settings.float_limit` allows.

    Args:
        session: what is exported and how; accuracy is measured on its val split only.
        quantize: writes a file in which the named operators are float, and returns its path.
        worst_first: names of a file's operators, those with the largest error on calibration images first.
        operators: number of operators that can be quantized.

    Returns:
        The most accurate file, and what was done: the float model's mAP50-95 (`reference`), the file's (`map50_95`),
        their ratio (`share`), the share asked for (`required`), whether it is reached (`passed`), the operators left in
        float (`float_operators`), and each of the `steps`. If nothing could be measured, `skipped` says why.

    Raises:
        PinchError: less than `settings.least` is kept.
    """
    settings, reference = session.settings, session.reference
    path = quantize(frozenset())
    if reference is None:
        reason = "the float model detects nothing on val, so the accuracy of int8 files cannot be guarded"
        print(f"warning: {reason}", file=sys.stderr)
        return path, {"skipped": reason}
    floats: list[str] = []
    steps = [_measure(session, path, floats, reference)]
    best, ranking = _keep(path), worst_first(path) if steps[0]["share"] < settings.guard else []
    most = min(int(operators * settings.float_limit), len(ranking))
    while steps[-1]["share"] < settings.guard and len(floats) < most:
        floats = ranking[: min(len(floats) + max(1, round(operators * STEP)), most)]
        path = quantize(frozenset(floats))
        steps.append(_measure(session, path, floats, reference))
        if steps[-1]["share"] == max(step["share"] for step in steps):
            best = _keep(path)
    chosen = max(steps, key=lambda step: step["share"])
    _judge(chosen, settings.guard, settings.least)
    return best, {
        "reference": reference,
        "map50_95": chosen["map50_95"],
        "share": chosen["share"],
        "required": settings.guard,
        "passed": chosen["share"] >= settings.guard,
        "operators": operators,
        "float_operators": chosen["float_operators"],
        "steps": [{**step, "float_operators": len(step["float_operators"])} for step in steps],
    }


def _measure(session: Session, path: Path, floats: list[str], reference: float) -> dict[str, Any]:
    accuracy = session.accuracy(path)
    return {"map50_95": accuracy, "share": accuracy / reference, "float_operators": sorted(floats)}


def _keep(path: Path) -> Path:
    """Save a file from the next step, which writes to the same path."""
    kept = path.with_name(f"best_{path.name}")
    if path.is_dir():
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(path, kept)
    else:
        shutil.copyfile(path, kept)
    return kept


def _judge(chosen: dict[str, Any], guard: float, floor: float) -> None:
    if chosen["share"] < floor:
        raise PinchError(
            f"the int8 file keeps only {chosen['share']:.3f} of the float model's mAP50-95 on val (at least {floor:g} "
            f"is required) with {len(chosen['float_operators'])} operators in float: give more calibration images, or "
            "leave this artifact out"
        )
    if chosen["share"] < guard:
        print(f"warning: int8 keeps {chosen['share']:.3f} of the float mAP50-95, not {guard:g}", file=sys.stderr)
