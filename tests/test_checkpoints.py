import copy
import subprocess
import sys

import pytest
import torch
from ultralytics.nn.tasks import ClassificationModel, DetectionModel

from pinch.core.errors import PinchError
from pinch.weights import checkpoints


def write_stock(path, yaml="yolo11n.yaml", model=None, **train_args):
    model = model or DetectionModel(yaml, nc=3, verbose=False)
    torch.save({"model": copy.deepcopy(model).half(), "train_args": train_args}, path)
    return path


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    return write_stock(tmp_path_factory.mktemp("stock") / "stock.pt", imgsz=96)


def test_load_of_a_plain_ultralytics_checkpoint(stock):
    checkpoint = checkpoints.load(stock)
    assert checkpoint.meta == {"method": "none", "ratio": 0.0, "tuned": False}
    assert checkpoint.imgsz == 96
    assert checkpoint.names == ["0", "1", "2"]
    assert not checkpoint.model.training
    assert all(p.dtype == torch.float32 for p in checkpoint.model.parameters())
    assert not checkpoints.is_pruned(checkpoint)


def test_save_keeps_weights_and_meta_and_leaves_the_model_as_it_is(stock, tmp_path):
    like = checkpoints.load(stock)
    meta = {"method": "fine", "ratio": 0.3, "tuned": False, "masks": {"a": torch.ones(2, dtype=torch.uint8)}}
    checkpoints.save(tmp_path / "saved.pt", like.model, meta, like)
    again = checkpoints.load(tmp_path / "saved.pt")
    assert again.meta["masks"]["a"].tolist() == [1, 1]
    assert again.imgsz == 96
    for (name, a), b in zip(like.model.state_dict().items(), again.model.state_dict().values(), strict=True):
        assert a.dtype == b.dtype, name
        assert torch.equal(a, b), name
    assert checkpoints.is_pruned(again)
    with pytest.raises(PinchError, match="already pruned"):
        checkpoints.require_unpruned(again)


def test_saved_checkpoint_opens_without_this_project(stock, tmp_path):
    like = checkpoints.load(stock)
    checkpoints.save(tmp_path / "saved.pt", like.model, like.meta, like)
    code = (
        "import sys, cv2, numpy; from ultralytics import YOLO;"
        "cv2.imwrite(sys.argv[2], numpy.zeros((32, 32, 3), 'uint8'));"
        "YOLO(sys.argv[1]).predict(imgsz=32, source=sys.argv[2], verbose=False); assert 'pinch' not in sys.modules"
    )
    command = [sys.executable, "-I", "-c", code, str(tmp_path / "saved.pt"), str(tmp_path / "black.png")]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)


def test_describe_counts(stock):
    model = checkpoints.load(stock).model
    figures = checkpoints.describe(model, 64)
    assert figures.parameters == sum(p.numel() for p in model.parameters())
    convolution = next(m for m in model.modules() if isinstance(m, torch.nn.Conv2d))
    with torch.no_grad():
        before, zeros = figures.nonzero_parameters, int(convolution.weight.count_nonzero())
        convolution.weight.zero_()
    assert checkpoints.describe(model, 64).nonzero_parameters == before - zeros
    # Four times the pixels are four times the work but for attention, whose products grow with the square.
    assert checkpoints.describe(model, 128).macs == pytest.approx(4 * figures.macs, rel=0.02)


def test_pruned_elsewhere_is_noticed(tmp_path):
    model = DetectionModel("yolo11n.yaml", nc=3, verbose=False)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.weight.mul_(torch.rand_like(module.weight) > 0.1)
    assert checkpoints.is_pruned(checkpoints.load(write_stock(tmp_path / "zeros.pt", model=model)))
    wider = DetectionModel("yolo11n.yaml", nc=3, verbose=False)
    wider.yaml["nc"] = 4
    assert checkpoints.is_pruned(checkpoints.load(write_stock(tmp_path / "reshaped.pt", model=wider)))


@pytest.mark.fault
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "does not exist"),
        (lambda p: p.write_bytes(b""), "cannot be read"),
        (lambda p: p.write_bytes(b"not a checkpoint"), "cannot be read"),
        (lambda p: torch.save({"weights": [1, 2]}, p), "cannot be read"),
        (lambda p: torch.save({"model": ClassificationModel("yolo11n-cls.yaml", verbose=False)}, p), "detection model"),
    ],
)
def test_unusable_files_get_one_sentence(make, message, tmp_path):
    path = tmp_path / "bad.pt"
    make(path)
    with pytest.raises(PinchError, match=message) as error:
        checkpoints.load(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.fault
def test_truncated_file(stock, tmp_path):
    path = tmp_path / "half.pt"
    path.write_bytes(stock.read_bytes()[:100_000])
    with pytest.raises(PinchError, match="cannot be read"):
        checkpoints.load(path)


@pytest.mark.fault
def test_exported_models_are_named_as_such(tmp_path):
    (tmp_path / "model_int8.onnx").write_bytes(b"x")
    with pytest.raises(PinchError, match="quantized"):
        checkpoints.load(tmp_path / "model_int8.onnx")
