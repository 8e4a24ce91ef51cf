"""Families beside YOLO11: trained a little, pruned, tuned, exported. tests/families.py does it at length."""

import detectors
import families
import known_detectors
import numpy as np
import pytest
import shapes
import torch
from families import Training

from pinch import runtimes
from pinch.artifacts.session import ExportSettings, open_session
from pinch.data import dataset
from pinch.measuring.evaluation import evaluate
from pinch.weights import checkpoints
from pinch.weights.pruning import activations, coarse, kinds

FILES = ["full.onnx", "int8.onnx", "full.tflite"]
ANCHORS = 84  # of 64 pixels


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return shapes.write(tmp_path_factory.mktemp("shapes"), train=24, val=4)


def whole_chain(family, data, folder, activation, specs):
    """Train, prune to half the channels with other activations, tune, export; returns the tuned model and its files."""
    how = Training(data, folder / "models", imgsz=64, epochs=1, tuning=1, batch=8)
    base = families.train_base(family, how)
    # Multiples of 16, the default, would leave more of these narrow networks.
    pruning = kinds.ChannelRemoval(0.5, kinds.Taylor(), activation=activation, round_to=8)
    record = coarse.prune_file(base, how.folder / f"{family}_coarse_prune_50.pt", pruning, dataset.load(data))
    assert record.after.macs < 0.35 * record.before.macs
    assert record.after.parameters < 0.35 * record.before.parameters
    tuned = families.tune(how.folder / f"{family}_coarse_prune_50.pt", how)
    network = checkpoints.load(tuned).model
    assert checkpoints.describe(network, 64).parameters == record.after.parameters
    assert activations.of(network) == {activation}
    made = families.export(tuned, how, specs, target="x86", calibration_images=2, candidates=40)
    assert [result.failed for _, result in made.values()] == [None] * len(specs)
    assert made["int8.onnx"][1].bytes < 0.5 * made["full.onnx"][1].bytes
    return tuned, {spec: path for spec, (path, _) in made.items()}


@pytest.mark.slow
@pytest.mark.parametrize(("family", "activation"), [("yolov8n", "relu"), ("yolo12n", "hardswish")])
def test_a_family_passes_the_whole_chain(family, activation, data, tmp_path):
    _, files = whole_chain(family, data, tmp_path, activation, FILES)
    assert {output(file).shape for file in files.values()} == {(1, 4 + len(shapes.NAMES), 40)}


@pytest.mark.slow
def test_yolo26_keeps_its_head_without_suppression_in_the_whole_chain(data, tmp_path):
    tuned, files = whole_chain("yolo26n-end2end", data, tmp_path, "silu", [*FILES, "int8.tflite"])
    assert checkpoints.load(tuned).model.end2end
    assert output(tuned).shape == (1, ANCHORS, 6)
    for file in files.values():
        found = output(file)
        assert found.shape == (1, 40, 6)
        # With one scale for boxes, scores and numbers of classes, these would not be whole.
        assert set(found[0, :, 5].tolist()) <= {0.0, 1.0, 2.0}, file


def output(file):
    return runtimes.open(file).infer(np.zeros((1, 3, 64, 64), np.float32))


# --- Two heads: a checkpoint says which one is used ---
@pytest.fixture
def one_head_blind(tmp_path):
    """Write a YOLO26 that finds boxes with its head without suppression, and nothing with the other one."""

    def write(end2end):
        path = known_detectors.checkpoint(tmp_path / "two_heads.pt", "yolo26n.yaml")
        model = torch.load(path, weights_only=False)["model"]
        head = model.model[-1]
        head.one2one_cv2.load_state_dict(head.cv2.state_dict())
        head.one2one_cv3.load_state_dict(head.cv3.state_dict())
        for scores in head.cv3:
            torch.nn.init.constant_(scores[-1].bias, -30)
        model.end2end = end2end
        return detectors.write(path, model)

    return write


@pytest.mark.parametrize("end2end", [True, False])
def test_accuracy_is_that_of_the_head_that_is_used(end2end, one_head_blind, tmp_path):
    two = known_detectors.dataset(tmp_path / "two", {"val": 4})
    accuracy = evaluate(one_head_blind(end2end), two, ["val"], candidates=10).splits["val"]
    assert (accuracy.map50 > 0) == end2end
    # What it would find with fewer anchors is measured for both kinds of head.
    assert list(accuracy.lean) == ["10", "30"]
    assert (accuracy.lean["30"] > 0) == end2end


@pytest.mark.parametrize("end2end", [True, False])
def test_timing_runs_the_head_that_is_used(end2end, one_head_blind):
    assert output(one_head_blind(end2end)).shape == ((1, ANCHORS, 6) if end2end else (1, 4 + 2, ANCHORS))


def test_a_head_without_suppression_needs_no_more_anchors_than_boxes(one_head_blind, tmp_path):
    """Of 2,100 anchors, the best 300 hold the best 300 pairs of anchor and class, so that nothing must be measured."""
    two = known_detectors.dataset(tmp_path / "two", {"train": 1, "val": 1})
    with open_session(one_head_blind(True), two, ExportSettings(320)) as session:
        assert session.head.candidates == session.checkpoint.model.model[-1].max_det == 300
        assert session.head.kept is None
