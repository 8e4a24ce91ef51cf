"""bfloat16 is judged only on processors that compute in it; elsewhere its files are made, and everything says why."""

import export_session
import known_detectors as detectors
import made_up_run
import numpy as np
import pytest

import evaluate
import measure_inference
import plot_results
import render_report
from pinch import runtimes
from pinch.core import provenance, records
from pinch.core.record_types.exports import ExportRecord
from pinch.core.record_types.measurements import AccuracyRecord, InferenceRecord
from pinch.report import captions
from pinch.tables import gathering, output_types, selection

REASON = "this processor does not compute in bfloat16"


@pytest.fixture
def without(monkeypatch):
    monkeypatch.setattr(provenance, "_cpu_flags", lambda: {"avx2", "avx512f", "avx512_vnni"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bf16")


@pytest.fixture(scope="module")
def exported(folder):
    """The same network for a processor without bfloat16, and for one with it."""
    made = {}
    with pytest.MonkeyPatch.context() as patch, export_session.open_session(folder) as session:
        for name, flags in {"without": {"avx512f"}, "with": {"amx_bf16"}}.items():
            patch.setattr(provenance, "_cpu_flags", lambda flags=flags: flags)
            (folder / name).mkdir()
            made[name] = export_session.export(session, "bf16_openvino", folder / name)
    return made


@pytest.mark.slow
def test_it_is_checked_where_it_can_run(exported):
    path, result = exported["with"]
    assert (result.precision, result.unchecked, result.failed) == ("bf16", None, None)
    assert result.parity.limits.score > 2e-3
    assert result.parity.notes == ["OpenVINO runs the floating-point part in bf16"]
    assert records.read(path.parent / f"records/{path.name}.json", ExportRecord).value == result


@pytest.mark.slow
def test_elsewhere_it_is_made_and_says_why_it_is_not_checked(exported):
    path, result = exported["without"]
    assert (path / "model.xml").exists()
    assert (result.parity, result.failed) == (None, None)
    assert result.unchecked.startswith(REASON)


@pytest.mark.slow
def test_elsewhere_it_is_neither_evaluated_nor_timed(exported, folder, tmp_path, without, capsys):
    path, _ = exported["without"]
    evaluate.main([str(path), str(folder / "data/data.yaml"), "--split", "val", "--output", str(tmp_path / "a.json")])
    accuracy = records.read(tmp_path / "a.json", AccuracyRecord).value
    assert (accuracy.splits, accuracy.skipped[: len(REASON)]) == ({}, REASON)
    pictures = str(folder / "data/images/val")
    measure_inference.main([str(path), pictures, "--output", str(tmp_path / "b.json")])
    timed = records.read(tmp_path / "b.json", InferenceRecord).value
    assert (timed.p50_ms, timed.rounds, timed.precision) == (None, 0, "bf16")
    assert timed.notes == [timed.skipped]
    said = capsys.readouterr().out
    assert "is not evaluated: this processor" in said
    assert "is not timed: this processor" in said


def test_the_runtime_computes_in_what_the_file_says(folder):
    onnx_file = detectors.onnx_detector(folder / "plain.onnx")
    path = detectors.openvino_detector(folder / "toy_bf16_openvino", onnx_file)
    batch = np.full((1, 3, 64, 64), 0.3, np.float32)
    exact = runtimes.open(path)
    with (path / "metadata.yaml").open("a") as metadata:
        metadata.write("precision: bf16\n")
    rough = runtimes.open(path)
    assert [backend.notes[0].split()[-1] for backend in (exact, rough)] == ["f32", "bf16"]
    np.testing.assert_allclose(rough.infer(batch), exact.infer(batch), rtol=0.02, atol=0.02)


def test_a_run_names_what_was_not_measured_and_never_chooses_it(tmp_path, monkeypatch):
    monkeypatch.setitem(made_up_run.FORMAT_TIME, "openvino", 0.5)
    run = made_up_run.make(tmp_path / "demo", coarse=(50,), fine=())
    gathering.write_all(run, gathering.gather(run).tables)
    timed = gathering.read(run, "inference")
    assert set(timed.loc[timed["precision"] == "bf16", "notes"]) == {made_up_run.LACKING["bf16"]}
    assert timed.loc[timed["precision"] == "bf16", "p50_ms"].isna().all()
    assert set(selection.measured(run)["precision"]) == {"full", "half", "int8"}
    chosen = output_types.write_choices(run)
    assert "int8" in set(chosen["precision"])
    plot_results.main([str(run)])
    made_up_run.add_pictures(run)
    render_report.main([str(run)])
    assert "2 files were not timed, because this processor" in (run / "captions/resources.rst").read_text()
    assert captions.front(run)
