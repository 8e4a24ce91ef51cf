"""Plans: what jobs become in hours, the longest chain, disk and files, and the command that prints them."""

import re
from dataclasses import replace

import pytest
import yaml
from conftest import ROOT

from pinch.core.yaml_files import read_yaml
from pinch.operations import plan, requests, site
from pinch.operations.experience import Experience, Seen
from pinch.operations.rates import Job
from pinch.operations.requests import Requests
from pinch.operations.site import Site
from pinch.operations.workload import Workload

WORK = Workload(
    images=(4000, 600, 600),
    classes=10,
    epochs={"base": 100, "coarse": 10, "fine": 15, "twin": 15},
    imgsz=640,
    timed_frames=100,
)
JOBS = {
    0: plan.PlannedJob(Job("all"), needs=frozenset({4, 5, 6, 7})),
    1: plan.PlannedJob(Job("check_gpu", gpu=True)),
    2: plan.PlannedJob(Job("hagrid_to_yolo"), done=True),
    3: plan.PlannedJob(Job("train_base", gpu=True), needs=frozenset({1, 2})),
    4: plan.PlannedJob(Job("tune_pruned", {"method": "coarse"}, gpu=True), needs=frozenset({1, 3})),
    5: plan.PlannedJob(Job("tune_pruned", {"method": "fine"}, gpu=True), needs=frozenset({1, 3})),
    6: plan.PlannedJob(Job("export_onnx", {"stem": "some", "precision": "int8"}, threads=4), needs=frozenset({3})),
    7: plan.PlannedJob(Job("tune_base", gpu=True), needs=frozenset({1, 3})),
}


def asking(work=WORK, seen=(), **limits):
    """What jobs ask for on a cluster with these limits."""
    place = Site(cpu_partition="cpu", gpu_partition="gpu", **limits)
    return Requests(lambda: work, lambda: place, lambda: Experience(seen), memory=ROOT / requests.MEMORY)


def stages(work=WORK, seen=()):
    return {stage.rule: stage for stage in plan.make(JOBS, asking(work, seen), work).stages}


def test_assumed_hours_follow_epochs_pictures_and_area():
    found = stages()
    # An epoch: 4000 pictures at 400 a second and 600 at 600 a second; 20 s for a job to start.
    assert found["train_base"].hours * 3600 == pytest.approx(20 + 100 * 11)
    assert found["tune_pruned"].hours * 3600 == pytest.approx(2 * 20 + (10 + 15) * 11)
    assert found["tune_pruned"].gpu
    assert found["tune_base"].hours * 3600 == pytest.approx(20 + 15 * 11)
    assert not found["export_onnx"].gpu
    assert "hagrid_to_yolo" not in found, "done jobs take no more time"
    assert list(found) == ["check_gpu", "train_base", "tune_pruned", "export_onnx", "tune_base", "all"]
    quarter = stages(replace(WORK, imgsz=320))["train_base"]
    assert quarter.hours * 3600 == pytest.approx(20 + 100 * 11 / 4)


def test_earlier_jobs_correct_the_assumptions_and_make_the_longest_chain():
    # Exports took a hundred times as long as assumed.
    assumed = stages()["export_onnx"].hours * 3600
    seen = [Seen(Job("export_onnx", {"stem": "some", "precision": "int8"}), WORK, 100 * assumed)]
    made = plan.make(JOBS, asking(seen=seen), WORK)
    assert [rule for rule, _ in made.chain] == ["check_gpu", "train_base", "export_onnx", "all"]
    assert sum(hours for _, hours in made.chain) == pytest.approx((3 * 20 + 100 * 11 + 100 * assumed) / 3600)
    assert made.gpu_hours == pytest.approx((5 * 20 + (100 + 15 + 10 + 15) * 11) / 3600)
    assert made.cpu_hours == pytest.approx((100 * assumed + 20) / 3600)
    assert [stage.rule for stage in made.stages if stage.measured] == ["export_onnx"]


def test_disk_and_files_count_what_is_left_to_make():
    made = plan.make(JOBS, asking(), WORK)
    assert made.disk_bytes > 3 * 5.6e6
    assert 3 * 25 < made.files < 1000
    converting = {**JOBS, 2: replace(JOBS[2], done=False)}
    assert plan.make(converting, asking(), WORK).files >= made.files + 5200, "a label file for each picture"
    done = {number: replace(planned, done=True) for number, planned in JOBS.items()}
    nothing = plan.make(done, asking(), WORK)
    assert (nothing.disk_bytes, nothing.files, nothing.chain, nothing.warnings) == (0, 0, [], [])


@pytest.mark.parametrize(
    ("job", "minutes", "memory_mb", "sentence"),
    [
        (Job("evaluate_artifact", {"artifact": "some_int8.onnx"}, threads=4), 4, 9000, None),
        (
            Job("evaluate_artifact", {"artifact": "some_int8.onnx"}, threads=4),
            2,
            9000,
            "evaluate_artifact: a job is expected to take 2 minutes, more than half of the 2 that it asks for",
        ),
        (
            Job("evaluate_artifact", {"artifact": "some_int8.onnx"}, threads=4),
            4,
            4000,
            "evaluate_artifact: a job is expected to need 4018 MB of memory, more than the 4000 that it asks for",
        ),
        # 18 minutes in all; it goes on after each epoch.
        (Job("train_base", gpu=True), 2, 9000, None),
        (Job("train_base", gpu=True), 1, 9000, "train_base: a job is expected to take 1 minutes"),
    ],
)
def test_jobs_that_may_not_fit_are_named(job, minutes, memory_mb, sentence):
    planned = plan.PlannedJob(job, minutes=minutes, memory_mb=memory_mb)
    found = plan.make({0: planned}, asking(), WORK).warnings
    assert len(found) == (sentence is not None)
    assert all(text.startswith(sentence) for text in found)


@pytest.fixture
def planned(command, tmp_path, monkeypatch):
    """The command's plan of a configuration on a site with these limits: lines by their first words, and all text."""

    def run(configfile=ROOT / "config/config.yaml", **limits):
        values = read_yaml(ROOT / site.SHIPPED) | {"cpu_minutes": None, "gpu_minutes": None} | limits
        (tmp_path / "site.yaml").write_text(yaml.safe_dump(values))
        monkeypatch.setenv(site.VARIABLE, str(tmp_path / "site.yaml"))
        result = command("plan.py", "--configfile", configfile, "--directory", tmp_path / "run", cwd=ROOT)
        # What the full number needs may be more than the disk here has; that is said last, after the plan.
        assert result.returncode == 0 or "the disk has" in result.stderr, result.stderr
        return {line.split()[0]: line.split() for line in result.stdout.splitlines() if line.strip()}, result.stdout

    return run


@pytest.mark.parametrize("minutes", [None, 1440])
@pytest.mark.parametrize("targets", [None, "all"])
def test_every_job_of_the_full_configuration_fits(planned, tmp_path, minutes, targets):
    config = read_yaml(ROOT / "config/config.yaml")
    if targets:
        config["hagrid"]["targets"] = targets
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    lines, text = planned(tmp_path / "config.yaml", cpu_minutes=minutes, gpu_minutes=minutes)
    assert "Warning" not in text
    assert lines["Images:"][1] == ("846600" if targets else "249000")
    for rule, jobs in {
        "train_base": "1",
        "tune_pruned": "18",
        "tune_base": "1",
        "evaluate_artifact": "114",
        "evaluate_model": "38",
    }.items():
        assert lines[rule][1] == jobs
    longest, asked = (float(number) for number in lines["train_base"][-2:])
    assert asked == minutes if minutes else asked >= 2 * longest
    longest, asked = (float(number) for number in lines["tune_pruned"][-2:])
    assert 60 < 2 * longest <= asked <= (minutes or 10**9)
    # The requirement: a tenth of the hours that evaluation of everything takes (see docs/cluster.md).
    assert float(lines["evaluate_artifact"][2]) < (559 if targets else 169) / 10


def test_what_does_not_fit_is_warned_of(planned, tmp_path):
    config = read_yaml(ROOT / "config/config.yaml")
    config["evaluate"]["limit"] = None
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    _, text = planned(tmp_path / "config.yaml", cpu_minutes=120, cpu_memory_mb=4500)
    assert re.search(r"Warning: evaluate_artifact: a job is expected to take 9\d minutes, .* the 120", text)
    assert re.search(r"Warning: export_tflite: a job is expected to take 6\d minutes", text)
    assert re.search(r"Warning: evaluate_artifact: a job is expected to need \d+ MB .* the 4500", text)
    assert "Warning: train_base" not in text


def test_command_tells_assumptions_disk_and_files(planned):
    lines, text = planned()
    assert float(lines["tune_pruned"][3]) > 1, "GPU hours"
    assert lines["train_base"][4] == "8", "threads"
    assert "Longest chain: " in text
    assert "400 images of 640 px per second, training on one data-centre GPU" in text
    assert " GB needed besides the user's own images, " in text
    assert re.search(r"Files: 3\d{5} are made, ", text)


def test_command_refuses_in_one_sentence(command, tmp_path):
    result = command("plan.py", "--configfile", tmp_path / "none.yaml")
    assert result.returncode != 0
    assert "none.yaml does not exist: name a configuration with --configfile" in result.stderr
    assert "Traceback" not in result.stderr
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump({"name": "some", "unknown": 1}))
    result = command("plan.py", "--configfile", tmp_path / "wrong.yaml")
    assert result.returncode != 0
    assert "unknown key 'unknown'" in result.stderr
    assert "Traceback" not in result.stderr
