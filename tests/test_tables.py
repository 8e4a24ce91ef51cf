"""What is gathered, what is missing, and what a run cost."""

import json
import os

import made_up_run
import pandas as pd
import pytest

import gather
from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.data import DatasetRecord
from pinch.core.record_types.measurements import AccuracyRecord
from pinch.core.record_types.weights import TrainingRecord
from pinch.run import manifest
from pinch.run.identity import Model
from pinch.tables import compared, gathering, stages


@pytest.fixture
def run(tmp_path):
    return made_up_run.make(tmp_path / "results/demo", coarse=(30, 50), fine=(50,))


def test_fixed_columns_come_first(run):
    gathered = gathering.gather(run).tables
    assert list(gathered["models"])[:10] == (
        ["model", "method", "ratio", "parameters", "nonzero_parameters", "macs", "map50", "map50_95"]
        + ["map50_before_tuning", "map50_95_before_tuning"]
    )
    assert list(gathered["artifacts"])[:8] == (
        ["model", "format", "precision", "file", "bytes", "bytes_zipped", "map50", "map50_95"]
    )
    assert list(gathered["inference"])[:15] == (
        ["device", "model", "format", "precision", "threads", "p50_ms", "p90_ms", "p99_ms", "mean_ms", "min_ms"]
        + ["preprocess_ms", "postprocess_ms", "peak_rss_mb", "energy_mj", "energy_source"]
    )


def test_models_hold_test_accuracy_before_and_after_tuning(run):
    models = gathering.gather(run).tables["models"].set_index("model")
    assert list(models.index) == [
        "demo",
        "demo_coarse_prune_30_tuned",
        "demo_coarse_prune_50_tuned",
        "demo_fine_prune_50_tuned",
    ]
    base, coarse = models.loc["demo"], models.loc["demo_coarse_prune_30_tuned"]
    assert (base["method"], base["ratio"], base["map50_95"]) == ("none", 0, 0.727)
    assert base["val_map50_95"] == 0.742
    assert pd.isna(base["map50_95_before_tuning"])
    assert coarse["map50_95"] == pytest.approx(0.727 * 0.985)
    assert coarse["map50_95_before_tuning"] == pytest.approx(0.727 * (1 - 2.2 * 0.3))
    assert models["macs"].dtype == "Int64"


def test_epochs_say_how_their_model_was_trained(run):
    path = run / "records/training/demo_coarse_prune_30_tuned.json"
    changes = {"schedule": "3 steps", "teacher": "large.pt", "averaged_epochs": 2, "averaged_map50_95": 0.6}
    made_up_run.edit(path, TrainingRecord, activation="relu", **changes)
    table = gathering.gather(run).tables["training"]
    assert table["averaged_epochs"].dtype == table["seed"].dtype == "Int64"
    coarse = table[table["model"] == "demo_coarse_prune_30_tuned"]
    found = coarse[[*changes, "activation", "seed"]].drop_duplicates().to_dict("records")
    assert found == [changes | {"activation": "relu", "seed": records.read(path, TrainingRecord).provenance.seed}]
    base = table[table["model"] == "demo"].iloc[0]
    assert (base["schedule"], base["averaged_epochs"]) == ("one-shot", 0)
    assert base[["teacher", "activation"]].isna().all()


def test_the_twin_of_the_base_is_a_row_after_it(tmp_path):
    run = made_up_run.make(tmp_path / "run", coarse=(30,), fine=(), twin=1.02)
    models = gathering.gather(run).tables["models"]
    assert list(models["label"]) == ["demo", "demo tuned", "coarse 30%"]
    assert list(models["tuned"]) == [False, True, True]
    twin = models.set_index("model").loc["demo_tuned"]
    assert (twin["method"], twin["ratio"]) == ("none", 0)
    assert twin["val_map50_95"] == pytest.approx(0.742 * 1.02)
    assert twin["map50_95_before_tuning"] == 0.727, "the base's"
    (run / "manifest.json").unlink()
    pd.testing.assert_frame_equal(models, gathering.gather(run).tables["models"])
    assert manifest.load(run).base == Model("demo")


def test_artifacts_and_timings_are_complete_and_named_by_their_file(run):
    gathered = gathering.gather(run).tables
    artifacts, inference = gathered["artifacts"], gathered["inference"]
    assert len(artifacts) == 4 * 6
    assert len(inference) == 4 * 6 * 2
    row = artifacts.set_index("file").loc["demo_coarse_prune_50_tuned_int8.tflite"]
    assert (row["model"], row["format"], row["precision"]) == ("demo_coarse_prune_50_tuned", "tflite", "int8")
    assert (row["method"], row["ratio"], row["guard_share"]) == ("coarse", 0.5, 0.992)
    assert artifacts.set_index("file").loc["demo_coarse_prune_50_tuned_full.tflite", "parity_score"] == 1e-4
    needed = ["p50_ms", "p90_ms", "p99_ms", "mean_ms", "min_ms", "preprocess_ms", "postprocess_ms", "peak_rss_mb"]
    assert inference[needed].notna().all().all()
    assert set(inference["baseline_file"].dropna()) == {"demo_full.onnx"}
    assert set(inference.loc[inference["baseline_file"].isna(), "file"]) == {"demo_full.onnx"}


def test_a_record_that_no_one_expects_is_in_no_table(run):
    stale = run / "records/accuracy/demo_coarse_prune_50_tuned.json"
    (run / "records/accuracy/demo_coarse_prune_90_tuned.json").write_text(stale.read_text())
    assert "demo_coarse_prune_90_tuned" not in set(gathering.gather(run).tables["models"]["model"])


@pytest.mark.fault
def test_missing_records_are_named(run):
    (run / "records/accuracy/demo_fine_prune_50.json").unlink()
    (run / "records/accuracy/demo_half.onnx.json").write_text("{")
    (run / "records/inference/cpu_2/demo_int8.onnx.json").unlink()
    with pytest.raises(
        PinchError, match=r"3 of the records .*/demo_fine_prune_50.json \(no record\).*partial_report.py"
    ):
        gathering.gather(run)
    partial = gathering.gather(run, partial=True)
    assert {row["row"] for row in partial.missing} == {
        "demo_fine_prune_50_tuned",
        "demo_half.onnx",
        "demo_int8.onnx on cpu, 2 threads",
    }
    models = partial.tables["models"].set_index("model")
    assert models.loc["demo_fine_prune_50_tuned", "map50_95"] > 0
    assert pd.isna(models.loc["demo_fine_prune_50_tuned", "map50_before_tuning"])
    assert "demo_half.onnx" not in set(partial.tables["artifacts"]["file"])
    assert list(partial.tables["missing"].columns) == ["table", "row", "record", "reason"]


def test_without_a_manifest_every_record_counts(run):
    whole = gathering.gather(run).tables
    (run / "manifest.json").unlink()
    by_hand = gathering.gather(run).tables
    for name in ("models", "artifacts", "inference"):
        pd.testing.assert_frame_equal(whole[name], by_hand[name])
    assert manifest.load(run).base == Model("demo")


def test_other_image_sizes_are_models_of_their_own(run):
    source = run / "records/accuracy/demo_coarse_prune_50_tuned_int8.onnx.json"
    other = run / "records/accuracy/demo_coarse_prune_50_tuned_256_int8.onnx.json"
    other.write_text(source.read_text())
    made_up_run.edit(other, AccuracyRecord, file=other.stem, imgsz=256)
    (run / "manifest.json").unlink()
    row = gathering.gather(run).tables["artifacts"].set_index("file").loc["demo_coarse_prune_50_tuned_256_int8.onnx"]
    assert (row["model"], row["method"], row["ratio"]) == ("demo_coarse_prune_50_tuned_256", "coarse", 0.5)


@pytest.mark.parametrize("name", ["demo", "hands_640", "my_coarse_prune_x", "my_fine_prune_30"])
def test_rows_are_what_the_manifest_says_whatever_names_look_like(tmp_path, name):
    folder = made_up_run.make(tmp_path / "run", name, coarse=(50,), fine=(), sizes=(None, 256))
    gathered = gathering.gather(folder).tables
    pruned = f"{name}_coarse_prune_50_tuned"
    assert list(gathered["models"]["label"]) == [name, "coarse 50%"]
    for table in ("artifacts", "inference"):
        found = gathered[table].drop_duplicates("model")[["model", "method", "ratio", "label"]]
        assert found.to_numpy().tolist() == [
            [name, "none", 0.0, name],
            [f"{name}_256", "none", 0.0, f"{name} @256"],
            [pruned, "coarse", 0.5, "coarse 50%"],
            [f"{pruned}_256", "coarse", 0.5, "coarse 50% @256"],
        ]


def test_a_study_that_is_no_longer_asked_for_is_in_no_table(run):
    made_up_run.add_explain(run)
    assert set(gathering.gather(run).tables["sensitivity"]["study"]) == {"layers", "explain"}
    made_up_run.expect(run, studies=["layers"])
    assert set(gathering.gather(run).tables["sensitivity"]["study"]) == {"layers"}


def test_a_manifest_of_an_earlier_version_is_named_as_such(run):
    (run / "manifest.json").write_text('{"name": "demo", "base": "demo", "models": ["demo"], "artifacts": []}')
    with pytest.raises(PinchError, match="is of an earlier version of Pinch"):
        gathering.gather(run)


def test_folders_that_are_no_runs(tmp_path):
    with pytest.raises(PinchError, match=r"neither a manifest.json nor records"):
        gathering.gather(tmp_path)
    (tmp_path / "manifest.json").write_text('{"models": []}')
    with pytest.raises(PinchError, match=r"manifest.json is not a manifest"):
        gathering.gather(tmp_path)
    with pytest.raises(PinchError, match=r"models.csv does not exist: run gather.py"):
        gathering.read(tmp_path, "models")


def test_command_writes_every_table(run, capsys):
    gather.main([str(run)])
    assert "tables: 4 models, 24 artifacts, 48 inference" in capsys.readouterr().out
    assert {path.stem for path in (run / "tables").iterdir()} == set(gathering.COLUMNS) - {"chosen", *compared.COLUMNS}
    assert len(gathering.read(run, "models")) == 4


def _benchmark(folder, rule, name, seconds, end, rss="100"):
    path = folder / rule / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\tcpu_time\n{seconds}\t0:00:01\t{rss}\t{seconds}\n")
    os.utime(path, (end, end))


def test_stages_share_the_moments_they_have_in_common(tmp_path):
    _benchmark(tmp_path, "train", "base", 10, end=1010)
    _benchmark(tmp_path, "export", "a", 10, end=1015, rss="900")
    _benchmark(tmp_path, "export", "b", 5, end=2000, rss="-")
    rows = {row["rule"]: row for row in stages.rows(tmp_path)}
    # train alone 0 to 5, both 5 to 10, export alone 10 to 15, then a pause, then export alone for 5.
    assert list(rows) == ["train", "export", "all"]
    assert rows["train"]["share_seconds"] == 7.5
    assert rows["export"]["share_seconds"] == 12.5
    assert rows["export"]["wall_seconds"] == 15
    assert rows["export"]["peak_rss_mb"] == 900
    assert (rows["all"]["jobs"], rows["all"]["wall_seconds"], rows["all"]["job_seconds"]) == (3, 20, 25)


def test_stages_of_a_run_without_benchmarks(tmp_path):
    (tmp_path / "notes.tsv").write_text("a\tb\n1\t2\n")
    assert stages.rows(tmp_path) == []


@pytest.mark.fault
def test_records_of_another_state_of_the_data_are_in_no_table(run):
    made_up_run.edit(run / "records/dataset.json", DatasetRecord, digest="1" * 64)
    assert gathering.gather(run).missing == []  # records that do not tell are those of earlier versions
    path = run / "records/accuracy/demo.json"
    content = json.loads(path.read_text())
    for digest, missing in (("1" * 64, 0), ("2" * 64, 1)):
        content["provenance"]["data"] = digest
        path.write_text(json.dumps(content))
        found = gathering.gather(run, partial=True).missing
        assert len(found) == missing
    assert found[0]["reason"] == "was made from another state of the data set: run the workflow again"
    with pytest.raises(PinchError, match=r"accuracy/demo\.json \(was made from another state of the data set"):
        gathering.gather(run)


def test_provenance_has_a_row_for_each_kind_of_records_and_machine(tmp_path):
    folder = made_up_run.make(tmp_path / "demo", devices=(("cpu", 1),), coarse=(50,), fine=(), processors=("A", "B"))
    table = gathering.gather(folder).tables["provenance"].set_index(["records", "processor"])
    assert table["count"]["inference/cpu_1", "A"] == table["count"]["inference/cpu_1", "B"] == 6
    assert table["count"]["dataset", "Made-up CPU"] == 1
    assert table["count"]["accuracy", "Made-up CPU"] == 12 + 3
    assert set(table["seed"]) == {0}
    assert set(table["versions"]) == {"python 3.11"}
