"""Choices of a run: by val alone, at every place that wants ask for."""

import made_up_run
import pandas as pd
import pytest

import select_models
from pinch.core.errors import PinchError
from pinch.run.settings.choosing import USUAL, Want
from pinch.tables import gathering, selection


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = made_up_run.make(
        tmp_path_factory.mktemp("run") / "demo", devices=(("cpu", 1), ("gpu", 1)), coarse=(30, 50, 70), fine=(50, 90)
    )
    gathering.write_all(folder, gathering.gather(folder).tables)
    return folder


def _chosen(run, wants=USUAL):
    return selection.select(run, wants).set_index(["device", "want"])


def _fast(kept):
    return (Want(name="fast", prefer="fastest", kept=kept),)


def test_the_fastest_that_keeps_enough(run):
    chosen = _chosen(run).loc[("cpu", "fast")]
    assert chosen["file"] == "demo_coarse_prune_30_tuned_int8.tflite"
    assert chosen["kept"] >= 0.95
    assert chosen["qualifies"]
    assert "at least 95%" in chosen["reason"]
    assert f"{chosen['p50_ms']:.2f} ms" in chosen["reason"]
    assert _chosen(run, _fast(0.85)).loc[("cpu", "fast"), "file"] == "demo_coarse_prune_70_tuned_int8.tflite"


def test_every_usual_want_has_its_own_best(run):
    chosen, measured = _chosen(run), selection.measured(run)
    on_cpu = measured[measured["device"] == "cpu"]
    enough = on_cpu[on_cpu["kept"] >= 0.95]
    assert chosen.loc[("cpu", "small"), "bytes_zipped"] == enough["bytes_zipped"].min()
    phone = chosen.loc[("cpu", "phone CPU (by proxy)")]
    assert phone["format"] == "tflite"
    assert "a phone's CPU was not measured, so accuracy, MACs and size decide" in phone["reason"]
    assert ("gpu", "phone CPU (by proxy)") not in chosen.index
    assert not set(chosen.loc["gpu"]["format"]) & {"tflite"}


def test_what_was_asked_for_decides_where_and_among_what(run):
    wants = (
        Want(name="on the gpu", device="gpu"),
        Want(name="onnx", device="cpu", formats=("onnx",)),
        Want(name="some cpu", device="cpu", processor="made-UP"),
    )
    chosen = selection.select(run, wants)
    assert list(zip(chosen["device"], chosen["want"], strict=True)) == [
        *(("gpu", "on the gpu"), ("cpu", "onnx"), ("cpu", "some cpu"))
    ]
    assert chosen["format"][1] == "onnx"
    other = (Want(name="mine", threads=4, processor="Ryzen"),)
    with pytest.raises(PinchError, match=r"asks for \(4, Ryzen\), only with cpu, 1 thread of 'Made-up CPU'; gpu, 1"):
        selection.select(run, other)
    assert selection.select(run, other, run).empty, "a partial report is of what there is"


def test_test_accuracy_never_chooses(run, tmp_path):
    before = _chosen(run)
    for name in ("models", "artifacts", "inference"):
        table = gathering.read(run, name)
        for column in table.columns.intersection(["map50", "map50_95"]):
            table[column] = table[column].to_numpy()[::-1]
        gathering.write(tmp_path, name, table)
    after = _chosen(tmp_path)
    assert list(before["file"]) == list(after["file"])
    assert list(before["reason"]) == list(after["reason"])
    assert list(before["map50_95"]) != list(after["map50_95"])


def test_times_beside_the_baseline_are_preferred_to_medians():
    group = pd.DataFrame({"file": ["b", "c"], "p50_ms": [10.0, 30.0], "relative_to_baseline": [0.9, 2.0]})
    group["baseline_file"] = "a"
    assert list(selection.relative_time(group)) == [0.9, 2.0]
    assert list(selection.relative_time(group.assign(baseline_file=["a", "d"]))) == [1.0, 3.0]
    assert list(selection.relative_time(group.assign(relative_to_baseline=[1.0, None]))) == [1.0, 3.0]


def test_the_baseline_is_the_unit_though_nothing_was_timed_beside_it():
    group = pd.DataFrame({"file": ["a", "b"], "p50_ms": [30.0, 10.0], "relative_to_baseline": [None, 0.5]})
    group["baseline_file"] = [None, "a"]
    assert list(selection.relative_time(group)) == [1.0, 0.5]


def test_front_is_what_nothing_beats(run):
    rows = selection.measured(run)
    rows = rows[rows["device"] == "cpu"]
    best = selection.front(rows)
    assert best["relative_time"].is_monotonic_increasing
    assert best["val_map50_95"].is_monotonic_increasing
    for _, row in rows[~rows["file"].isin(best["file"])].iterrows():
        beaten = (best["relative_time"] <= row["relative_time"]) & (best["val_map50_95"] >= row["val_map50_95"])
        assert beaten.any(), row["file"]


@pytest.mark.fault
def test_a_base_that_finds_nothing_leaves_nothing_to_choose(run, tmp_path, capsys):
    for name in ("models", "artifacts", "inference"):
        gathering.write(
            tmp_path,
            name,
            gathering.read(run, name).assign(val_map50_95=0.0) if name == "models" else gathering.read(run, name),
        )
    select_models.main([str(tmp_path)])
    assert "nothing to choose from" in capsys.readouterr().out
    assert gathering.read(tmp_path, "selection").empty


def test_command_writes_the_fixed_columns(run, capsys):
    select_models.main([str(run), "--want", "{name: mine, prefer: smallest, kept: 0.9}"])
    assert "cpu, 1 thread, mine: " in capsys.readouterr().out
    chosen = pd.read_csv(run / "tables/selection.csv")
    assert list(chosen) == selection.COLUMNS
    assert list(chosen)[:5] == ["device", "model", "format", "precision", "reason"]
    assert chosen[["p50_ms", "val_map50_95", "map50_95", "bytes", "reason"]].notna().all().all()
