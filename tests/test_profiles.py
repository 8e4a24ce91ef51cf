"""The shipped profiles, in dry runs: what a cluster's jobs would be asked to do."""

import re

import pytest
import yaml
from conftest import ROOT
from slurm import profile

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


@pytest.mark.parametrize("folder", [None, "$SLURM_TMPDIR"])
def test_pictures_are_staged_where_the_site_says(dry_run, folder):
    for line in trainings(dry_run(stage_to=folder)):
        assert f'--stage-to "{folder or ""}"' in line


def test_every_rule_that_the_profile_names_exists(tmp_path):
    content = profile.render({}, tmp_path)
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    rules = set(re.findall(r"rule (\w+):", text)) | {"export_onnx", "export_tflite", "export_openvino"}
    rules |= {"measure_on_cpu", "measure_on_gpu"}
    named = set(content["set-resources"]) | set(content["set-threads"]) | set(content["groups"])
    assert named <= rules
