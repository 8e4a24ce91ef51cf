"""The shipped profiles, in dry runs: what a cluster's jobs would be asked to do."""

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
import yte
from conftest import ROOT
from slurm import profile

from pinch.operations import rates, requests, site
from pinch.operations.requests import Requests
from pinch.operations.workload import Workload
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
# All of HaGRID.
LARGE = Workload(
    images=(846_600, 102_000, 170_000),
    classes=34,
    epochs={"base": 100, "coarse": 10, "fine": 15, "twin": 15, "width": 115},
    imgsz=640,
    timed_frames=10_000,
)


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
    """The command lines of training: that of the base, of its twin, and of a pruned model."""
    (base,) = re.findall(r"train\.py some .*", text)
    (twin,) = re.findall(r"train\.py some_tuned .*", text)
    (pruned,) = re.findall(r"train\.py some_coarse.*", text)
    return base, twin, pruned


def test_base_training_alone_gets_several_gpus(dry_run):
    base, *tuned = trainings(dry_run(base_gpus=4))
    assert "--device gpu --gpus 4" in base
    for line in tuned:
        assert "--device gpu" in line
        assert "--gpus" not in line


@pytest.mark.parametrize(("folder", "argument"), [(None, "--stage-to="), ("$SLURM_TMPDIR", "--stage-to=$SLURM_TMPDIR")])
def test_pictures_are_staged_where_the_site_says(dry_run, folder, argument):
    for line in trainings(dry_run(stage_to=folder)):
        assert argument in shlex.split(line)


def test_parts_of_studies_are_jobs_on_gpu_nodes(snakemake, tmp_path):
    """A dry run shows what a job asks for in place of its message, so it is one of rules without messages."""
    for name in ("Snakefile", "rules"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    for name in ("workflow", "profiles"):
        (tmp_path / name).symlink_to(ROOT / name)
    for path in (tmp_path / "rules").glob("*.smk"):
        path.write_text(re.sub(r"\n +message:\n.*", "", path.read_text()))
    site = {"cpu_partition": "small", "gpu_partition": "large", "stage_to": "$SLURM_TMPDIR", "gpu_type": "a100"}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(profile.render(site, tmp_path)))
    config = CONFIG | {"sensitivity": {"scan": True, "explain": True}, "fine": {"epochs": 7}}
    arguments = ("-n", "-p", "--cores", "16", "--profile", tmp_path, "--snakefile", tmp_path / "Snakefile")
    result = snakemake(tmp_path, *arguments, config=config)
    assert result.returncode == 0, result.stdout + result.stderr
    found = re.findall(r"^(?:local)?rule (\w+):\n((?: .*\n)+)(Shell command: .*)", result.stdout + result.stderr, re.M)
    threads = {"scan_layers": 4, "explain_pruning": 4, "explain_tuning": 8}
    jobs = [(rule, resources, command) for rule, resources, command in found if rule in threads]
    assert [rule for rule, *_ in jobs].count("scan_layers") == 3
    assert [rule for rule, *_ in jobs].count("explain_pruning") == 3
    assert [rule for rule, *_ in jobs].count("explain_tuning") == 3
    for rule, resources, command in jobs:
        asks = dict(pair.split("=", 1) for pair in re.search("resources: (.*)", resources)[1].split(", "))
        wanted = {"slurm_partition": "large", "gpu": "1", "gpu_model": "a100", "runtime": "60"}
        assert asks.items() >= wanted.items(), rule
        assert f"--device gpu --threads {threads[rule]} " in command
        assert "records/gpu/training.json" in resources, "they wait for the check of the GPU"
        if rule == "explain_tuning":
            assert "--epochs 7 " in command
            assert "--stage-to='$SLURM_TMPDIR'" in command
    gathering = [resources for rule, resources, _ in found if rule == "gather_study"]
    assert len(gathering) == 2
    assert all("gpu=" not in resources for resources in gathering)


def threads(profile, rule, gpu):
    """Threads that a rule asks for: the profile's expression, computed as Snakemake does."""
    context = {"input": {"gpu": ["record"] if gpu else []}, "wildcards": Wildcards}
    return eval(str(profile["set-threads"].get(rule, 1)), context)


class Wildcards:
    """Of a timing with more threads than most nodes have cores."""

    threads = "512"


# What the time of rules depends on.
WILDCARDS = {
    "tune_pruned": {"method": "fine"},
    "tune_rival": {"rival": "width", "amount": "50"},
    "evaluate_model": {"model": "some"},
    "evaluate_artifact": {"artifact": "some_int8.onnx"},
    **{rule: {"stem": "some", "precision": "int8"} for rule in EXPORT_RULES},
}


@pytest.mark.fault
@pytest.mark.parametrize("limit", [None, 3000])
@pytest.mark.parametrize(("cpu", "gpu"), [(120, 60), (30, 1440), (1440, 30), (1440, 1440), (10, 10), (None, 30)])
def test_no_job_and_no_group_asks_for_more_than_its_partition_has(tmp_path, cpu, gpu, limit):
    nodes = {"cpu_cores": 4, "cpu_memory_mb": 16000, "gpu_cores": 6, "gpu_memory_mb": 28000}
    content = profile.render({"cpu_minutes": cpu, "gpu_minutes": gpu, **nodes}, tmp_path)
    asks = Requests(
        lambda: replace(LARGE, limit=limit), lambda: site.read(tmp_path / "site.yaml"), memory=ROOT / requests.MEMORY
    )
    rules = {*content["set-resources"], *content["set-threads"], "draw_samples"}
    always, may = {*rates.GPU_ONLY}, {*profile.GPU_RULES}
    for attempt in (1, 2, 3):
        minutes = {}
        for rule in rules:
            for on_gpu in [True] if rule in always else [False, True] if rule in may else [False]:
                count = threads(content, rule, on_gpu)
                assert 0 < count <= (6 if on_gpu else 4), rule
                context = WILDCARDS.get(rule, {}), {"gpu": ["record"] if on_gpu else []}, attempt, count, rule
                minutes[rule] = asks.minutes(*context)
                assert 0 < minutes[rule] <= ((gpu if on_gpu else cpu) or 10**9), rule
                assert 0 < asks.memory_mb(*context) <= (28000 if on_gpu else 16000), rule
        # Times of a group's members are added up.
        assert content["group-components"]["timing"] * minutes["measure_on_cpu"] <= (cpu or 10**9)
        if "evaluate_artifact" in content["groups"]:
            assert max(minutes[rule] for rule in EXPORT_RULES) + minutes["evaluate_artifact"] <= (cpu or 10**9)


@pytest.mark.parametrize(("minutes", "grouped"), [(60, False), (600, False), (1440, True), (None, True)])
def test_an_artifact_and_its_evaluation_share_a_submission_where_it_may_be_long(tmp_path, minutes, grouped):
    content = profile.render({"cpu_minutes": minutes}, tmp_path)
    assert ("evaluate_artifact" in content["groups"]) == grouped
    assert ("export_onnx" in content["groups"]) == grouped


@pytest.mark.fault
def test_jobs_on_one_machine_wait_for_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(site, "machine_memory_mb", lambda: 4500)
    monkeypatch.chdir(ROOT)
    content = yte.process_yaml((ROOT / "profiles/local/config.yaml").read_text(), require_use_yte=True)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content | {"cores": 4}))
    # An export with TensorFlow takes more than this machine has; two other jobs together do as well.
    (tmp_path / "Snakefile").write_text(
        "rule all:\n    input: expand('{rule}_{number}', rule=['tflite', 'onnx'], number=[1, 2])\n"
        + "".join(
            f"rule export_{name}:\n    output: '{name}_{{number}}'\n    resources: mem_mb=lambda wildcards: {memory}\n"
            "    shell: 'echo begin >> order; sleep 0.5; echo end >> order; touch {output}'\n"
            for name, memory in (("tflite", 5000), ("onnx", 4000))
        )
    )
    line = [str(Path(sys.executable).with_name("snakemake")), "--profile", str(tmp_path)]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "order").read_text().split() == ["begin", "end"] * 4


def test_every_rule_that_the_profile_names_exists(tmp_path):
    content = profile.render({}, tmp_path)
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    rules = set(re.findall(r"rule (\w+):", text)) | EXPORT_RULES
    rules |= {"measure_on_cpu", "measure_on_gpu"}
    named = set(content["set-resources"]) | set(content["set-threads"]) | set(content["groups"])
    named |= yaml.safe_load((ROOT / requests.MEMORY).read_text()).keys() - {"default", "export"}
    assert named <= rules
