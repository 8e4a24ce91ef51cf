"""The pruning study: its runs and its tables.

The first run makes the data set and trains the base. Every other run is the same configuration with some values
changed, on that data set and from that base. Choices are judged on val. What pruning keeps is measured on test, by
whose people no choice was judged.
"""

import copy
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.measurements import AccuracyRecord
from pinch.core.record_types.weights import PruningRecord
from pinch.measuring import interval
from pinch.run import comparing, record_paths
from pinch.run.identity import METHODS, Model

# Kinds of runs. The kind of an ablation is the method, one of METHODS.
FIRST, REPEAT = "first", "repeat"
PRUNING_COLUMNS = ["method", "ratio", "seed", "map50_95", "unpruned", "unpruned_map50_95", "kept"]
KEPT_COLUMNS = ["method", "ratio", "seeds", "kept", "kept_low", "kept_high"]
ABLATION_COLUMNS = [
    *["group", "method", "ratio", "choice", "epochs", "seed", "parameters_left", "macs_left"],
    *["val_map50_95_before_tuning", "val_map50_95", "to_default"],
]

Values = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One run: its kind (see FIRST), the choice that it examines, its configuration, and its group of ablations."""

    kind: str
    choice: str
    config: Values
    group: str = ""

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
        further: `repeats` (name -> changed values) and `ablations`: groups of runs that are compared with each other,
            by name. Each has `common` changed values and `runs` (name -> changed values of the method's section), and
            may have a `method`, if the group is not called like one, and `seeds`, if not only the study's.
    """
    found = [Run(FIRST, FIRST, study)]
    found += [_later(study, REPEAT, name, values) for name, values in further["repeats"].items()]
    for group, ablations in further["ablations"].items():
        for seed in ablations.get("seeds", [study["seed"]]):
            found += _ablations(study, group, ablations, seed)
    return found


def _ablations(study: Values, group: str, ablations: Values, seed: int) -> Iterator[Run]:
    """The runs of a group with a seed."""
    method = ablations.get("method", group)
    repeated = "" if seed == study["seed"] else f"_seed{seed}"
    for choice, values in ablations["runs"].items():
        changes = merged(ablations["common"], {method: values, "seed": seed})
        run = _later(study, method, choice, changes, f"{group}_{choice}{repeated}")
        yield dataclasses.replace(run, group=group)


def _later(study: Values, kind: str, choice: str, changes: Values, suffix: str | None = None) -> Run:
    first = study["name"]
    config = merged(study, changes)
    config["name"] = f"{first}_{suffix or choice}"
    # These runs export nothing, and the first run's list of models to export may have ratios that they do not have.
    config.pop("export", None)
    config["dataset"] = f"results/{first}/dataset/data.yaml"
    config["trained_model"] = f"results/{first}/models/{first}.pt"
    return Run(kind, choice, config)


def merged(values: Values, changes: Values) -> Values:
    """A copy of nested `values` in which `changes` replace what they name."""
    result = copy.deepcopy(values)
    for key, value in changes.items():
        nested = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if nested else copy.deepcopy(value)
    return result


def pruning_table(found: list[Run], results: Path) -> pd.DataFrame:
    """The share of the unpruned model's mAP50-95 on test that each pruned and tuned model keeps, for each seed.

    The unpruned model is that of the same run: the better on val of the base and its twin, which was tuned for as many
    epochs (see `comparing.unpruned`).

    Args:
        found: all runs of the study.
        results: the folder with one folder for each run.

    Returns:
        PRUNING_COLUMNS; `unpruned` is the name of the unpruned model.

    Raises:
        PinchError: a record is missing.
    """
    rows = []
    for run in found:
        if run.kind not in (FIRST, REPEAT):
            continue
        unpruned = _unpruned(results, run)
        whole = _map50_95(results, run, unpruned, "test")
        for method in METHODS:
            for ratio in run.config[method]["ratios"]:
                accuracy = _map50_95(results, run, Model(run.name, method, ratio, True), "test")
                rows.append((method, ratio, run.config["seed"], accuracy, str(unpruned), whole, accuracy / whole))
    return pd.DataFrame(rows, columns=PRUNING_COLUMNS).sort_values(["method", "ratio", "seed"], ignore_index=True)


def kept_table(pruning: pd.DataFrame) -> pd.DataFrame:
    """The mean over seeds of what pruned models keep, with its 95% interval by Student's t distribution.

    Args:
        pruning: made by `pruning_table`.

    Returns:
        KEPT_COLUMNS; `kept_low` and `kept_high` are the ends of the interval, NaN for a single seed.
    """
    of_seeds = pruning.groupby(["method", "ratio"])["kept"]
    rows = [(*key, len(kept), *interval.of_mean(kept.tolist())) for key, kept in of_seeds]
    return pd.DataFrame(rows, columns=KEPT_COLUMNS).astype(dict.fromkeys(KEPT_COLUMNS[3:], float))


def ablation_table(found: list[Run], results: Path) -> pd.DataFrame:
    """The effect of each choice on val: mAP50-95 before and after tuning, and the latter relative to the default's.

    The default is that of the same group and seed. Parameters (those that are not zero) and multiply-accumulates left
    are fractions of the base's.

    Raises:
        PinchError: a record is missing.
    """
    rows = []
    for run in found:
        if run.kind not in METHODS:
            continue
        section, seed = run.config[run.kind], run.config["seed"]
        (ratio,) = section["ratios"]
        models = (Model(run.name, run.kind, ratio, tuned) for tuned in (False, True))
        before, after = (_map50_95(results, run, model, "val") for model in models)
        about = run.group, run.kind, ratio, run.choice, section["epochs"], seed
        rows.append((*about, *_left(results, run, ratio), before, after))
    table = pd.DataFrame(rows, columns=ABLATION_COLUMNS[:-1])
    same = ["group", "seed"]
    defaults = table.loc[table["choice"] == "default", [*same, "val_map50_95"]]
    default = table[same].merge(defaults, on=same, how="left")["val_map50_95"]
    return table.assign(to_default=table["val_map50_95"] / default)


def _left(results: Path, run: Run, ratio: float) -> tuple[float, float]:
    """Fractions of the base's non-zero parameters and multiply-accumulates."""
    model = Model(run.name, run.kind, ratio)
    pruned = records.read(results / run.name / record_paths.pruning(model), PruningRecord).value
    before, after = pruned.before, pruned.after
    return after.nonzero_parameters / before.nonzero_parameters, after.macs / before.macs


def _unpruned(results: Path, run: Run) -> Model:
    """What the pruned models of a run are compared with."""
    models = (Model(run.name), Model(run.name, tuned=True))
    best = comparing.unpruned_model({model: _map50_95(results, run, model, "val") for model in models})
    assert best, "the base is among them"
    return best


def _map50_95(results: Path, run: Run, model: Model, split: str) -> float:
    path = results / run.name / record_paths.accuracy(model)
    accuracy = records.read(path, AccuracyRecord).value.splits[split].map50_95
    if accuracy is None:
        raise PinchError(f"{path} has no accuracy on {split}: give a data set with images there")
    return accuracy
