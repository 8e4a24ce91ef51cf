"""TFLite and OpenVINO files of a small network."""

import cv2
import export_session
import numpy as np
import pytest

from pinch import runtimes


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    with export_session.open_session(tmp_path_factory.mktemp("session")) as opened:
        yield opened


@pytest.fixture(scope="module")
def tflite(session, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tflite")
    return {s: export_session.export(session, f"{s}.tflite", folder) for s in ("full", "half", "int8")}


@pytest.mark.slow
def test_tflite_files_compute_what_pytorch_computes(tflite):
    assert tflite["full"][1].parity.box_pixels < 1e-2
    assert tflite["half"][1].parity.score < 1e-2
    full, half, int8 = (tflite[precision][1].bytes for precision in ("full", "half", "int8"))
    assert int8 < half < 0.8 * full


@pytest.mark.slow
def test_tflite_int8_has_float_ends_attention_and_decoding(tflite):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(tflite["int8"][0]))
    interpreter.allocate_tensors()
    (entry,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert entry["dtype"] == output["dtype"] == np.float32
    assert list(output["shape"]) == [1, 7, export_session.CANDIDATES]
    types = {tensor["index"]: tensor["dtype"] for tensor in interpreter.get_tensor_details()}
    operators = interpreter._get_ops_details()
    made = [(op["op_name"], types[op["outputs"][0]]) for op in operators]
    assert {kind for name, kind in made if name in ("CONV_2D", "DEPTHWISE_CONV_2D")} == {np.int8}
    assert {kind for name, kind in made if name in ("SOFTMAX", "BATCH_MATMUL")} == {np.float32}
    assert ("TOPK_V2", np.float32) in made
    assert ("GATHER", np.int8) not in made
    # Nor is the output itself rounded, which would give boxes and scores one scale.
    assert not [op for op in operators if op["op_name"] == "DEQUANTIZE" and output["index"] in op["outputs"]]


@pytest.mark.slow
def test_ultralytics_opens_tflite_files_as_its_own(tflite, session):
    from ultralytics import YOLO

    picture = cv2.imread(str(session.dataset.images("val")[0]))
    expected = YOLO(session.checkpoint.path).predict(picture, imgsz=64, conf=0.001, verbose=False)[0]
    result = YOLO(tflite["full"][0], task="detect").predict(picture, imgsz=64, conf=0.001, verbose=False)[0]
    assert result.names == {0: "disc", 1: "square", 2: "cross"}
    np.testing.assert_allclose(result.boxes.conf[:5].numpy(), expected.boxes.conf[:5].numpy(), atol=1e-3)


@pytest.mark.slow
def test_openvino_folders_compute_what_pytorch_computes(session, tmp_path):
    full, result = export_session.export(session, "full_openvino", tmp_path)
    assert result.parity.score < 1e-3
    int8, guarded = export_session.export(session, "int8_openvino", tmp_path)
    assert guarded.bytes < 0.7 * result.bytes
    for folder in (full, int8):
        backend = runtimes.open(folder)
        assert backend.names == {0: "disc", 1: "square", 2: "cross"}
        assert backend.infer(session.parity_inputs[0]).shape == (1, 7, export_session.CANDIDATES)
