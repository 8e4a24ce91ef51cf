"""What the tables, the choice and the report say of a run in which something failed."""

import dataclasses
import io
import json

import made_up_records
import made_up_run
import pytest

import partial_report
import print_summary
import render_report
import select_models
from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.exports import ExportRecord
from pinch.core.record_types.measurements import AccuracyRecord, InferenceRecord
from pinch.operations import failures
from pinch.report import captions, pages
from pinch.report.plots import accuracy, pareto, speed, style
from pinch.tables import gathering, selection

FAILED = "keeps only 0.108 of the float model's mAP50-95 on val (at least 0.95 is required) with 18 operators in float"


def tables(folder, partial=False):
    gathering.write_all(folder, gathering.gather(folder, partial).tables)
    return folder


@pytest.fixture
def run(tmp_path):
    return made_up_run.make(tmp_path / "results/demo", devices=(("cpu", 1),), coarse=(30,), fine=(), other_seeds=(2,))


def text_of(path):
    return " ".join(path.read_text().split())


@pytest.mark.fault
def test_a_file_that_failed_its_check_is_measured_named_and_never_chosen(run, capsys):
    tables(run)
    best = selection.select(run).set_index("want")["file"]["fast"]
    made_up_run.edit(run / f"records/export/{best}.json", ExportRecord, failed=FAILED)
    made_up_run.add_pictures(tables(run))
    select_models.main([str(run)])
    assert f"left out: {best} {FAILED}" in capsys.readouterr().out
    assert best not in set(gathering.read(run, "selection")["file"])
    row = gathering.read(run, "artifacts").set_index("file").loc[best]
    assert row["failed"] == FAILED
    assert row["map50_95"] > 0
    captions.render(run)
    pages.render(run)
    for page in ("captions/workflow.rst", "captions/selection.rst", "captions/artifacts.rst"):
        assert f"``{best}`` {FAILED}" in text_of(run / page)
    assert f"left out: ``{best}``" in text_of(run / "captions/choice.rst")
    assert "1 int8 file loses too much to be used; the others keep" in text_of(run / "captions/artifact_accuracy.rst")
    assert FAILED.replace("'", "&#x27;") in (run / "tables/artifacts.html").read_text()
    with style.applied():
        texts = [text.get_text() for text in accuracy.artifacts(run).axes[0].texts]
    assert sum("failed" in text for text in texts) == 1
    print_summary.main([str(run)])
    assert FAILED in capsys.readouterr().out


@pytest.mark.fault
def test_shares_of_a_base_that_hardly_detects_are_not_stated(run, capsys):
    for path in (run / "records/accuracy").iterdir():
        value = 0.004 if "onnx" in path.name or "tflite" in path.name else 0.001
        weak = made_up_records.accuracy(value, value)
        made_up_run.edit(path, AccuracyRecord, splits={"val": weak, "test": weak})
    made_up_run.add_pictures(tables(run))
    select_models.main([str(run)])
    assert "not reach mAP50-95 0.01 on val" in capsys.readouterr().out
    assert gathering.read(run, "selection").empty
    captions.render(run)
    pages.render(run)
    assert "**Hardly trained:** the base reaches mAP50-95 0.001 on val" in text_of(run / "captions/workflow.rst")
    assert "**Nothing is chosen.** The base is hardly trained" in text_of(run / "captions/workflow.rst")
    assert "30% keeps n/a" in text_of(run / "captions/sensitivity.rst")
    assert "Nothing is chosen: the base reaches" in text_of(run / "captions/choice.rst")
    assert "400" not in text_of(run / "captions/artifact_accuracy.rst")
    with style.applied():
        assert accuracy.artifacts(run).axes[0].texts[0].get_text() == "0.001\n±0.025"
    print_summary.main([str(run)])


@pytest.mark.fault
def test_all_files_failed_leaves_no_choice_and_a_report(run):
    for path in (run / "records/export").iterdir():
        made_up_run.edit(path, ExportRecord, failed=FAILED)
    made_up_run.add_pictures(tables(run))
    select_models.main([str(run)])
    assert gathering.read(run, "selection").empty
    captions.render(run)
    pages.render(run)
    assert "This run has no file to choose from." in text_of(run / "captions/choice.rst")
    with style.applied():
        for drawn in (accuracy.artifacts, pareto.pareto, speed.latency):
            drawn(run)


ONE = "demo_int8.onnx"
STATE = "is of another state of {file} than other records: delete {made_from} and run the workflow again"


def reasons(run):
    """Why rows are missing, by the record."""
    return {row["record"]: row["reason"] for row in gathering.gather(run, partial=True).missing}


@pytest.mark.fault
def test_a_file_that_changed_between_its_export_and_its_measurement_is_in_no_table(run):
    made_up_run.edit(run / f"records/export/{ONE}.json", ExportRecord, sha256="a" * 64)
    made_up_run.edit(run / f"records/accuracy/{ONE}.json", AccuracyRecord, sha256="b" * 64)
    made_up_run.edit(run / f"records/inference/cpu_1/{ONE}.json", InferenceRecord, sha256="b" * 64)
    said = STATE.format(file=ONE, made_from=f"records/export/{ONE}.json")
    assert reasons(run) == {f"records/accuracy/{ONE}.json": said, f"records/inference/cpu_1/{ONE}.json": said}
    with pytest.raises(PinchError, match=f"records/accuracy/{ONE}.json \\(is of another state of {ONE}"):
        gathering.gather(run)


@pytest.mark.fault
def test_a_file_exported_from_another_state_of_its_model_is_in_no_table(run):
    made_up_run.edit(run / "records/accuracy/demo.json", AccuracyRecord, sha256="a" * 64)
    made_up_run.edit(run / f"records/export/{ONE}.json", ExportRecord, source_sha256="b" * 64)
    assert ONE not in set(gathering.gather(run, partial=True).tables["artifacts"]["file"])
    assert reasons(run)[f"records/export/{ONE}.json"] == STATE.format(
        file="demo.pt", made_from=f"records/accuracy/demo.json and records/export/{ONE}.json"
    )


@pytest.mark.fault
def test_a_record_that_is_broken_or_of_another_run_is_named(run):
    (run / f"records/accuracy/{ONE}.json").write_text('{"kind": "accuracy", "result": {')
    other = run / "records/accuracy/demo_half.onnx.json"
    made_up_run.edit(other, AccuracyRecord, file="other_half.onnx")
    said = reasons(run)
    assert "is not valid JSON" in said[f"records/accuracy/{ONE}.json"]
    assert said["records/accuracy/demo_half.onnx.json"] == "is a record of other_half.onnx: delete it and run again"


@pytest.mark.fault
def test_numbers_that_are_none_reach_no_table(run):
    place = f"records/inference/cpu_1/{ONE}.json"
    path = run / place
    path.write_text(path.read_text().replace('"p50_ms": ', '"p50_ms": NaN, "was": ', 1))
    assert "holds no measurement (its p50_ms is nan): delete it and run again" in reasons(run)[place]
    wrong = records.read(run / f"records/accuracy/{ONE}.json", AccuracyRecord).value
    for value in (float("nan"), float("inf")):
        wrong = dataclasses.replace(wrong, splits={"val": made_up_records.accuracy(0.1, value)})
        with pytest.raises(PinchError, match=rf"is not written because its splits\.val\.map50_95 is {value}"):
            records.write(run / "records/accuracy/new.json", wrong)
    assert not (run / "records/accuracy/new.json").exists()


@pytest.mark.fault
def test_what_was_measured_is_reported_in_a_folder_of_its_own(run, capsys, monkeypatch):
    """Reasons are told by whoever knows them: the workflow when it ends with failed jobs."""
    made_up_run.add_pictures(tables(run))
    select_models.main([str(run)])
    kept = {path: path.read_bytes() for path in run.rglob("*.csv")}
    for record in (f"accuracy/{ONE}", "accuracy/demo_coarse_prune_30_tuned", f"inference/cpu_1/{ONE}"):
        (run / f"records/{record}.json").unlink()
    why = json.dumps({f"records/accuracy/{ONE}.json": "export_onnx failed: <too late>"})
    monkeypatch.setattr("sys.stdin", io.StringIO(why))
    partial_report.main([str(run), "--reasons"])
    said = capsys.readouterr().out
    assert f"{run}/partial/pages/index.html shows what was measured. 3 of the expected rows are missing" in said
    assert f"artifacts: {ONE}: export_onnx failed: <too late>" in said
    assert "models: demo_coarse_prune_30_tuned: no record" in said
    page = (run / "partial/pages/index.html").read_text()
    assert "What came out of demo" in page
    assert "3 expected rows are missing" in page
    assert "export_onnx failed: &lt;too late&gt;" in (run / "partial/pages/speed.html").read_text()
    assert "data:image/png" in (run / "partial/pages/data.html").read_text()
    assert "Means over 2 seeds" in text_of(run / "partial/pages/sensitivity.html")
    assert len(gathering.read(run / "partial", "artifacts")) == 11
    assert {path: path.read_bytes() for path in kept} == kept, "the run's own tables are left alone"
    render_report.main([str(run)])
    assert not (run / "partial").exists(), "it goes when the whole report is there"


@pytest.mark.fault
def test_a_report_of_what_there_is_needs_something_and_replaces_nothing_of_others(run):
    (run / "partial").mkdir()
    (run / "partial/notes.txt").write_text("mine")
    with pytest.raises(PinchError, match="partial is a folder that Pinch did not make for this"):
        partial_report.main([str(run)])
    assert (run / "partial/notes.txt").read_text() == "mine"
    for path in (run / "records/accuracy").iterdir():
        path.unlink()
    with pytest.raises(PinchError, match="was measured yet: run the workflow first"):
        partial_report.main([str(run)])


def test_logs_say_why_a_job_failed(command, tmp_path):
    log = tmp_path / "job.log"
    log.write_text(f"warning: first\n{command('gather.py', tmp_path / 'none').stderr}\x1b[0m\n")
    assert failures.last_error(log).endswith("give the folder of a run, results/<name>")
    log.write_bytes(b"\xff" * 10**6 + b"\nTraceback (most recent call last):\n  x\nMemoryError\n")
    assert str(failures.Failure.read("export_onnx", [log])) == "export_onnx failed: MemoryError"
    assert failures.Failure.read("export_onnx", [log], log.stat().st_mtime + 1).sentence is None
    log.write_text("epoch 3\nsays Error: of its own\n")
    assert str(failures.Failure.read("export_onnx", [log])) == f"export_onnx failed, see {log}"
    assert failures.last_error(tmp_path / "none.log") is None
