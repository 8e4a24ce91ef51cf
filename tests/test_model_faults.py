"""Base models that cannot be what a run wants of them are refused before anything is trained."""

import time

import detectors
import pytest
import shapes
from ultralytics.nn.tasks import SegmentationModel

import check_base_model
from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.weights import BaseCheckRecord
from pinch.weights.pruning import fine, graph, kinds, splitting


@pytest.fixture
def check(tmp_path):
    """Run the command on a base model for the classes of `shapes`; returns its record."""

    def run(base, *arguments):
        output = tmp_path / "base_check.json"
        check_base_model.main([str(base), "--output", str(output), "--classes", *shapes.NAMES, *arguments])
        return records.read(output, BaseCheckRecord).value

    return run


def test_a_base_that_fits_gets_a_record(check, tmp_path):
    base = detectors.write(tmp_path / "five.pt", width=0.125, classes=5)
    found = check(base, "--coarse", "0.5", "--fine", "0.5", "--pattern", "2:4")
    assert (found.base_model, found.classes, found.coarse_ratios) == ("five.pt", shapes.NAMES, [0.5])
    # Its training gives it a head for three classes instead of five.
    assert found.parameters == sum(p.numel() for p in detectors.network(width=0.125).parameters())


@pytest.mark.fault
def test_a_network_whose_channels_cannot_be_followed_is_refused_in_seconds(monkeypatch):
    """As YOLO12's attention was before it got a stand-in: torch-pruning goes round in its residual branches."""
    monkeypatch.setattr(splitting, "_ATTENTION", ())
    monkeypatch.setattr(graph, "_PROCESSOR_SECONDS", 2)
    network = detectors.network("yolo12n.yaml")
    start = time.process_time()
    with pytest.raises(PinchError, match=r"channels of yolo12n cannot be removed.*2 seconds of processor time"):
        graph.ChannelGraph(network)
    assert time.process_time() - start < 10


@pytest.mark.fault
def test_an_architecture_that_pruning_breaks_is_refused_before_training(check):
    with pytest.raises(PinchError, match=r"channels of yolov8n-ghost cannot be removed.*set coarse.ratios to \[\]"):
        check("yolov8n-ghost.yaml", "--coarse", "0.5")
    assert check("yolov8n-ghost.yaml", "--fine", "0.5").coarse_ratios == []


@pytest.mark.fault
def test_ratios_that_leave_nothing_of_a_layer_are_refused_before_training(check):
    with pytest.raises(PinchError, match=r"leaves layer .* empty: lower the ratio"):
        check("yolov3-tiny.yaml", "--coarse", "0.3", "0.99")
    with pytest.raises(PinchError, match="leaves nothing of layer"):
        check("yolov3-tiny.yaml", "--fine", "0.9999")


@pytest.mark.fault
@pytest.mark.parametrize("form", ["pt", "yaml"])
def test_a_base_of_another_task_is_refused_before_training(check, tmp_path, form):
    base = "yolo11n-seg.yaml"
    if form == "pt":
        base = detectors.write(tmp_path / "seg.pt", SegmentationModel(base, nc=3, verbose=False))
    with pytest.raises(PinchError, match="is not a detection model but a Segment"):
        check(base)


@pytest.mark.fault
def test_a_trained_model_with_other_classes_is_refused_before_data_is_prepared(check, tmp_path):
    model = detectors.write(tmp_path / "mine.pt", width=0.125, names=["square", "disc", "cross"])
    with pytest.raises(PinchError, match="must be the same, in the same order"):
        check(model, "--trained")
    assert check(model).classes == shapes.NAMES, "training gives it these classes"


@pytest.mark.fault
def test_a_base_that_is_pruned_already_is_refused_before_training(check, tmp_path):
    base = detectors.write(tmp_path / "base.pt", width=0.125, names=shapes.NAMES)
    fine.prune_file(base, tmp_path / "fine.pt", kinds.LayerMagnitude(0.5))
    with pytest.raises(PinchError, match="already pruned"):
        check(tmp_path / "fine.pt", "--trained", "--fine", "0.3")
    assert check(tmp_path / "fine.pt", "--trained").fine_ratios == []


@pytest.mark.fault
def test_a_teacher_that_nobody_can_learn_from_is_refused_before_training(check, tmp_path):
    base = detectors.write(tmp_path / "base.pt", width=0.125, names=shapes.NAMES)
    assert check(base, "--teachers", str(detectors.write(tmp_path / "larger.pt", width=0.25, names=shapes.NAMES)))
    with pytest.raises(PinchError, match=r"strangers\.pt detects .* must be the same"):
        check(base, "--teachers", str(detectors.write(tmp_path / "strangers.pt", width=0.125, names=["a", "b", "c"])))
    four = detectors.write(tmp_path / "four.pt", detectors.network("yolov8n-p2.yaml"), names=shapes.NAMES)
    with pytest.raises(PinchError, match=r"four\.pt detects at 4 scales"):
        check(base, "--teachers", str(four))
