"""Pre- and post-processing agree with Ultralytics; every runtime gives the same answer for the same model."""

import known_detectors as detectors
import numpy as np
import pytest

from pinch import runtimes
from pinch.core.errors import PinchError
from pinch.runtimes import postprocess
from pinch.runtimes.base import parse_names
from pinch.runtimes.preprocess import PIXELS, Letterbox, letterbox

SHAPES = [(480, 640), (640, 480), (123, 457), (64, 64), (31, 200), (1, 300), (1080, 1920)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("imgsz", [64, 160])
def test_letterbox_gives_the_pixels_of_ultralytics(shape, imgsz):
    from ultralytics.data.augment import LetterBox

    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    theirs = LetterBox(imgsz)(image=image)[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255
    ours, _ = letterbox(image, imgsz)
    assert ours.dtype == np.float32
    assert ours.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(ours, theirs)


def test_letterbox_of_an_input_that_is_not_square():
    from ultralytics.data.augment import LetterBox

    image = np.random.default_rng(0).integers(0, 256, (90, 300, 3), dtype=np.uint8)
    theirs = LetterBox((96, 160))(image=image)[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255
    np.testing.assert_array_equal(letterbox(image, (96, 160))[0], theirs)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("table", [PIXELS, PIXELS.astype(np.float16), (np.arange(256) - 128).astype(np.int8)])
def test_letterbox_fills_an_input_of_any_layout_and_type_for_images_of_any_size(channels_last, table):
    fill = Letterbox((96, 160), channels_last, table)
    for shape in (*SHAPES, SHAPES[0]):
        image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
        plain, where = letterbox(image, (96, 160))
        wanted = table[(plain * 255).round().astype(int)]
        filled, there = fill(image)
        assert (filled.dtype, there) == (table.dtype, where)
        np.testing.assert_array_equal(filled, wanted.transpose(0, 2, 3, 1) if channels_last else wanted)


@pytest.mark.parametrize("shape", SHAPES)
def test_detections_are_those_of_ultralytics(shape):
    import torch
    from ultralytics.utils.nms import non_max_suppression
    from ultralytics.utils.ops import scale_boxes

    rng = np.random.default_rng(1)
    output = np.concatenate((rng.uniform(0, 160, (2, 400)), rng.uniform(5, 60, (2, 400)), rng.beta(1, 4, (3, 400))))
    output = output[None].astype(np.float32)
    _, geometry = letterbox(np.zeros((*shape, 3), np.uint8), 160)
    ours = postprocess.detections(output, geometry)
    theirs = non_max_suppression(torch.from_numpy(output.copy()), 0.25, 0.7)[0]
    boxes = scale_boxes((160, 160), theirs[:, :4], shape).numpy()
    assert len(ours) == len(boxes) > 10
    np.testing.assert_allclose(ours.boxes, boxes, rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(ours.scores, theirs[:, 4].numpy())
    np.testing.assert_array_equal(ours.classes, theirs[:, 5].numpy())


def test_nothing_found_and_boxes_without_an_area():
    _, geometry = letterbox(np.zeros((40, 40, 3), np.uint8), 64)
    nothing = postprocess.detections(np.zeros((1, 6, 0), np.float32), geometry)
    assert nothing.boxes.shape == (0, 4)
    points = np.zeros((1, 5, 3), np.float32)
    points[:, 4] = 0.9
    assert len(postprocess.detections(points, geometry)) == 3


def test_output_that_is_already_suppressed_is_only_filtered():
    _, geometry = letterbox(np.zeros((64, 64, 3), np.uint8), 64)
    output = np.array([[[1, 2, 3, 4, 0.9, 2], [1, 2, 3, 4, 0.8, 2], [5, 6, 7, 8, 0.1, 0]]], np.float32)
    found = postprocess.detections(output, geometry)
    assert found.classes.tolist() == [2, 2]
    np.testing.assert_array_equal(found.boxes[0], [1, 2, 3, 4])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def onnx_file(folder):
    return detectors.onnx_detector(folder / "plain.onnx")


def expected(batch):
    """What the detectors of `detectors` answer."""
    output = detectors.answer()
    return output + detectors.spot(output.shape) * batch.mean()


@pytest.fixture(scope="module")
def batch():
    return letterbox(detectors.picture(0), detectors.IMGSZ)[0]


def test_onnx(onnx_file, batch):
    backend = runtimes.open(onnx_file)
    assert (backend.names, backend.shape, backend.imgsz) == (detectors.NAMES, (64, 64), 64)
    np.testing.assert_allclose(backend.infer(batch), expected(batch), rtol=1e-3)


def test_onnx_in_half_precision(folder, batch):
    found = runtimes.open(detectors.onnx_detector(folder / "half.onnx", half=True)).infer(batch)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected(batch), rtol=2e-3)


def prepared(backend):
    """The output for a picture that the backend letterboxes itself."""
    backend.prepare(detectors.picture(1))
    inputs, _ = backend.prepare(detectors.picture(0))
    return backend.download(backend.run(inputs))


@pytest.mark.parametrize("half", [False, True])
def test_onnx_letterboxes_images_as_the_model_needs_them(folder, batch, half):
    backend = runtimes.open(detectors.onnx_detector(folder / f"own_{half}.onnx", half=half))
    np.testing.assert_array_equal(prepared(backend), backend.infer(batch))


def test_onnx_of_any_size(folder):
    path = detectors.onnx_detector(folder / "free.onnx", imgsz=None)
    assert runtimes.open(path).shape == (64, 64)  # as its metadata say
    assert runtimes.open(path, imgsz=96).shape == (96, 96)


def test_onnx_of_one_size_is_not_run_at_another(onnx_file):
    with pytest.raises(PinchError, match="64x64 pixels only, not 96"):
        runtimes.open(onnx_file, imgsz=96)


@pytest.fixture
def bf16_processor(monkeypatch):
    """OpenVINO as on a processor with bfloat16, where by default it computes float32 models in bfloat16."""
    import openvino

    class Core(openvino.Core):
        def compile_model(self, model, device, config=None):
            return super().compile_model(model, device, {"INFERENCE_PRECISION_HINT": "bf16", **(config or {})})

    monkeypatch.setattr(openvino, "Core", Core)


def test_float32_is_float32_on_a_processor_with_bfloat16(folder, onnx_file, batch, bf16_processor):
    backend = runtimes.open(detectors.openvino_detector(folder / "exact_openvino", onnx_file))
    np.testing.assert_allclose(backend.infer(batch), expected(batch), rtol=1e-4)
    assert backend.notes == ["OpenVINO runs the floating-point part in f32"]


def test_openvino(folder, onnx_file, batch):
    for name in ("toy_full_openvino", "toy_openvino_model"):  # as Pinch and as Ultralytics call it
        backend = runtimes.open(detectors.openvino_detector(folder / name, onnx_file))
        assert (backend.names, backend.shape) == (detectors.NAMES, (64, 64))
        np.testing.assert_allclose(backend.infer(batch), expected(batch), rtol=1e-3)
        assert "OpenVINO runs" in backend.notes[0]


@pytest.fixture(scope="module")
def tflite(folder):
    detectors.tflite_detectors(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_tflite(tflite, batch, layout):
    backend = runtimes.open(tflite / f"{layout}.tflite")
    assert (backend.names, backend.shape) == (detectors.NAMES, (64, 64))
    np.testing.assert_allclose(backend.infer(batch), expected(batch), rtol=1e-3)
    np.testing.assert_array_equal(prepared(backend), backend.infer(batch))


@pytest.mark.slow
def test_tflite_of_integers(tflite, batch):
    backend = runtimes.open(tflite / "integer.tflite")
    found = backend.infer(batch)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, 4:], expected(batch)[:, 4:], atol=0.01)
    np.testing.assert_allclose(found[:, :4], expected(batch)[:, :4], atol=0.01 * 64)
    np.testing.assert_array_equal(prepared(backend), found)


@pytest.mark.slow
@pytest.mark.fault
def test_a_truncated_tflite_file_is_refused(tflite, tmp_path):
    content = (tflite / "integer.tflite").read_bytes()
    for share in (0.1, 0.5):
        (tmp_path / "cut.tflite").write_bytes(content[: int(len(content) * share)])
        with pytest.raises(PinchError, match=r"cut\.tflite cannot be loaded .*: it may be damaged or no detector"):
            runtimes.open(tmp_path / "cut.tflite")


def test_checkpoint_and_its_onnx_agree(folder, batch):
    from ultralytics import YOLO

    path = detectors.checkpoint(folder / "toy.pt")
    exported = YOLO(path).export(format="onnx", imgsz=64, opset=17, simplify=False)
    first, second = runtimes.open(path), runtimes.open(exported)
    assert first.names == second.names == detectors.NAMES
    assert first.shape == second.shape == (64, 64)
    np.testing.assert_allclose(first.infer(batch), second.infer(batch), atol=1e-3)
    np.testing.assert_array_equal(prepared(first), first.infer(batch))
    assert runtimes.open(path, imgsz=96).infer(letterbox(detectors.picture(0), 96)[0]).shape == (1, 6, 189)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.onnx", None, "does not exist"),
        ("text.onnx", b"no model", "cannot be loaded"),
        ("text.tflite", b"no model", "cannot be loaded"),
        ("text.pt", b"no model", "cannot be read"),
        ("empty.onnx", b"", "cannot be loaded"),
        ("model.bin", b"", "not a model that Pinch can run"),
    ],
)
def test_unreadable_models_get_one_sentence(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(PinchError, match=message) as caught:
        runtimes.open(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_model_with_several_outputs_is_no_detector(tmp_path, onnx_file):
    import onnx

    model = onnx.load(onnx_file)
    model.graph.output.append(onnx.helper.make_tensor_value_info("seen", onnx.TensorProto.FLOAT, [1, 6, 8]))
    onnx.save(model, tmp_path / "two.onnx")
    with pytest.raises(PinchError, match="has 2 outputs"):
        runtimes.open(tmp_path / "two.onnx")


def test_device_that_a_runtime_lacks_is_refused(folder, onnx_file):
    path = detectors.openvino_detector(folder / "gpu_openvino", onnx_file)
    with pytest.raises(PinchError, match="cannot run on the gpu"):
        runtimes.open(path, device="gpu")


def test_names_in_every_notation():
    assert parse_names({"0": "a", "1": "b"}) == parse_names("{0: 'a', 1: 'b'}") == parse_names(["a", "b"])
    assert parse_names(None) == {}
