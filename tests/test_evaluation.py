"""The accuracy of a file is what Ultralytics' validator says of it, whatever its format."""

import known_detectors as detectors
import made_up_evidence as made_up
import numpy as np
import pytest

from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.files import sha256
from pinch.core.record_types.measurements import AccuracyRecord

COUNTS = {"train": 2, "val": 6, "test": 5}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return detectors.dataset(tmp_path_factory.mktemp("data"), COUNTS)


@pytest.fixture(scope="module")
def absolute(data):
    """The same for stock Ultralytics, which looks for a relative path elsewhere."""
    path = data.with_name("absolute.yaml")
    path.write_text(data.read_text().replace("path: .", f"path: {data.parent}"))
    return path


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory):
    return detectors.onnx_detector(tmp_path_factory.mktemp("model") / "toy_coarse_prune_50_tuned_full.onnx")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return detectors.checkpoint(tmp_path_factory.mktemp("model") / "toy.pt")


def stock(model, data, split, **settings):
    """What Ultralytics itself says: (mAP50, mAP50-95)."""
    from ultralytics import YOLO

    settings |= {"plots": False, "workers": 0, "verbose": False, "device": "cpu", "project": str(data.parent / "runs")}
    metrics = YOLO(model, task="detect").val(data=str(data), split=split, imgsz=detectors.IMGSZ, **settings)
    return metrics.box.map50, metrics.box.map


def test_onnx_is_as_accurate_as_ultralytics_finds_it(onnx_file, data, absolute):
    from pinch.measuring.evaluation import evaluate

    result = evaluate(onnx_file, data, ["val", "test"])
    for split in ("val", "test"):
        found = result.splits[split]
        assert (found.map50, found.map50_95) == pytest.approx(stock(onnx_file, absolute, split))
        assert found.images == found.instances == COUNTS[split]
    # Every box is found exactly, and called blue.
    assert result.splits["val"].per_class["blue"] > 0.5
    assert result.splits["val"].per_class["red"] == 0
    assert (result.model, result.method) == ("toy_coarse_prune_50_tuned", "coarse")
    assert (result.ratio, result.tuned) == (0.5, True)
    assert (result.format, result.precision, result.imgsz) == ("onnx", "full", detectors.IMGSZ)
    assert result.bytes == onnx_file.stat().st_size > result.bytes_zipped > 0
    assert result.sha256 == sha256(onnx_file)


def test_checkpoint_is_as_accurate_as_ultralytics_finds_it_without_rectangles(checkpoint, data, absolute):
    from pinch.measuring.evaluation import evaluate

    result = evaluate(checkpoint, data, ["val"], batch=4)
    found = result.splits["val"]
    assert found.map50 > 0
    assert (found.map50, found.map50_95) == pytest.approx(stock(checkpoint, absolute, "val", rect=False, batch=4))
    assert result.parameters > 2e6
    assert 0 < result.nonzero_parameters <= result.parameters
    assert result.macs > 1e7
    assert result.imgsz == detectors.IMGSZ
    assert (result.method, result.ratio, result.tuned) == ("none", 0, False)


def test_operating_point_is_where_ultralytics_states_precision_and_recall(onnx_file, checkpoint, data, absolute):
    from ultralytics import YOLO

    from pinch.measuring.evaluation import evaluate

    settings = {"plots": False, "workers": 0, "verbose": False, "device": "cpu", "project": str(data.parent / "runs")}
    settings |= {"imgsz": detectors.IMGSZ, "rect": False, "batch": 4}
    for model in (onnx_file, checkpoint):
        box = YOLO(model, task="detect").val(data=str(absolute), split="val", **settings).box
        found = evaluate(model, data, ["test", "val"], batch=4).operating_point
        assert (found.precision, found.recall) == pytest.approx((box.mp, box.mr))
        assert found.f1 == pytest.approx(box.f1.mean())
        assert found.f1 > 0
        assert found.recall == pytest.approx(box.r_curve[:, round(found.threshold * 999)].mean())
        assert evaluate(model, data, ["test"]).operating_point is None


def test_operating_point_is_the_score_of_the_best_f1():
    from ultralytics.utils.metrics import DetMetrics

    from pinch.measuring.evaluation import _operating_point

    rng = np.random.default_rng(0)
    seen = made_up.scenes(rng, 400, classes=3)
    stats = made_up.matched(rng, seen, 1.0)
    metrics = DetMetrics(dict(enumerate(seen.names)))
    metrics.stats = stats | {"target_img": stats["target_cls"]}
    metrics.process()
    scores, classes, correct, truth = (np.concatenate(stats[name]) for name in ("conf", "pred_cls", "tp", "target_cls"))

    def f1(threshold):
        """Mean over the classes: twice the correct ones, by the kept ones and the boxes."""
        kept = [(scores >= threshold) & (classes == each) for each in range(3)]
        return np.mean([2 * correct[of, 0].sum() / (of.sum() + (truth == each).sum()) for each, of in enumerate(kept)])

    point = _operating_point(metrics.box)
    assert point.f1 == pytest.approx(f1(point.threshold), abs=0.005)
    assert point.f1 > max(map(f1, np.linspace(0, 1, 101))) - 0.01
    assert point.f1 > max(f1(0.01), f1(0.9)) + 0.02
    assert point.precision > point.f1 - 0.2
    assert 0.05 < point.threshold < 0.8


def test_openvino_agrees_with_onnx(onnx_file, data, tmp_path):
    from pinch.measuring.evaluation import evaluate

    folder = detectors.openvino_detector(tmp_path / "toy_full_openvino", onnx_file)
    first, second = (evaluate(model, data, ["val"]).splits["val"] for model in (onnx_file, folder))
    assert first.map50_95 == pytest.approx(second.map50_95, abs=1e-3)
    assert first.map50 > 0.3


def test_threads_are_the_ones_asked_for(checkpoint, data):
    import torch

    from pinch.measuring.evaluation import evaluate

    before = torch.get_num_threads()
    try:
        evaluate(checkpoint, data, ["val"], threads=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_split_and_class_without_images_only_warn(onnx_file, tmp_path, capsys):
    from pinch.measuring.evaluation import evaluate

    data = detectors.dataset(tmp_path / "data", {"val": 1, "test": 0})
    result = evaluate(onnx_file, data, ["val", "test", "train"])
    assert result.splits["val"].per_class["red"] is None
    assert result.splits["val"].map50 > 0.7
    for split in ("test", "train"):
        assert result.splits[split].map50 is None
        assert result.splits[split].images == 0
    said = capsys.readouterr().err
    assert "no box of red in the val split" in said
    assert "no images in its test split" in said


def test_other_number_of_classes_is_refused(tmp_path, data):
    from pinch.measuring.evaluation import evaluate

    three = detectors.onnx_detector(tmp_path / "three.onnx", names={0: "a", 1: "b", 2: "c"})
    with pytest.raises(PinchError, match=r"has 3 classes but .* has 2"):
        evaluate(three, data, ["val"])
    nameless = detectors.onnx_detector(tmp_path / "nameless.onnx", names={})
    more = detectors.dataset(tmp_path / "more", {"val": 1}, names={0: "a", 1: "b", 2: "c"})
    with pytest.raises(PinchError, match=r"has 2 classes but .* has 3"):
        evaluate(nameless, more, ["val"])


def test_other_names_are_mentioned(tmp_path, data):
    from pinch.measuring.evaluation import evaluate

    swapped = detectors.onnx_detector(tmp_path / "swapped.onnx", names={0: "red", 1: "blue"})
    assert "red for blue" in evaluate(swapped, data, ["val"]).warnings[0]


def test_command_writes_a_record(onnx_file, data, tmp_path, capsys):
    import evaluate

    evaluate.main([str(onnx_file), str(data), "--split", "val", "--output", str(tmp_path / "record.json")])
    record = records.read(tmp_path / "record.json", AccuracyRecord).value
    assert set(record.splits) == {"val"}
    # One of the two classes is found, in every picture.
    assert record.operating_point.recall == 0.5
    assert "mAP50" in capsys.readouterr().out


@pytest.mark.fault
@pytest.mark.parametrize(
    ("model", "message"),
    [("missing.onnx", "does not exist"), ("bad.onnx", "cannot be loaded"), ("bad.txt", "not a model")],
)
def test_unusable_model_is_refused_without_a_record(model, message, data, tmp_path):
    import evaluate

    for name in ("bad.onnx", "bad.txt"):
        (tmp_path / name).write_text("not a model")
    with pytest.raises(PinchError, match=message):
        evaluate.main([str(tmp_path / model), str(data), "--output", str(tmp_path / "record.json")])
    assert not (tmp_path / "record.json").exists()


def test_no_data_set_makes_ultralytics_look_for_fonts_on_the_network():
    """`pinch` lends it fonts; this breaks if Ultralytics moves its folder."""
    from ultralytics.utils import checks

    assert checks.check_font("Arial.ttf").exists()
    assert checks.check_font("Arial.Unicode.ttf").exists()


def test_images_that_cannot_be_read_are_named(onnx_file, tmp_path):
    from pinch.measuring.evaluation import evaluate

    data = detectors.dataset(tmp_path / "data", {"val": 3})
    broken = tmp_path / "data" / "images" / "val" / "1.png"
    broken.write_bytes(broken.read_bytes()[:100])
    with pytest.raises(PinchError, match=r"images/val/1\.png cannot be decoded"):
        evaluate(onnx_file, data, ["val"])


def test_a_limit_draws_the_same_images_for_every_file(onnx_file, checkpoint, data):
    from pinch.measuring.evaluation import evaluate

    for model in (onnx_file, checkpoint):
        result = evaluate(model, data, ["val", "test"], limit=5)
        looked_at = {split: (found.images, found.images_in_split) for split, found in result.splits.items()}
        assert looked_at == {"val": (5, 6), "test": (5, 5)}
    assert evaluate(onnx_file, data, ["test"], limit=5).splits == evaluate(onnx_file, data, ["test"]).splits
