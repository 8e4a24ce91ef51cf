"""The pruning study: its runs, and the tables made of their records."""

import dataclasses

import made_up_records
import pandas as pd
import pytest
import yaml
from conftest import ROOT
from test_workflow import jobs

import pruning_study as command
from pinch.core import records, schema
from pinch.core.record_types.weights import NetworkSize
from pinch.run.identity import parse_model
from pinch.studies import pruning_study
from pinch.weights import contradictions

FIRST = {"name": "s", "seed": 1, "coarse": {"ratios": [0.5], "epochs": 4}, "fine": {"ratios": [], "epochs": 2}}
FURTHER = {
    "repeats": {
        "seed2": {"seed": 2},
        "fine": {"coarse": {"ratios": []}, "fine": {"ratios": [0.9]}},
    },
    "ablations": {
        "coarse": {"common": {"coarse": {"epochs": 3}}, "runs": {"default": {}, "ranking_ln": {"ranking": "ln"}}},
        "slow": {"method": "coarse", "seeds": [1, 2], "common": {}, "runs": {"default": {}, "steps": {"steps": 3}}},
    },
}
RUNS = pruning_study.runs(FIRST, FURTHER)


def write(results, name, model, val, test):
    splits = {"test": made_up_records.accuracy(None, test), "val": made_up_records.accuracy(0.0, val)}
    result = made_up_records.accuracy_record(parse_model(model), splits)
    records.write(results / name / f"records/accuracy/{model}.json", result)


def write_pruning(results, name, model, parameters):
    before = NetworkSize(parameters=100, nonzero_parameters=100, macs=1000)
    after = NetworkSize(parameters=parameters, nonzero_parameters=parameters, macs=300)
    result = dataclasses.replace(made_up_records.pruning_record(parse_model(model)), before=before, after=after)
    records.write(results / name / f"records/pruning/{model}.json", result)


@pytest.fixture
def results(tmp_path):
    """Records in which the base gains by the epochs of coarse tuning, and loses by those of fine tuning."""
    for name, val, test in (("s", 0.75, 0.8), ("s_seed2", 0.8, 0.78), ("s_fine", 0.65, 0.9)):
        write(tmp_path, name, name, 0.7, 0.7)
        write(tmp_path, name, f"{name}_tuned", val, test)
    write(tmp_path, "s", "s_coarse_prune_50_tuned", 0.1, 0.6)
    write(tmp_path, "s_seed2", "s_seed2_coarse_prune_50_tuned", 0.1, 0.624)
    write(tmp_path, "s_fine", "s_fine_fine_prune_90_tuned", 0.1, 0.4)
    for choice, accuracy in (("default", 0.5), ("ranking_ln", 0.45)):
        name = f"s_coarse_{choice}"
        write(tmp_path, name, f"{name}_coarse_prune_50", 0.1, 0.9)
        write_pruning(tmp_path, name, f"{name}_coarse_prune_50", 25 if choice == "default" else 30)
        write(tmp_path, name, f"{name}_coarse_prune_50_tuned", accuracy, 0.9)
    for seed, gain in (("", 1.1), ("_seed2", 0.9)):
        for choice, accuracy in (("default", 0.5), ("steps", 0.5 * gain)):
            name = f"s_slow_{choice}{seed}"
            write(tmp_path, name, f"{name}_coarse_prune_50", 0.1, 0.9)
            write_pruning(tmp_path, name, f"{name}_coarse_prune_50", 25)
            write(tmp_path, name, f"{name}_coarse_prune_50_tuned", accuracy, 0.9)
    return tmp_path


def test_later_runs_share_data_and_base_of_the_first():
    first, *others = RUNS
    assert first.config == FIRST
    assert {run.config["dataset"] for run in others} == {"results/s/dataset/data.yaml"}
    assert {run.config["trained_model"] for run in others} == {"results/s/models/s.pt"}
    names = ["s_seed2", "s_fine", "s_coarse_default", "s_coarse_ranking_ln"]
    names += ["s_slow_default", "s_slow_steps", "s_slow_default_seed2", "s_slow_steps_seed2"]
    assert [run.name for run in others] == names
    assert others[-1].config["seed"] == 2
    assert others[-1].config["coarse"]["steps"] == 3


def test_what_pruned_models_keep_on_test_is_relative_to_what_is_better_on_val(results):
    table = pruning_study.pruning_table(RUNS, results)
    assert list(table.columns) == pruning_study.PRUNING_COLUMNS
    assert list(table["unpruned"]) == ["s_tuned", "s_seed2_tuned", "s_fine"], "though its twin is better on test"
    assert list(table["unpruned_map50_95"]) == [0.8, 0.78, 0.7]
    assert table["kept"].tolist() == pytest.approx([0.75, 0.8, 0.4 / 0.7])


def test_the_mean_over_seeds_has_an_interval(results):
    table = pruning_study.kept_table(pruning_study.pruning_table(RUNS, results)).set_index("method")
    assert list(table["seeds"]) == [2, 1]
    assert table.loc["coarse", "kept"] == pytest.approx(0.775)
    # Student's t for one degree of freedom, 12.706, times the standard error, 0.025.
    assert table.loc["coarse", "kept_high"] - 0.775 == pytest.approx(12.706 * 0.025, abs=1e-4)
    assert table.loc["coarse", "kept_low"] == pytest.approx(2 * 0.775 - table.loc["coarse", "kept_high"])
    assert pd.isna(table.loc["fine", "kept_low"])


def test_choices_are_judged_on_val_relative_to_the_default(results):
    table = pruning_study.ablation_table(RUNS, results)
    steps = table[table["choice"] == "steps"]
    assert dict(zip(steps["seed"], steps["to_default"], strict=True)) == pytest.approx({1: 1.1, 2: 0.9})
    table = table[table["group"] == "coarse"].set_index("choice")
    assert table.loc["ranking_ln", "to_default"] == pytest.approx(0.9)
    assert table.loc["default", "val_map50_95"] == pytest.approx(0.5)
    assert table.loc["default", "val_map50_95_before_tuning"] == pytest.approx(0.1)
    assert set(table["epochs"]) == {3}
    assert table.loc["ranking_ln", ["parameters_left", "macs_left"]].tolist() == [0.3, 0.3]


def test_the_command_writes_each_table(results, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").symlink_to(results)
    command._write_tables(RUNS, tmp_path / "tables")
    rows = {path.stem: len(pd.read_csv(path)) for path in (tmp_path / "tables").iterdir()}
    assert rows == {"pruning": 3, "kept": 2, "ablations": 6}
    assert "s_seed2_tuned" in capsys.readouterr().out


def shipped():
    """The runs of the study as it is shipped."""
    files = [ROOT / "config" / name for name in ("pruning_study.yaml", "studies/pruning_runs.yaml")]
    return pruning_study.runs(*(yaml.safe_load(file.read_text()) for file in files))


def test_shipped_study_is_valid_and_its_runs_differ():
    runs = shipped()
    rules = schema.load(str(ROOT / "workflow/schemas/config.schema.yaml"))
    for run in runs:
        config = pruning_study.merged(run.config, {})
        schema.validate(config, rules)
        contradictions.refuse(config)
    assert len({run.name for run in runs}) == len(runs)


def test_shipped_study_measures_each_method_with_three_seeds_and_a_twin_of_its_own():
    seeds = {}
    for run in shipped():
        methods = [method for method in ("coarse", "fine") if run.config[method]["ratios"]]
        assert len(methods) == 1, f"the twin of {run.name} is tuned as long as one method's models"
        if run.kind in ("first", "repeat"):
            assert run.config.get("tune_base", True)
            seeds.setdefault(methods[0], []).append(run.config["seed"])
    assert seeds == {"coarse": [1, 2, 3], "fine": [1, 2, 3]}


@pytest.mark.parametrize(("kind", "twins"), [("repeat", 1), ("fine", 0)])
def test_runs_without_a_pruning_are_accepted_by_the_workflow(kind, twins, snakemake, tmp_path):
    run = next(run for run in reversed(shipped()) if run.kind == kind)
    done = snakemake(tmp_path, "-n", run.target, config=run.config)
    assert jobs(done).get("tune_base", 0) == twins
