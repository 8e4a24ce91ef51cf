"""The pruning study: its runs and its two tables.

The first run makes the data set and trains the base. Every other run is the same configuration with some values
changed, on that data set and from that base. Accuracies are those of the runs' records, on the test split.
"""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.measurements import AccuracyRecord
from pinch.core.record_types.weights import PruningRecord
from pinch.run.identity import METHODS, Model

# Kinds of runs. The kind of an ablation is the method, one of METHODS.
FIRST, REPEAT, LONGER_BASE = "first", "repeat", "longer_base"
PRUNING_COLUMNS = ["method", "ratio", "seed", "map50_95", "base_map50_95", "kept"]
ABLATION_COLUMNS = [
    *["method", "ratio", "choice", "epochs", "seed", "parameters_left", "macs_left"],
    *["map50_95_before_tuning", "map50_95", "to_default"],
]

Values = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One run: its kind (see FIRST), the choice that it examines, and its configuration."""

    kind: str
    choice: str
    config: Values

    @property
    def name(self) -> str:
        """The name of the run and of its folder in results/."""
        return self.config["name"]

    @property
    def target(self) -> str:
        """The target of the workflow: everything with a report for the first run, only models for the others."""
        return "all" if self.kind == FIRST else "models"


def runs(study: Values, further: Values) -> list[Run]:
    """All runs of a study, the one that makes data and base first.

    Args:
        study: the configuration of the first run, without defaults.
        further: `repeats` (name -> changed values), `longer_base` (method -> changed values), and `ablations` (method
            -> `common` changed values and `runs`, name -> changed values of the method's section).
    """
    found = [Run(FIRST, FIRST, study)]
    for method, values in further[LONGER_BASE].items():
        found.append(_later(study, LONGER_BASE, method, values, f"{LONGER_BASE}_{method}"))
    found += [_later(study, REPEAT, name, values) for name, values in further["repeats"].items()]
    for method, ablations in further["ablations"].items():
        for choice, values in ablations["runs"].items():
            changes = merged(ablations["common"], {method: values})
            found.append(_later(study, method, choice, changes, f"{method}_{choice}"))
    return found


def _later(study: Values, kind: str, choice: str, changes: Values, suffix: str | None = None) -> Run:
    first = study["name"]
    config = merged(study, changes)
    config["name"] = f"{first}_{suffix or choice}"
    # These runs export nothing, and the first run's list of models to export may have ratios that they do not have.
    config.pop("export", None)
    config["dataset"] = f"results/{first}/dataset/data.yaml"
    base = f"results/{first}/models/{first}.pt"
    config |= {"base_model": base} if kind == LONGER_BASE else {"trained_model": base}
    return Run(kind, choice, config)


def merged(values: Values, changes: Values) -> Values:
    """A copy of nested `values` in which `changes` replace what they name."""
    result = copy.deepcopy(values)
    for key, value in changes.items():
        nested = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if nested else copy.deepcopy(value)
    return result


def pruning_table(found: list[Run], results: Path) -> pd.DataFrame:
    """The accuracy that each pruned and tuned model keeps of the base's.

    The reference is the better of two models: the base, and the base after as many more epochs as the pruned models of
    the method got.

    Args:
        found: all runs of the study.
        results: the folder with one folder for each run.

    Raises:
        PinchError: a record is missing.
    """
    accuracies = {run.choice: _map50_95(results, run.name) for run in found if run.kind in (FIRST, LONGER_BASE)}
    base = {method: max(accuracies[FIRST], accuracies[method]) for method in METHODS}
    rows = []
    for run in found:
        if run.kind not in (FIRST, REPEAT):
            continue
        for method in METHODS:
            for ratio in run.config[method]["ratios"]:
                accuracy = _map50_95(results, run.name, method, ratio, tuned=True)
                rows.append((method, ratio, run.config["seed"], accuracy, base[method], accuracy / base[method]))
    return pd.DataFrame(rows, columns=PRUNING_COLUMNS).sort_values(["method", "ratio", "seed"], ignore_index=True)


def ablation_table(found: list[Run], results: Path) -> pd.DataFrame:
    """The effect of each choice: accuracy before and after tuning, and the latter relative to the default's.

    Parameters (those that are not zero) and multiply-accumulates left are fractions of the base's.

    Raises:
        PinchError: a record is missing.
    """
    rows = []
    for run in found:
        if run.kind not in METHODS:
            continue
        section, seed = run.config[run.kind], run.config["seed"]
        (ratio,) = section["ratios"]
        before, after = (_map50_95(results, run.name, run.kind, ratio, tuned) for tuned in (False, True))
        rows.append((run.kind, ratio, run.choice, section["epochs"], seed, *_left(results, run, ratio), before, after))
    table = pd.DataFrame(rows, columns=ABLATION_COLUMNS[:-1])
    defaults = table[table["choice"] == "default"].set_index("method")["map50_95"]
    return table.assign(to_default=table["map50_95"] / table["method"].map(defaults))


def _left(results: Path, run: Run, ratio: float) -> tuple[float, float]:
    """Fractions of the base's non-zero parameters and multiply-accumulates."""
    model = Model(run.name, run.kind, ratio)
    pruned = records.read(results / run.name / f"records/pruning/{model}.json", PruningRecord).value
    before, after = pruned.before, pruned.after
    return after.nonzero_parameters / before.nonzero_parameters, after.macs / before.macs


def _map50_95(results: Path, name: str, method: str = "none", ratio: float = 0.0, tuned: bool = False) -> float:
    model = Model(name, method, ratio, tuned)
    path = results / name / f"records/accuracy/{model}.json"
    accuracy = records.read(path, AccuracyRecord).value.splits["test"].map50_95
    if accuracy is None:
        raise PinchError(f"{path} has no accuracy on the test split: give a data set with images there")
    return accuracy
