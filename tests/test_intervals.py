"""Intervals of a run: computed once from evidence, and read into the tables."""

import json
from dataclasses import replace

import made_up_run
import pandas as pd
import pytest

import compare_accuracy
from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.intervals import IntervalsRecord
from pinch.core.record_types.measurements import AccuracyRecord, OperatingPoint
from pinch.measuring import evidence, statistics
from pinch.tables import gathering, intervals

INT8, FLOAT = "demo_coarse_prune_50_tuned_int8.onnx", "demo_coarse_prune_50_tuned_full.onnx"


@pytest.fixture
def run(tmp_path):
    """A run with evidence of every file, whose intervals are not computed."""
    folder = made_up_run.make(tmp_path / "results/demo", coarse=(50,), fine=())
    (folder / "records/intervals.json").unlink()
    made_up_run.add_evidence(folder)
    return folder


def of_file(folder, name):
    return {
        split: statistics.resample(found)
        for split, found in evidence.read(folder / f"records/accuracy/{name}.npz", None).items()
    }


def test_the_command_computes_them_from_evidence(run, capsys):
    compare_accuracy.main([str(run)])
    assert "14 files, compared with demo.pt" in capsys.readouterr().out
    found = records.read(run / "records/intervals.json", IntervalsRecord).value
    assert (found.level, found.reference) == (0.95, "demo.pt")
    by_file = {each.file: each.splits for each in found.files}
    base, int8, full = (of_file(run, name) for name in ("demo", INT8, FLOAT))
    for split in ("val", "test"):
        said = by_file[INT8][split]
        assert said.map50_95 == statistics.map50_95(int8[split])
        assert said.kept.whole == statistics.share(int8[split], base[split])
        assert said.kept.worst_class == statistics.worst_class(int8[split], base[split])
        assert (said.of_float.of, said.of_float.whole) == (FLOAT, statistics.share(int8[split], full[split]))
        assert said.groups == said.persons < said.images
    assert all((each["val"].of_float is not None) == ("int8" in file) for file, each in by_file.items())
    assert by_file["demo.pt"]["test"].kept is None


def test_tables_have_them_as_columns(run):
    compare_accuracy.main([str(run)])
    path, point = f"records/accuracy/{INT8}.json", OperatingPoint(threshold=0.31, f1=0.8, precision=0.8, recall=0.8)
    made_up_run.edit(run / path, AccuracyRecord, operating_point=point)
    gathered = gathering.gather(run).tables
    row = gathered["artifacts"].set_index("file").loc[INT8]
    said = records.read(run / "records/intervals.json", IntervalsRecord).value
    splits = next(each.splits for each in said.files if each.file == INT8)
    for split, prefix in (("test", ""), ("val", "val_")):
        of = splits[split]
        assert [row[f"{prefix}kept{end}"] for end in ("", "_low", "_high")] == list(vars(of.kept.whole).values())
        assert [row[f"{prefix}of_float{end}"] for end in ("", "_low", "_high")] == list(
            vars(of.of_float.whole).values()
        )
        assert row[f"{prefix}map50_95_low"] == of.map50_95.low
        assert row[f"{prefix}worst_class"] == of.kept.worst_class.name
        assert row[f"{prefix}of_float_worst_class_kept_high"] == of.of_float.worst_class.high
        assert row[f"{prefix}persons"] == of.persons
    assert (row["threshold"], row["val_recall"]) == (0.31, 0.8)
    per_class = records.read(run / path, AccuracyRecord).value.splits["val"].per_class
    assert (row["val_lowest_class"], row["val_lowest_class_map50_95"]) == min(
        per_class.items(), key=lambda item: item[1]
    )
    models = gathered["models"].set_index("model")
    assert models.loc["demo_coarse_prune_50_tuned", "kept_low"] < 1
    assert pd.isna(models.loc["demo", "kept"])
    gathering.write(run, "artifacts", gathered["artifacts"])
    again = gathering.read(run, "artifacts").set_index("file")
    assert again.loc[INT8, "worst_class"] == row["worst_class"]


def test_a_run_made_by_hand_without_evidence_has_empty_columns(run, capsys):
    for path in (run / "records/accuracy").glob("*.npz"):
        path.unlink()
    table = gathering.gather(run).tables["artifacts"]
    assert table[intervals.COLUMNS["artifacts"]].isna().all(axis=None)
    with pytest.raises(PinchError, match=r"has no evidence of any accuracy: evaluate its models with evaluate\.py"):
        compare_accuracy.main([str(run)])


def test_a_file_without_evidence_is_left_out_with_a_warning(run, capsys):
    (run / f"records/accuracy/{FLOAT}.npz").unlink()
    compare_accuracy.main([str(run)])
    assert f"there are no intervals for {FLOAT}" in capsys.readouterr().err
    row = gathering.gather(run).tables["artifacts"].set_index("file").loc[INT8]
    assert pd.isna(row["of_float"])
    assert row["kept"] > 0


@pytest.mark.fault
def test_intervals_of_another_state_of_a_file_are_in_no_table(run):
    compare_accuracy.main([str(run)])
    content = json.loads((run / "records/intervals.json").read_text())
    content["result"]["files"][0]["sha256"] = "a" * 64
    (run / "records/intervals.json").write_text(json.dumps(content))
    with pytest.raises(PinchError, match=r"records/intervals\.json \(is of another state of demo\.pt"):
        gathering.gather(run)
    gathered = gathering.gather(run, partial=True)
    assert [row["record"] for row in gathered.missing] == ["records/intervals.json"]
    assert len(gathered.tables["models"]) == 2
    assert gathered.tables["models"]["kept"].isna().all()


@pytest.mark.fault
def test_evidence_that_does_not_fit_is_named(run):
    path = run / f"records/accuracy/{INT8}.npz"
    found = evidence.read(path, None)
    other = replace(found["val"], images=[f"other/{name}" for name in found["val"].images])
    evidence.write(path, "0" * 64, {"val": other})
    with pytest.raises(PinchError, match=rf"{INT8} and demo\.pt \(val\): two models were evaluated on other images"):
        compare_accuracy.main([str(run)])
    made_up_run.edit(run / f"records/accuracy/{INT8}.json", AccuracyRecord, sha256="a" * 64)
    with pytest.raises(PinchError, match=rf"{INT8}\.npz is of another state of the model file"):
        compare_accuracy.main([str(run)])
