"""The pruning study: its runs, and the tables made of their records."""

import dataclasses

import made_up_records
import pytest
import yaml
from conftest import ROOT

from pinch.core import records, schema
from pinch.core.record_types.weights import NetworkSize
from pinch.run.identity import parse_model
from pinch.studies import pruning_study

FIRST = {"name": "s", "seed": 1, "coarse": {"ratios": [0.5], "epochs": 4}, "fine": {"ratios": [0.9], "epochs": 2}}
FURTHER = {
    "repeats": {"seed2": {"seed": 2}},
    "longer_base": {
        "coarse": {"train": {"epochs": 4}, "coarse": {"ratios": []}, "fine": {"ratios": []}},
        "fine": {"train": {"epochs": 2}, "coarse": {"ratios": []}, "fine": {"ratios": []}},
    },
    "ablations": {
        "coarse": {"common": {"coarse": {"epochs": 3}}, "runs": {"default": {}, "ranking_ln": {"ranking": "ln"}}}
    },
}


def write(results, name, model, map50_95):
    splits = {"test": made_up_records.accuracy(None, map50_95), "val": made_up_records.accuracy(0.0, 0.0)}
    result = made_up_records.accuracy_record(parse_model(model), splits)
    records.write(results / name / f"records/accuracy/{model}.json", result)


def write_pruning(results, name, model, parameters):
    before = NetworkSize(parameters=100, nonzero_parameters=100, macs=1000)
    after = NetworkSize(parameters=parameters, nonzero_parameters=parameters, macs=300)
    result = dataclasses.replace(made_up_records.pruning_record(parse_model(model)), before=before, after=after)
    records.write(results / name / f"records/pruning/{model}.json", result)


@pytest.fixture
def results(tmp_path):
    """Records in which the base gains by many more epochs, and loses by few."""
    write(tmp_path, "s", "s", 0.7)
    write(tmp_path, "s_longer_base_coarse", "s_longer_base_coarse", 0.8)
    write(tmp_path, "s_longer_base_fine", "s_longer_base_fine", 0.6)
    for name, coarse, fine in (("s", 0.6, 0.4), ("s_seed2", 0.64, 0.44)):
        write(tmp_path, name, f"{name}_coarse_prune_50_tuned", coarse)
        write(tmp_path, name, f"{name}_fine_prune_90_tuned", fine)
    for choice, accuracy in (("default", 0.5), ("ranking_ln", 0.45)):
        name = f"s_coarse_{choice}"
        write(tmp_path, name, f"{name}_coarse_prune_50", 0.1)
        write_pruning(tmp_path, name, f"{name}_coarse_prune_50", 25 if choice == "default" else 30)
        write(tmp_path, name, f"{name}_coarse_prune_50_tuned", accuracy)
    return tmp_path


def test_later_runs_share_data_and_base_of_the_first():
    first, longer, longer_for_fine, *others = pruning_study.runs(FIRST, FURTHER)
    assert first.config == FIRST
    assert longer.config["base_model"] == longer_for_fine.config["base_model"] == "results/s/models/s.pt"
    assert [longer.config["train"]["epochs"], longer_for_fine.config["train"]["epochs"]] == [4, 2]
    assert {run.config["dataset"] for run in (longer, longer_for_fine, *others)} == {"results/s/dataset/data.yaml"}
    assert {run.config["trained_model"] for run in others} == {"results/s/models/s.pt"}
    assert [run.name for run in others] == ["s_seed2", "s_coarse_default", "s_coarse_ranking_ln"]


def test_pruned_models_are_compared_with_the_better_base(results):
    table = pruning_study.pruning_table(pruning_study.runs(FIRST, FURTHER), results)
    assert list(table.columns) == ["method", "ratio", "seed", "map50_95", "base_map50_95", "kept"]
    assert set(table.loc[table["method"] == "coarse", "base_map50_95"]) == {0.8}
    assert set(table.loc[table["method"] == "fine", "base_map50_95"]) == {0.7}
    kept = table.set_index(["method", "seed"])["kept"]
    assert kept["coarse", 1] == pytest.approx(0.75)
    assert kept["coarse", 2] == pytest.approx(0.8)
    assert kept["fine", 2] == pytest.approx(0.44 / 0.7)


def test_ablations_are_relative_to_the_default(results):
    table = pruning_study.ablation_table(pruning_study.runs(FIRST, FURTHER), results).set_index("choice")
    assert table.loc["ranking_ln", "to_default"] == pytest.approx(0.9)
    assert table.loc["default", "map50_95_before_tuning"] == pytest.approx(0.1)
    assert set(table["epochs"]) == {3}
    assert table.loc["ranking_ln", ["parameters_left", "macs_left"]].tolist() == [0.3, 0.3]


def test_shipped_study_is_valid_and_its_runs_differ():
    files = [ROOT / "config" / name for name in ("pruning_study.yaml", "studies/pruning_runs.yaml")]
    runs = pruning_study.runs(*(yaml.safe_load(file.read_text()) for file in files))
    rules = schema.load(str(ROOT / "workflow/schemas/config.schema.yaml"))
    for run in runs:
        schema.validate(pruning_study.merged(run.config, {}), rules)
    assert len({run.name for run in runs}) == len(runs)


@pytest.mark.parametrize("kind", ["longer_base", "fine"])
def test_runs_without_a_pruning_are_accepted_by_the_workflow(kind, snakemake, tmp_path):
    files = [ROOT / "config" / name for name in ("pruning_study.yaml", "studies/pruning_runs.yaml")]
    runs = pruning_study.runs(*(yaml.safe_load(file.read_text()) for file in files))
    run = next(run for run in runs if run.kind == kind)
    done = snakemake(tmp_path, "-n", run.target, config=run.config)
    assert done.returncode == 0, done.stderr
