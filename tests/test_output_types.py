"""How the output type is selected: every type beside its float32 file, one of them chosen, and all of it in words."""

import dataclasses

import made_up_run
import pytest

import compare_accuracy
from pinch.core import records
from pinch.core.record_types.exports import ExportRecord
from pinch.core.record_types.measurements import AccuracyRecord
from pinch.measuring import evidence, statistics
from pinch.report import captions, facts, html, pages
from pinch.run.settings.choosing import Want
from pinch.tables import gathering, output_types

WANTS = (
    Want(name="tflite only", device="cpu", formats=("tflite",), prefer="smallest"),
    Want(name="onnx only", device="gpu", formats=("onnx",), prefer="fastest"),
    Want(name="fast", device="cpu", prefer="fastest", kept=0.95),
)
FAILED = "keeps only 0.108 of the float model's mAP50-95"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with evidence, on CPU and GPU, in which a file failed its check."""
    folder = made_up_run.make(
        tmp_path_factory.mktemp("run") / "results/demo", devices=(("cpu", 1), ("gpu", 1)), coarse=(50,), fine=()
    )
    (folder / "records/intervals.json").unlink()
    made_up_run.add_evidence(folder)
    made_up_run.edit(folder / "records/export/demo_half.tflite.json", ExportRecord, failed=FAILED)
    for path in (folder / "records/accuracy").glob("*.npz"):
        record, found = path.with_suffix(".json"), statistics.map50_95(on_val(folder, path.stem))
        splits = records.read(record, AccuracyRecord).value.splits
        splits["val"] = dataclasses.replace(splits["val"], map50_95=found.value)
        made_up_run.edit(record, AccuracyRecord, splits=splits)
    compare_accuracy.main([str(folder)])
    gathering.write_all(folder, gathering.gather(folder).tables)
    output_types.write_choices(folder, WANTS)
    return folder


@pytest.fixture(scope="module")
def table(run):
    return gathering.read(run, "output_types").set_index(["place", "file"])


def on_val(run, name):
    return statistics.resample(evidence.read(run / f"records/accuracy/{name}.npz", None)["val"])


def test_shares_are_of_the_float_file_of_the_same_model(run, table):
    timed = gathering.read(run, "inference").set_index(["device", "file"])
    artifacts = gathering.read(run, "artifacts").set_index("file")
    for model in set(table["model"]):
        for kind in ("half.onnx", "int8.onnx", "full.tflite"):
            row = table.loc[("cpu, 1 thread", f"{model}_{kind}")]
            file, full = f"{model}_{kind}", f"{model}_full.onnx"
            times = [timed.loc[("cpu", name), "relative_to_baseline"] for name in (file, full)]
            whole = 1.0 if model == "demo" else times[1]
            assert row["time_of_full"] == pytest.approx(times[0] / whole)
            for column, share in (("bytes", "size_of_full"), ("bytes_zipped", "zipped_of_full")):
                assert row[share] == pytest.approx(artifacts.loc[file, column] / artifacts.loc[full, column])


def test_accuracy_and_worst_class_are_compared_image_by_image(run, table):
    row = table.loc[("cpu, 1 thread", "demo_int8.tflite")]
    pair = on_val(run, "demo_int8.tflite"), on_val(run, "demo_full.onnx")
    share, worst = statistics.share(*pair), statistics.worst_class(*pair)
    for name, estimate in (("accuracy", share), ("worst_class", worst)):
        found = [row[f"{name}_of_full{end}"] for end in ("", "_low", "_high")]
        assert found == pytest.approx([estimate.value, estimate.low, estimate.high], rel=1e-5)
    assert row["worst_class"] == worst.name


def test_one_type_of_each_model_is_chosen_by_the_first_want_that_takes_all(run, table):
    chosen = table[table["chosen"]].reset_index()
    assert not chosen.duplicated(["place", "model"]).any()
    assert dict(zip(chosen["place"], chosen["want"], strict=True)) == {
        "cpu, 1 thread": "fast",
        "gpu, 1 thread": "onnx only",
    }
    assert all(why.startswith(("fastest of", "only one of", "smallest download of")) for why in chosen["why"])
    assert table["why"].notna().all()
    assert table.loc[("cpu, 1 thread", "demo_half.tflite"), "why"] == f"it failed its check: it {FAILED}"
    made = gathering.read(run, "selection").set_index(["place", "want"])["model"]
    for place, rows in table.reset_index().groupby("place"):
        assert set(rows["model"]) == {"demo", made[place, rows["want"].dropna().iloc[0]]}


def test_the_caption_says_which_type_to_use_beside_the_write_up(run):
    made_up_run.add_pictures(run)
    captions.render(run)
    pages.render(run)
    text = " ".join((run / "captions/output_types.rst").read_text().split())
    rows = [row for row in gathering.rows(gathering.read(run, "output_types")) if row["chosen"]]
    for row in rows:
        assert f"of {row['label']}, the **{row['precision']} {row['format']}** file should be used" in text
        assert f"``{row['file']}`` takes {row['time_of_full']:.2f} of the time" in text
    assert "advises the full model on the GPU and the integer model on the CPU" in text
    page = html.fragment((run / "captions/output_types.rst").read_text())
    assert "system-message" not in page
    for cell in ("29.96 ms (1.00)", "41.00 ms (1.37)", "18.48 ms (2.16)"):
        assert cell in page
    timed = gathering.read(run, "inference").set_index(["device", "file"])["p50_ms"]
    ratio = gathering.read(run, "inference").set_index(["device", "file"])["relative_to_baseline"]
    int8 = "cpu", "demo_int8.onnx"
    assert f"{timed[int8]:.2f} ms ({ratio[int8]:.2f})" in page
    assert "How the output type was selected" in (run / "pages/choice.html").read_text()


def test_of_other_devices_the_write_up_stands_alone(run):
    beside = facts.collect(run)["write_up"]
    assert beside["places"] == ["cpu, 1 thread", "gpu, 1 thread"]
    assert len(beside["rows"]) == 12
    for row in beside["rows"]:
        known = [ours["ms"] is not None for ours in row["ours"]]
        assert known == [row["device"] == "cpu", row["device"] == "gpu"]


def test_without_resamples_the_figures_stand_without_intervals(run, tmp_path):
    for name in ("models", "artifacts", "inference"):
        gathering.write(tmp_path, name, gathering.read(run, name))
    output_types.write_choices(tmp_path, WANTS)
    bare = gathering.read(tmp_path, "output_types")
    assert bare["accuracy_of_full"].notna().all()
    assert bare["accuracy_of_full_low"].isna().all()
    assert bare["worst_class"].isna().all()
