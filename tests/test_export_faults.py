"""Exports whose result is wrong, and files that are broken before they are measured."""

import dataclasses
import re

import export_session
import known_detectors
import onnx
import pytest
import shapes
import test_export_steps

import evaluate
import measure_inference
from pinch.artifacts import exporter, graph, job
from pinch.artifacts.session import ExportSettings
from pinch.artifacts.tracing import finish, float_model
from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.exports import ExportRecord
from pinch.measuring import timing
from pinch.run.formats import FORMATS
from pinch.studies import export_benchmark

DISTORTED = dataclasses.replace(FORMATS["onnx"], exporter="test_export_faults:distorted")

CRASHING = dataclasses.replace(
    FORMATS["onnx"], name="crashing", ending=".crashing", exporter="test_export_faults:crash"
)


def crash(job):
    """An exporter in which something goes wrong."""
    [][0]


def distorted(job):
    """An exporter that mistakes the function of the scores."""

    def write(session, precision, path):
        model = onnx.load(float_model(session))
        next(node for node in graph.decoding(model.graph) if node.op_type == "Sigmoid").op_type = "HardSigmoid"
        finish(model, path, {})

    return exporter.export(job, write, None)


@pytest.mark.fault
def test_a_file_that_computes_something_else_is_kept_and_its_record_says_so(tmp_path, capsys):
    record = tmp_path / "record.json"
    with export_session.open_session(tmp_path) as session:
        job.run(session, "full", DISTORTED, tmp_path / "toy_full.onnx", record)
    said = records.read(record, ExportRecord).value.failed
    assert re.match(r"does not compute what the checkpoint computes: .* scores by up to 0\.\d+ \(limit 0\.002\)", said)
    assert (tmp_path / "toy_full.onnx").exists()
    assert f"toy_full.onnx {said}: it is kept to be looked at, and must not be used" in capsys.readouterr().err


@pytest.mark.fault
def test_an_int8_file_below_the_floor_is_kept_and_its_record_says_so(monkeypatch, tmp_path):
    text, result = test_export_steps.quantized(monkeypatch, tmp_path, lambda words: 0.108, ("minmax",))
    assert text.startswith("minmax")
    assert result.failed.startswith("keeps only 0.108 of the mAP50-95 of full.onnx on val (at least 0.95 is required)")
    assert result.guard.passed is False


def cut(path):
    """Take away the last tenth of a file, as an export or a copy that was broken off leaves it."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 9 // 10])


@pytest.mark.fault
@pytest.mark.parametrize("name", ["toy_full.onnx", "toy_full_openvino"])
def test_a_truncated_file_is_neither_evaluated_nor_timed(name, tmp_path):
    path = known_detectors.onnx_detector(tmp_path / "toy_full.onnx")
    if name == path.name:
        cut(path)
    else:
        path = known_detectors.openvino_detector(tmp_path / name, path)
        cut(path / "model.xml")
    record = tmp_path / "record.json"
    data = known_detectors.dataset(tmp_path / "data", {"val": 1})
    video = known_detectors.video(tmp_path / "video.mp4", 2)
    for measure, source in ((evaluate.main, data), (measure_inference.main, video)):
        with pytest.raises(
            PinchError, match=rf"{name} cannot be loaded .*: it may be damaged or no detector, so export it again"
        ):
            measure([str(path), str(source), "--output", str(record)])
    assert not record.exists()


@pytest.mark.fault
def test_a_file_that_fails_costs_its_row_of_a_benchmark(tmp_path, monkeypatch, capsys):
    """A format whose converter crashes, a checkpoint that is none, and a file of others that is broken."""
    monkeypatch.setitem(FORMATS, "crashing", CRASHING)
    for name in ("broken.onnx", "none.pt"):
        (tmp_path / name).write_bytes(b"no model")
    rows = [export_benchmark.row_of("stock", "full.onnx", known_detectors.onnx_detector(tmp_path / "stock.onnx"))]
    rows += [export_benchmark.row_of("others", "broken", tmp_path / "broken.onnx")]
    data = shapes.write(tmp_path / "data", train=4, val=2)
    settings = ExportSettings(imgsz=export_session.IMGSZ)
    for name, model in (("toy", export_session.checkpoint(tmp_path)), ("none", tmp_path / "none.pt")):
        rows += export_benchmark.exports(name, model, data, settings, ["full.crashing"], tmp_path)
    quick = timing.TimingSettings(frames=1, rounds=1, warmup=0, min_seconds=0)
    stock, *others = export_benchmark.timed(rows, known_detectors.video(tmp_path / "video.mp4", 2), quick)
    assert stock["relative_time"] == 1
    assert stock["failed"] is None
    assert [row["p50_ms"] for row in others] == [None] * 3
    broken, crashed, none = (row["failed"] for row in others)
    assert "broken.onnx cannot be loaded" in broken
    assert crashed == "list index out of range"
    assert "none.pt" in none
    assert "| toy | full.crashing |  |  |  |  | list index out of range |" in export_benchmark.table([stock, *others])
    assert "warning: others broken is left out" in capsys.readouterr().err
