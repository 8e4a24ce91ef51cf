"""A whole run of a tiny configuration through the real workflow, with real training, and what comes after it."""

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

import made_up_device
import pytest
import yaml
from conftest import ROOT
from test_workflow import jobs

pytestmark = pytest.mark.slow
PROJECT = ["Snakefile", "rules", "workflow", "config", "envs", "profiles", "resources", "pyproject.toml"]
CONFIG = {
    "name": "tiny",
    "seed": 1,
    "synthetic": {"images": [10, 4, 4], "users": 10, "size": 160, "seed": 3},
    "base_model": "resources/hands.pt",
    "train": {"imgsz": 160, "epochs": 1},
    "coarse": {"ratios": [0.5], "epochs": 1},
    "fine": {"ratios": [0.3], "epochs": 1},
    "export": {"models": ["base", "fine 0.3"], "artifacts": ["full.onnx", "int8.onnx", "half.tflite"]},
    "evaluate": {"limit": 30},
    "measure": {"rounds": 2, "frames": 8, "warmup": 2},
}
# What needs a counter that a machine may lack.
MAY_BE_EMPTY = {"energy_mj", "energy_source"}


class Project:
    """A copy of the project in which a test may edit what it likes."""

    def __init__(self, folder):
        self.folder = folder
        for name in PROJECT:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)

    def snakemake(self, *arguments, config=CONFIG):
        (self.folder / "tiny.yaml").write_text(yaml.safe_dump(config))
        line = [str(Path(sys.executable).with_name("snakemake")), *map(str, arguments)]
        line += ["--profile", "profiles/local", "--configfile", "tiny.yaml"]
        return subprocess.run(line, cwd=self.folder, capture_output=True, text=True, timeout=1500)

    def planned(self, config=CONFIG):
        return jobs(self.snakemake("-n", config=config))

    def table(self, name):
        with (self.folder / f"results/tiny/tables/{name}.csv").open(newline="") as stream:
            return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("project"))
    report = ["--report", "results/tiny/report.html", "--report-after-run"]
    result = project.snakemake(*report)
    assert result.returncode == 0, result.stdout + result.stderr
    return project


def test_tables_are_complete(project):
    rows = {name: project.table(name) for name in ("models", "artifacts", "inference", "selection")}
    assert [row["model"] for row in rows["models"]] == [
        "tiny",
        "tiny_tuned",
        "tiny_coarse_prune_50_tuned",
        "tiny_fine_prune_30_tuned",
    ]
    assert len(rows["artifacts"]) == len(rows["inference"]) == 6
    assert rows["selection"]
    types = project.table("output_types")
    assert {row["file"] for row in types if row["chosen"] == "True"} <= {row["file"] for row in rows["artifacts"]}
    assert all(row["time_of_full"] and row["accuracy_of_full"] and row["why"] for row in types)
    columns = {
        "models": "model method ratio parameters nonzero_parameters macs map50 map50_95",
        "artifacts": "model format precision file bytes bytes_zipped map50 map50_95",
        "inference": "device model format precision threads p50_ms p90_ms p99_ms mean_ms min_ms preprocess_ms "
        "postprocess_ms peak_rss_mb energy_mj energy_source",
        "selection": "device model format precision reason",
    }
    for name, wanted in columns.items():
        for row in rows[name]:
            empty = {column for column in wanted.split() if row[column] == ""}
            assert empty <= MAY_BE_EMPTY, (name, row)
    for row in rows["artifacts"]:
        assert float(row["map50_95_low"]) < float(row["map50_95_high"])
        assert float(row["kept_low"]) <= float(row["kept_high"])
        assert (row["of_float_low"] != "") == (row["precision"] == "int8")
        assert 0 <= float(row["threshold"]) < 1
    tuned = [row for row in rows["models"] if row["tuned"] == "True"]
    assert len(tuned) == 3
    assert all(row["map50_before_tuning"] != "" and row["map50_95_before_tuning"] != "" for row in tuned)


def test_pruning_did_what_its_name_says(project):
    base, twin, coarse, fine = project.table("models")
    assert all(twin[column] == base[column] for column in ("macs", "parameters"))
    assert int(coarse["macs"]) < 0.35 * int(base["macs"])
    assert int(coarse["parameters"]) < 0.35 * int(base["parameters"])
    assert fine["parameters"] == base["parameters"]
    assert 0.65 < int(fine["nonzero_parameters"]) / int(base["nonzero_parameters"]) < 0.75


def test_the_shipped_base_detects_hands(project):
    base = project.table("models")[0]
    assert float(base["map50"]) > 0.6


def test_artifacts_keep_the_accuracy_of_their_model(project):
    models = {row["model"]: float(row["map50_95"]) for row in project.table("models")}
    for row in project.table("artifacts"):
        loss = models[row["model"]] - float(row["map50_95"])
        assert loss < (0.1 if row["precision"] == "int8" else 0.02), row


def test_the_chosen_are_measured_on_all_of_test(project):
    looked_at = {
        (row["images"], row["images_in_split"]) for row in project.table("artifacts") + project.table("models")
    }
    assert looked_at == {("30", "40")}
    chosen = project.table("chosen")
    assert {row["file"] for row in chosen} == {row["file"] for row in project.table("selection")}
    assert {(row["images"], row["part_images"]) for row in chosen} == {("40", "30")}
    page = (project.folder / "results/tiny/pages/choice.html").read_text()
    assert "on 40 images" in page


def test_the_report_is_whole_and_needs_no_network(project):
    text = (project.folder / "results/tiny/report.html").read_text()
    sections = ("1 Choice", "2 Speed, accuracy and size", "3 Sensitivity", "4 Degradation", "5 Resources")
    for section in (*sections, "6 Where the time goes", "7 Data", "8 How it was measured"):
        assert section in text
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']https?://", text)


def test_nothing_is_left_to_do(project):
    assert project.planned() == {}


def test_a_new_ratio_and_a_new_artifact_run_only_what_is_new(project):
    config = CONFIG | {"fine": {"ratios": [0.3, 0.7], "epochs": 1}}
    found = project.planned(config)
    assert found["fine_prune"] == found["tune_pruned"] == 1
    assert found["evaluate_model"] == 2
    assert not {"train_base", "tune_base", "coarse_prune", "hagrid_to_yolo", "synthesize_hands", "export_onnx"} & set(
        found
    )
    more = CONFIG["export"] | {"artifacts": [*CONFIG["export"]["artifacts"], "full.tflite"]}
    found = project.planned(CONFIG | {"export": more})
    assert found["export_tflite"] == found["evaluate_artifact"] == found["measure_on_cpu"] == 2
    assert not {"train_base", "tune_pruned", "export_onnx"} & set(found)


def test_a_comparison_with_another_run_makes_nothing_else_run_again(project):
    found = project.planned(CONFIG | {"compare_with": "results/other"})
    assert found == {"write_config": 1, "compare_runs": 1, "all": 1}


def test_times_from_another_device_make_only_tables_and_report_again(project):
    page = made_up_device.page({"tiny_full.onnx": 20.0, "tiny_half.tflite": 10.0})
    made_up_device.save(project.folder / "phone.json", page)
    found = project.planned(CONFIG | {"measure": CONFIG["measure"] | {"imported": [{"files": ["phone.json"]}]}})
    assert set(found) == {
        *("write_config", "write_manifest", "import_timings", "gather_records", "select_models", "evaluate_chosen"),
        *("compare_chosen", "draw_failures", "plot_results", "render_report", "all"),
    }


def test_edits_of_code_comments_and_environments_retrain_nothing(project):
    for path in [*project.folder.glob("rules/*.smk"), *project.folder.glob("envs/*.yaml")]:
        path.write_text(path.read_text() + "\n# A comment that was not there.\n")
    for path in project.folder.rglob("workflow/scripts/**/*.py"):
        path.write_text(path.read_text() + "\n# A comment that was not there.\n")
    train = project.folder / "rules/train.smk"
    train.write_text(train.read_text().replace("Fine-tuning {wildcards.pruned}", "Tuning {wildcards.pruned}"))
    assert project.planned() == {}


def test_another_number_of_epochs_is_a_reason_to_train_again(project):
    found = project.planned(CONFIG | {"fine": {"ratios": [0.3], "epochs": 2}})
    assert found["tune_pruned"] == found["tune_base"] == 1, "the twin is tuned as long as the longest"
    assert "train_base" not in found


@pytest.mark.fault
def test_a_failed_job_costs_its_rows_and_not_the_report(project):
    run, file = project.folder / "results/tiny", "tiny_int8.onnx"
    complete = (run / "tables/artifacts.csv").read_bytes()
    (run / f"artifacts/{file}").write_bytes((run / f"artifacts/{file}").read_bytes()[:1000])
    result = project.snakemake()
    text = result.stdout + result.stderr
    assert result.returncode == 1
    assert "results/tiny/partial/pages/index.html shows what was measured. results/tiny/pages/index.html is of" in text
    assert "is of an earlier run. 2 of the expected rows are missing" in text
    why = f"failed: .*artifacts/{file} cannot be loaded"
    assert re.search(f"artifacts: {file}: evaluate_artifact {why}", text)
    assert re.search(f"inference: {file} on cpu, 1 threads: measure_on_cpu {why}", text)
    assert text.rindex("Error in rule") < text.index("shows what was measured"), "first what failed"
    assert "2 expected rows are missing" in (run / "partial/pages/index.html").read_text()
    assert (run / "tables/artifacts.csv").read_bytes() == complete
    assert {"evaluate_artifact", "gather_records", "render_report"} <= set(project.planned())
