"""ONNX files: right, readable by Ultralytics, quantized where they should be, and nothing left where they fail."""

import re
from collections import Counter

import cv2
import export_session
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from pinch import runtimes
from pinch.artifacts import graph, parity
from pinch.artifacts.int8 import OnnxQuantizer
from pinch.artifacts.tracing import float_model
from pinch.core import records
from pinch.core.files import sha256
from pinch.core.record_types.exports import ExportRecord


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    with export_session.open_session(tmp_path_factory.mktemp("session")) as opened:
        yield opened


@pytest.fixture(scope="module")
def made(session, tmp_path_factory):
    folder = tmp_path_factory.mktemp("artifacts")
    return {spec: export_session.export(session, spec, folder) for spec in ("full.onnx", "half.onnx", "int8.onnx")}


def test_full_and_half_compute_what_pytorch_computes(made):
    assert made["full.onnx"][1].parity.box_pixels < 1e-2
    assert made["full.onnx"][1].parity.score < 1e-4
    assert made["half.onnx"][1].parity.score < 1e-2
    assert made["full.onnx"][1].parity.candidates == 4 * export_session.CANDIDATES


def test_sizes_shrink_with_the_precision(made):
    full, half, int8 = (made[spec][1].bytes for spec in ("full.onnx", "half.onnx", "int8.onnx"))
    assert int8 < half < 0.8 * full


@pytest.mark.parametrize("spec", ["full.onnx", "half.onnx", "int8.onnx"])
def test_ultralytics_opens_them_as_its_own(made, session, spec):
    from ultralytics import YOLO
    from ultralytics.nn.backends.base import BaseBackend

    path, _ = made[spec]
    known = BaseBackend.read_metadata(path)
    assert known["task"] == "detect"
    assert known["imgsz"] == "[64, 64]"
    assert known["source_sha256"] == session.checkpoint.sha256
    assert ("calibration_sha256" in known) == (spec == "int8.onnx")
    picture = cv2.imread(str(session.dataset.images("val")[0]))
    result = YOLO(path, task="detect").predict(picture, imgsz=64, conf=0.001, verbose=False)[0]
    assert result.names == {0: "disc", 1: "square", 2: "cross"}
    assert len(result.boxes) > 0


def test_input_and_output_are_float32_and_static(made):
    for path, _ in made.values():
        model = onnx.load(path)
        (entry,), (output,) = model.graph.input, model.graph.output
        for tensor, shape in ((entry, [1, 3, 64, 64]), (output, [1, 7, export_session.CANDIDATES])):
            assert tensor.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
            assert [side.dim_value for side in tensor.type.tensor_type.shape.dim] == shape
        assert next(entry.version for entry in model.opset_import if entry.domain == "") == 17


@pytest.mark.parametrize(("activation", "node"), [("hardswish", "HardSwish"), ("relu", "Relu")])
def test_cheaper_activations_are_one_node(activation, node, tmp_path):
    with export_session.open_session(tmp_path, activation=activation) as session:
        full, record = export_session.export(session, "full.onnx", tmp_path)
        int8, guarded = export_session.export(session, "int8.onnx", tmp_path)
        units = OnnxQuantizer(session).units.values()
    assert record.parity.score < 1e-4
    made = Counter(n.op_type for n in onnx.load(full).graph.node)
    assert made[node] > 50
    assert made["Sigmoid"] == 1  # of the scores
    assert guarded.bytes < 0.5 * record.bytes
    if activation == "relu":  # a range that begins at zero does the same
        assert Counter(n.op_type for n in onnx.load(int8).graph.node)[node] == 0
    # A convolution returns to float with its activation. Four activations follow sums (of `_enlarge_late`) instead.
    last = {"relu": "Relu", "hardswish": "Mul"}[activation]
    kinds = Counter(tuple(n.op_type for n in unit) for unit in units)
    assert (kinds["Conv", last], kinds[last,]) == (made[node] - 4, 4)
    assert len({n.name for unit in units for n in unit}) == sum(map(len, units))


def test_every_convolution_is_int8_and_the_decoding_is_not(made):
    model = onnx.load(made["int8.onnx"][0])
    maker = graph.producers(model.graph)
    arrays = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Conv":
            assert [maker[name].op_type for name in node.input[:2]] == ["DequantizeLinear"] * 2
            weight, scale = (arrays[name] for name in maker[node.input[1]].input[:2])
            assert scale.size == len(weight)  # one scale for each filter
    decoding = Counter(node.op_type for node in graph.decoding(model.graph))
    assert decoding["TopK"] == decoding["Sigmoid"] == 1
    # Only what the last convolutions give, boxes and scores of three levels, crosses into float.
    assert decoding["QuantizeLinear"] == decoding["DequantizeLinear"] == 6


@pytest.mark.parametrize(
    ("target", "activations", "largest"), [("x86-vnni", np.uint8, 127), ("x86", np.uint8, 64), ("arm", np.int8, 127)]
)
def test_the_target_sets_types_and_range(session, target, activations, largest):
    import dataclasses

    other = dataclasses.replace(session, settings=dataclasses.replace(session.settings, target=target))
    model = onnx.load(OnnxQuantizer(other).write("minmax", frozenset()))
    arrays = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
    assert arrays["images_zero_point"].dtype == activations
    weights = [array for name, array in arrays.items() if array.dtype == np.int8 and array.ndim == 4]
    assert weights
    assert max(int(np.abs(array.astype(int)).max()) for array in weights) == largest


def test_units_that_return_to_float_are_float(session):
    quantizer = OnnxQuantizer(session)
    ranking = quantizer.worst_first(quantizer.write("minmax", frozenset()))
    assert sorted(ranking) == sorted(quantizer.units)
    chosen = next(name for name in ranking if quantizer.units[name][0].op_type == "Conv")
    model = onnx.load(quantizer.write("minmax", frozenset([chosen])))
    weights = {entry.name for entry in model.graph.initializer if entry.data_type == onnx.TensorProto.FLOAT}
    floats = [node.name for node in model.graph.node if node.op_type == "Conv" and node.input[1] in weights]
    assert floats == [chosen]


def test_the_same_input_gives_the_same_file(made, session, tmp_path):
    again, _ = export_session.export(session, "int8.onnx", tmp_path)
    assert again.read_bytes() == made["int8.onnx"][0].read_bytes()


def test_the_record_says_what_was_done(made, session):
    path, result = made["int8.onnx"]
    record = records.read(path.parent / "records" / "toy_int8.onnx.json", ExportRecord).value
    assert record == result
    assert result.calibration.images == len(session.calibration)
    assert result.target == "x86"
    assert result.sha256 == sha256(path)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        ("HardSigmoid", r"scores by up to 0\.\d+ \(limit 0\.002\)"),
        ("Sqrt", "its output has values that are not numbers"),
    ],
)
def test_a_file_that_computes_something_else_has_failed_and_says_how(session, tmp_path, mistake, sentence):
    model = onnx.load(float_model(session))
    scores = next(node for node in graph.decoding(model.graph) if node.op_type == "Sigmoid")
    scores.op_type = mistake
    onnx.save(model, tmp_path / "wrong.onnx")
    found = parity.check(tmp_path / "wrong.onnx", session.checkpoint.model, session.parity_inputs, "full")
    assert re.search(sentence, parity.failure(found))


def test_differences_are_those_of_the_anchor_itself():
    limits = parity.Limits(0.01, 0.01)
    anchors = np.random.default_rng(0).uniform(0, 64, (7, 30)).astype(np.float32)
    anchors[4:] /= 64
    candidates = anchors[:, [5, 2, 9]].copy()
    candidates[0, 1] += 0.32
    candidates[5, 2] += 0.001
    best = anchors[:, [5, 2, 9]]
    box, score = parity.differences(candidates, best, 64, limits)
    assert box == pytest.approx(0.005, rel=1e-3)
    assert score == pytest.approx(0.001, rel=1e-3)


def test_a_missing_detection_is_a_difference():
    limits = parity.Limits(0.01, 0.01)
    anchors = np.random.default_rng(0).uniform(0, 64, (7, 30)).astype(np.float32)
    anchors[4:] = np.linspace(0, 1, 30)
    assert parity.differences(anchors[:, 20:], anchors, 64, limits).max() == 0
    assert parity.differences(anchors[:, 15:28], anchors, 64, limits).max() > 0.05


def test_not_a_number_is_no_agreement():
    anchors = np.ones((7, 5), np.float32)
    broken = anchors.copy()
    broken[4:, 0] = np.nan
    assert np.isnan(parity.differences(broken, anchors, 64, parity.Limits(0.01, 0.01))).all()


def test_candidates_come_best_first(made, session):
    batch = session.parity_inputs[0]
    best = runtimes.open(made["full.onnx"][0]).infer(batch)[0, 4:].max(0)
    expected = np.sort(parity.every_anchor(session.checkpoint.model, batch)[4:].max(0))[::-1]
    np.testing.assert_allclose(best, expected[: export_session.CANDIDATES], atol=1e-5)
