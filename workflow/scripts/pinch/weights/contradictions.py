"""What a configuration asks for that cannot be, or would have no effect: refused before any job.

A key with its default counts as not given, since a configuration may be written down with all its defaults.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pinch.core.arguments import changed_options
from pinch.core.errors import PinchError
from pinch.run.identity import METHODS
from pinch.run.settings import pruning as declared
from pinch.weights.pruning import kinds
from pinch.weights.training import schedules


def refuse(config: Mapping[str, Any]) -> None:
    """Refuse options of pruning and training that contradict each other.

    Args:
        config: a configuration, with all defaults.

    Raises:
        PinchError: there are some; names the keys.
    """
    _refuse_other_kinds(config)
    _refuse_unused(config)
    _refuse_missing_twin(config)
    sections = METHODS if config["trained_model"] else ("train", *METHODS)
    for section in sections:
        schedule = _schedule(config, section)
        schedule.require_fit(config[section]["average"], f"{section}.{{}}".format)


def _refuse_other_kinds(config: Mapping[str, Any]) -> None:
    """Refuse what the chosen kinds of pruning do not have."""
    coarse, fine = config["coarse"], config["fine"]
    changed = [option.name for option in changed_options(declared.CoarsePruning, coarse)]
    named = {name: f"coarse.{name}" for name in changed if name in kinds.OPTIONS}
    kinds.require_own(list(named), coarse["mode"], coarse["ranking"], coarse["spread"], named)
    schedules.require_removal(coarse["steps"], coarse["mode"], "coarse.{}".format)
    if not fine["pattern"]:
        return
    if fine["scope"] != declared.FinePruning.scope:
        raise PinchError("fine.scope is for pruning without a pattern: leave out fine.scope, or fine.pattern")
    if fine["schedule"] == "cubic":
        raise PinchError("fine.schedule: cubic would not keep fine.pattern: leave out one of the two")
    for ratio in fine["ratios"]:
        kinds.fine_pruning(ratio, pattern=fine["pattern"])


def _refuse_unused(config: Mapping[str, Any]) -> None:
    """Refuse what a run with a trained model makes nothing with."""
    if not config["trained_model"]:
        return
    if config["train"]["activation"]:
        raise PinchError(
            "train.activation has no effect on a trained_model, which is taken as it is: leave it out, or name the"
            " model as base_model, to train it"
        )
    made = [*(config[method]["ratios"] for method in METHODS), *config["rivals"].values()]
    if len(config["seeds"]) > 1 and not any(made):
        raise PinchError("seeds have no effect on a trained_model alone: leave them out, or ask for pruned models")


def _refuse_missing_twin(config: Mapping[str, Any]) -> None:
    """Refuse a twin of the base as a teacher where the run makes none."""
    for method in METHODS:
        if config[method]["ratios"] and config[method]["teacher"] == "tuned" and not config["tune_base"]:
            raise PinchError(f"{method}.teacher: tuned needs tune_base: true: set it, or name another teacher")


def _schedule(config: Mapping[str, Any], section: str) -> schedules.OneShot:
    """The schedule of the trainings of a section."""
    values = config[section]
    steps = values.get("steps", 1)
    during = steps > 1 or values.get("schedule") == "cubic"
    return schedules.chosen(values["epochs"], Path(config["name"]) if during else None, steps)
