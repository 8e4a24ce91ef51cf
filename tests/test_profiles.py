"""The shipped profiles, in dry runs: what a cluster's jobs would be asked to do."""

import re
import shlex

import pytest
import yaml
from conftest import ROOT
from slurm import profile

from pinch.run.formats import FORMATS

EXPORT_RULES = {f"export_{name}" for name in FORMATS}
CONFIG = {
    "name": "some",
    "synthetic": {"images": [2, 1, 1]},
    "base_model": "yolo11n.yaml",
    "device": "gpu",
    "coarse": {"ratios": [0.5]},
    "export": {"models": ["base"], "artifacts": ["full.onnx"]},
}


@pytest.fixture
def dry_run(snakemake, tmp_path):
    """A dry run through the SLURM profile with these values of a site: what it prints."""

    def run(**site):
        content = profile.render(site, tmp_path)
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
        result = snakemake(tmp_path, "-n", "-p", "--profile", tmp_path, config=CONFIG)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr

    return run


def trainings(text):
    """The command lines of base training and of tuning."""
    base, tuned = sorted(re.findall(r"train\.py some.*", text), key=lambda line: "--pruned-model" in line)
    return base, tuned


def test_base_training_alone_gets_several_gpus(dry_run):
    base, tuned = trainings(dry_run(base_gpus=4))
    assert "--device gpu --gpus 4" in base
    assert "--device gpu" in tuned
    assert "--gpus" not in tuned


@pytest.mark.parametrize(("folder", "argument"), [(None, "--stage-to="), ("$SLURM_TMPDIR", "--stage-to=$SLURM_TMPDIR")])
def test_pictures_are_staged_where_the_site_says(dry_run, folder, argument):
    for line in trainings(dry_run(stage_to=folder)):
        assert argument in shlex.split(line)


def minutes(profile, rule, attempt, gpu):
    """What a rule asks for: its expression, computed as Snakemake does."""
    wanted = profile["set-resources"].get(rule, {}).get("runtime", profile["default-resources"]["runtime"])
    return eval(str(wanted), {"attempt": attempt, "input": {"gpu": ["record"] if gpu else []}})


@pytest.mark.parametrize(("cpu", "gpu"), [(120, 60), (30, 1440), (1440, 30), (1440, 1440), (10, 10)])
def test_no_job_and_no_group_asks_for_more_than_its_partition_allows(tmp_path, cpu, gpu):
    content = profile.render({"cpu_minutes": cpu, "gpu_minutes": gpu}, tmp_path)
    rules = {*content["set-resources"], "explain_pruning", "draw_samples"}
    on_gpus = {*profile.GPU_RULES, "measure_on_gpu"}
    for attempt in (1, 2, 3):
        asked = {rule: minutes(content, rule, attempt, rule in on_gpus) for rule in rules}
        for rule, wanted in asked.items():
            assert wanted <= (gpu if rule in on_gpus | {"check_gpu"} else cpu), rule
            # With `device: cpu` the same rules fall to the other partition.
            if rule not in ("check_gpu", "measure_on_gpu"):
                assert minutes(content, rule, attempt, False) <= cpu, rule
        # Times of a group's members are added up.
        assert content["group-components"]["timing"] * asked["measure_on_cpu"] <= cpu or cpu < 15
        for rule in EXPORT_RULES:
            assert asked[rule] + asked["evaluate_artifact"] <= cpu


def test_every_rule_that_the_profile_names_exists(tmp_path):
    content = profile.render({}, tmp_path)
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    rules = set(re.findall(r"rule (\w+):", text)) | EXPORT_RULES
    rules |= {"measure_on_cpu", "measure_on_gpu"}
    named = set(content["set-resources"]) | set(content["set-threads"]) | set(content["groups"])
    assert named <= rules
