"""The DAG: dry runs of the shipped configurations, lint, and what wrong configurations are told."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import shapes
import tiny_hagrid
import yaml
from conftest import ROOT, SCRIPTS

DEMO = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
DATA = {"name": "some", "synthetic": {"images": [2, 1, 1]}, "base_model": "yolo11n.yaml"}


def jobs(result):
    """Job counts of a dry run by rule."""
    assert result.returncode == 0, result.stdout + result.stderr
    text = result.stdout + result.stderr
    if "Nothing to be done" in text:
        return {}
    table = text.rsplit("Job stats:", 1)[1].split("total", 1)[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def test_demo_makes_each_ratio_and_each_artifact_a_job(snakemake, tmp_path):
    found = jobs(snakemake(tmp_path, "-n", "--profile", ROOT / "profiles/local", config=DEMO))
    ratios = len(DEMO["coarse"]["ratios"]) + len(DEMO["fine"]["ratios"])
    assert found["tune_pruned"] == ratios
    assert found["tune_base"] == 1
    assert found["evaluate_model"] == 2 + 2 * ratios
    assert found["export_onnx"] == found["export_tflite"] == 3 * len(DEMO["export"]["models"])
    assert found["evaluate_artifact"] == 6 * len(DEMO["export"]["models"])
    assert found["compare_chosen"] == found["draw_failures"] == 1
    assert found["measure_on_cpu"] == found["evaluate_artifact"] * len(DEMO["measure"]["threads"])
    assert "fetch_weights" not in found
    assert "check_gpu" not in found


def test_full_configuration_dry_runs_without_data_and_warns(snakemake, tmp_path):
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    result = snakemake(tmp_path, "-n", config=config)
    found = jobs(result)
    assert found["tune_pruned"] == 18
    assert found["tune_base"] == 1
    assert found["export_onnx"] + found["export_tflite"] == 19 * 6
    assert found["measure_on_gpu"] == 19 * 3
    assert found["fetch_weights"] == 1
    assert "fetch_hagrid" not in found
    assert "hagrid.images: data/hagrid/images does not exist" in result.stdout + result.stderr


@pytest.mark.parametrize("option", ["--dag", "--rulegraph"])
def test_graphs_are_dot(snakemake, tmp_path, option):
    result = snakemake(tmp_path, option, config=DATA)
    assert result.stdout.startswith("digraph")
    assert result.stdout.rstrip().endswith("}")


@pytest.mark.parametrize("config", ["config.yaml", "demo.yaml"])
def test_lint_is_clean(config):
    line = [str(Path(sys.executable).with_name("snakemake")), "--lint"]
    line += ["--configfile", str(ROOT / "config" / config)]
    result = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "in a good condition" in result.stdout + result.stderr


def test_a_configuration_stands_for_itself(snakemake, tmp_path):
    found = jobs(snakemake(tmp_path, "-n", config=DATA))
    assert "tune_pruned" not in found, "ratios of config/config.yaml leaked into another configuration"


def test_ready_data_sets_and_detectors_need_no_training_or_conversion(snakemake, tmp_path):
    data, detector = tmp_path / "data.yaml", tmp_path / "mine.pt"
    data.write_text("names: [cat]\n")
    detector.write_bytes(b"")
    config = {"name": "mine", "dataset": str(data), "trained_model": str(detector), "fine": {"ratios": [0.5]}}
    found = jobs(snakemake(tmp_path, "-n", config=config))
    assert found["prepare_dataset"] == found["check_base_model"] == found["import_model"] == 1
    assert not {"hagrid_to_yolo", "train_base", "synthesize_hands"} & set(found)


PRUNING = {"coarse": {"ratios": [0.5], "epochs": 4, "patience": 2, "options": {"lr0": 0.002}}}


@pytest.mark.parametrize(
    ("change", "arguments"),
    [
        ({}, "--as-after coarse --resume --epochs 4 --patience 2 --average 0 --set lr0=0.002"),
        ({"fine": {"ratios": [0.5], "epochs": 4}}, "--as-after coarse --resume --epochs 4 --patience 2"),
        ({"fine": {"ratios": [0.5], "epochs": 5, "patience": 3}}, "--as-after fine --resume --epochs 5 --patience 3"),
        ({"fine": {"epochs": 5}}, "--as-after coarse --resume --epochs 4"),
    ],
)
def test_the_twin_of_the_base_is_tuned_as_the_longest_tuned_pruned_models_are(snakemake, tmp_path, change, arguments):
    result = snakemake(tmp_path, "-n", "-p", "models", config=DATA | PRUNING | change)
    assert jobs(result)["tune_base"] == 1
    (line,) = [line for line in result.stdout.splitlines() if "train.py some_tuned " in line]
    said = line.replace(" --imgsz 640 --batch 16", "")
    assert "--base-model results/some/models/some.pt" in said
    assert "--pruned-model" not in said
    assert arguments in said


def test_pruned_models_are_tuned_by_the_schedule_and_the_teacher_of_their_method(snakemake, tmp_path):
    teacher = tmp_path / "large.pt"
    teacher.write_bytes(b"")
    coarse = {"ratios": [0.5], "steps": 3, "average": 4, "teacher": str(teacher), "options": {"lr0": 0.002}}
    fine = {"ratios": [0.9], "schedule": "cubic", "teacher": "base", "options": {"lr0": 0.001}}
    result = snakemake(tmp_path, "-n", "-p", "models", config=DATA | {"coarse": coarse, "fine": fine})
    lines = {name: line for line in result.stdout.splitlines() for name in line.split() if "train.py " in line}
    said = lines["some_coarse_prune_50_tuned"]
    assert f"--distill {teacher} --gradual-from results/some/models/some.pt --steps 3" in said
    assert "--average 4" in said
    said = lines["some_fine_prune_90_tuned"]
    assert "--distill results/some/models/some.pt --gradual-from results/some/models/some.pt --record" in said
    fine["teacher"] = "tuned"
    result = snakemake(tmp_path, "-n", "-p", "models", config=DATA | {"coarse": coarse, "fine": fine})
    assert "--distill results/some/models/some_tuned.pt --gradual-from results/some/models/some.pt" in result.stdout
    (check,) = [line for line in result.stdout.splitlines() if "check_base_model.py " in line]
    assert f"--teachers {teacher} --set lr0=0.002 lr0=0.001 --output" in " ".join(check.split())


def test_the_twin_can_be_left_out_and_is_exported_only_if_it_is_named(snakemake, tmp_path):
    assert "tune_base" not in jobs(snakemake(tmp_path, "-n", config=DATA))
    assert "tune_base" not in jobs(snakemake(tmp_path, "-n", config=DATA | PRUNING | {"tune_base": False}))
    one = DATA | PRUNING | {"export": {"artifacts": ["full.onnx"]}}
    assert jobs(snakemake(tmp_path, "-n", config=one))["export_onnx"] == 2
    one["export"]["models"] = ["base", "base tuned"]
    result = snakemake(tmp_path, "-n", "-p", config=one)
    assert jobs(result)["export_onnx"] == 2
    assert "some_tuned_full.onnx" in result.stdout


def test_image_sizes_are_an_axis(snakemake, tmp_path):
    config = DATA | {"train": {"imgsz": 64}, "export": {"imgsz": [64, 96], "artifacts": ["full.onnx"]}}
    result = snakemake(tmp_path, "-n", "-p", config=config)
    assert jobs(result)["export_onnx"] == 2
    assert "some_96_full.onnx" in result.stdout + result.stderr
    assert "some_64_full.onnx" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("section", "values", "arguments"),
    [
        ("coarse", {"spread": "uniform"}, "--ranking taylor --spread uniform --round-to 16"),
        (
            "coarse",
            {"ranking": "ln", "norm": 1},
            "--ranking ln --norm 1 --spread global --macs-limit 1.15",
        ),
        ("coarse", {"mode": "mask"}, "--mode mask --norm 2 --seed"),
        ("fine", {"pattern": "2:4", "scope": "lamp"}, "--pattern 2:4 --record"),
    ],
)
def test_pruning_gets_the_options_of_its_kind_only(snakemake, tmp_path, section, values, arguments):
    target = f"results/some/models/some_{section}_prune_50.pt"
    result = snakemake(tmp_path, "-n", "-p", target, config=DATA | {section: values})
    found = jobs(result)
    assert arguments in " ".join(result.stdout.split())
    assert "scan_layers" not in found


def test_hagrid_is_read_with_all_its_options(snakemake, tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", "v1", images=1, phases=("train", "test"), layout="v1")
    given = {"images": str(root / "images"), "annotations": str(root / "annotations"), "targets": "all"}
    given |= {"mode": "hands", "max_idle": 2, "background": str(root), "strict": True}
    config = {"name": "some", "base_model": "yolo11n.yaml", "hagrid": given, "hide_images": True}
    result = snakemake(tmp_path, "-n", "-p", config=config)
    said = " ".join(result.stdout.split())
    assert "--targets all --mode hands --max-missing 0.05 --max-idle 2" in said
    assert f"--background {root} --strict --seed 0 --out results/some/dataset --labels results/labels" in said
    assert "--classes timeout fist like no_gesture" in said
    assert not {"draw_samples", "draw_failures"} & set(jobs(result)), "pictures of people"
    assert jobs(result)["compare_chosen"] == 1


def test_the_chosen_are_measured_once_more_where_others_are_measured_on_a_part(snakemake, tmp_path):
    assert "evaluate_chosen" not in jobs(snakemake(tmp_path, "-n", config=DATA))
    result = snakemake(tmp_path, "-n", "-p", config=DATA | {"evaluate": {"limit": 7}})
    assert jobs(result)["evaluate_chosen"] == 1
    assert result.stdout.count("--limit 7") == jobs(result)["evaluate_artifact"] + jobs(result)["evaluate_model"] + sum(
        count for rule, count in jobs(result).items() if rule.startswith("export_")
    )


def test_where_a_gpu_is_asked_for_it_is_checked_first(snakemake, tmp_path):
    config = DATA | {"device": "gpu", "measure": {"devices": ["gpu"]}}
    assert jobs(snakemake(tmp_path, "-n", config=config))["check_gpu"] == 2
    result = snakemake(tmp_path, "-n", "results/some/models/some.pt", config=config)
    assert {"check_gpu", "train_base", "hagrid_to_yolo"} <= set(jobs(result))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"coarse": {"ratios": [1.2]}}, "coarse.ratios.0: 1.2 must be less than 1"),
        ({"unknown": 1}, "unknown key 'unknown'"),
        ({"export": {"models": ["coarse 0.3"]}}, "export.models: 'coarse 0.3' is none of ['base']"),
        ({"export": {"models": ["base tuned"]}}, "export.models: 'base tuned' is none of ['base']"),
        ({"export": {"artifacts": ["full.tfl"]}}, "'full.tfl' is not an artifact that can be made"),
        ({"synthetic": None}, "names no data"),
        (
            {"coarse": {"ratios": [0.5], "steps": 3, "mode": "mask"}},
            "coarse.steps is for the mode remove, not for mask",
        ),
    ],
)
def test_wrong_configurations_get_one_sentence(snakemake, tmp_path, change, sentence):
    result = snakemake(tmp_path, "-n", config=DATA | change)
    assert result.returncode != 0
    assert sentence in result.stderr + result.stdout
    assert "Traceback" not in result.stderr + result.stdout


def test_a_real_run_refuses_missing_paths_before_its_first_job(snakemake, tmp_path):
    taught = {"coarse": {"ratios": [0.5], "teacher": "teachers/none.pt"}}
    result = snakemake(tmp_path, config=DATA | {"base_model": "weights/none.pt", "video": "clip.mp4"} | taught)
    text = result.stdout + result.stderr
    assert result.returncode != 0
    assert "base_model: weights/none.pt does not exist" in text
    assert "video: clip.mp4 does not exist" in text
    assert "coarse.teacher: teachers/none.pt does not exist" in text
    assert not (tmp_path / "results/some/hagrid").exists()


def test_every_command_runs_by_name_and_has_help():
    for path in sorted(SCRIPTS.glob("*.py")):
        assert os.access(path, os.X_OK), path
        assert path.read_text().startswith("#!/usr/bin/env python\n"), path
        line = [sys.executable, "-X", "importtime", str(path), "--help"]
        result = subprocess.run(line, capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stderr
        assert "usage:" in result.stdout
        imported = {line.rsplit("|", 1)[-1].strip() for line in result.stderr.splitlines()}
        assert "argparse" in imported
        assert not imported & {"torch", "ultralytics", "tensorflow", "pandas", "cv2", "onnxruntime"}, path


def test_the_library_knows_neither_snakemake_nor_configurations():
    for path in (SCRIPTS / "pinch").rglob("*.py"):
        assert not re.search(r"^\s*(import|from) snakemake", path.read_text(), re.MULTILINE), path


def test_only_common_reads_the_configuration_into_lists():
    for path in (ROOT / "rules").glob("*.smk"):
        if path.name != "common.smk":
            assert not re.search(r"for .* in .*config\[", path.read_text()), path


def hostile(folder):
    """A folder whose name a shell would take apart, run, or fill in."""
    made = folder / "my 'data'; touch pwned; $HOME & \"x\""
    made.mkdir()
    return made


@pytest.mark.fault
def test_names_that_a_shell_would_take_for_commands_stay_names(snakemake, tmp_path):
    data = shapes.write(hostile(tmp_path), train=3, val=3)
    config = {"name": "mine", "dataset": str(data), "base_model": "yolo11n.yaml", "train": {"imgsz": 64}}
    result = snakemake(tmp_path, "results/mine/dataset/data.yaml", "results/mine/plots/samples.png", config=config)
    assert result.returncode == 0, result.stdout + result.stderr
    assert (tmp_path / "results/mine/plots/samples.png").exists()
    assert not (tmp_path / "pwned").exists()
    record = json.loads((tmp_path / "results/mine/records/dataset.json").read_text())
    assert record["result"]["splits"]["train"]["images"] == 3


def test_the_configuration_is_written_down_with_its_defaults_and_can_be_used_again(snakemake, tmp_path):
    path = "results/some/config.json"
    done = snakemake(tmp_path, path, config=DATA)
    assert done.returncode == 0, done.stderr
    said = json.loads((tmp_path / path).read_text())
    assert (said["synthetic"]["images"], said["coarse"]["round_to"]) == ([2, 1, 1], 16)
    assert jobs(snakemake(tmp_path, "-n", path, config=DATA)) == {}
    assert jobs(snakemake(tmp_path, "-n", path, "--configfile", tmp_path / path)) == {}
    assert jobs(snakemake(tmp_path, "-n", path, config=DATA | {"seed": 3})) == {"write_config": 1}


def test_a_run_is_set_beside_another_one_if_the_configuration_names_it(snakemake, tmp_path):
    assert "compare_runs" not in jobs(snakemake(tmp_path, "-n", config=DATA))
    named = DATA | {"compare_with": "results/another run"}
    assert jobs(snakemake(tmp_path, "-n", config=named))["compare_runs"] == 1
    result = snakemake(tmp_path, "-n", "-p", "compare", config=named)
    found = jobs(result)
    assert (found["compare_runs"], "render_report" in found) == (1, False)
    assert "compare.py 'results/another run' results/some --output results/some/comparison.html" in result.stdout
    assert "compare_with: results/another run does not exist" in result.stdout + result.stderr
    refused = snakemake(tmp_path, "-n", "compare", config=DATA)
    assert refused.returncode != 0
    assert "names no run to compare with: set compare_with" in refused.stdout + refused.stderr


def test_every_value_reaches_the_shell_quoted():
    unquoted = set()
    for path in (ROOT / "rules").glob("*.smk"):
        for shell in re.findall(r"shell:\n((?:\s+[\"'].*\n)+)", path.read_text()):
            unquoted |= set(re.findall(r"\{([^}]*)(?<!:q)\}", shell))
    assert unquoted == {"threads", "resources.gpu"}, "numbers of Snakemake's own"


@pytest.mark.fault
def test_paths_with_braces_are_refused_with_a_sentence(snakemake, tmp_path):
    result = snakemake(tmp_path, "-n", config=DATA | {"video": "clips/{new}.mp4"})
    assert result.returncode != 0
    assert "video: clips/{new}.mp4 has braces, which Snakemake takes for wildcards" in result.stdout + result.stderr


def test_a_failed_training_is_a_failed_job(snakemake, tmp_path):
    """Its output also goes through a pipe, whose last command does not fail."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "broken.pt")
    data = shapes.write(tmp_path / "set", train=3, val=3)
    config = {"name": "mine", "dataset": str(data), "base_model": str(tmp_path / "broken.pt")}
    result = snakemake(tmp_path, "results/mine/models/mine.pt", config=config)
    text = result.stdout + result.stderr
    assert result.returncode != 0
    assert "non-zero exit code" in text
    assert "MissingOutputException" not in text


def test_a_failing_command_is_named_with_its_reason_and_log(snakemake, tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "broken.pt")
    config = {
        "name": "mine",
        "trained_model": str(tmp_path / "broken.pt"),
        "synthetic": {"images": [1, 1, 1], "size": 64},
    }
    result = snakemake(tmp_path, "--profile", ROOT / "profiles/local", "results/mine/models/mine.pt", config=config)
    text = result.stdout + result.stderr
    assert result.returncode != 0
    assert "Error in rule check_base_model" in text
    assert "logs/check_base_model/mine.log" in text
    assert "broken.pt" in text.split("Logfile")[1]


@pytest.mark.fault
def test_a_run_that_fails_before_anything_is_measured_reports_nothing(snakemake, tmp_path):
    (tmp_path / "data.yaml").write_text("names: [cat]\n")
    config = {"name": "mine", "dataset": str(tmp_path / "data.yaml"), "base_model": "yolo11n.yaml"}
    result = snakemake(tmp_path, "--show-failed-logs", config=config)
    text = result.stdout + result.stderr
    assert result.returncode == 1
    # Whichever of the two jobs that read it comes first.
    assert re.search(r"(prepare_dataset|check_base_model)\.py: error: .*names no split", text)
    assert "was measured" not in text
    assert not (tmp_path / "results/mine/partial").exists()


def test_importing_the_library_changes_nothing(tmp_path):
    """Snakemake imports it, and hands its environment on to every job, on SLURM to every node."""
    modules = [path.relative_to(SCRIPTS).with_suffix("") for path in sorted((SCRIPTS / "pinch").rglob("*.py"))]
    # What is packed into bundles is imported beside each other there, and by nobody here.
    names = [".".join(path.parts).removesuffix(".__init__") for path in modules if "decoders" not in path.parts]
    code = (
        "import importlib, os; before = dict(os.environ)\n"
        f"for name in {names}:\n    importlib.import_module(name)\n"
        "changed = {k for k in os.environ.keys() | before if os.environ.get(k) != before.get(k)}\n"
        "print({k for k in changed if k.startswith(('YOLO', 'PINCH'))})"
    )
    clean = {key: value for key, value in os.environ.items() if not key.startswith("YOLO")}
    clean |= {"PYTHONPATH": str(SCRIPTS), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
