"""How many anchors a file decodes: as many as crowded pictures need."""

import dataclasses

import crowds
import export_session
import pytest
import torch
from conftest import ROOT

import evaluate as command
from pinch.artifacts.session import ExportSettings, open_session
from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.measurements import AccuracyRecord, SplitAccuracy
from pinch.measuring import lean
from pinch.measuring.evaluation import evaluate
from pinch.weights import checkpoints

BASE = ROOT / "resources/hands.pt"
IMGSZ = 320


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    names = checkpoints.load(BASE).names
    return crowds.write(tmp_path_factory.mktemp("crowd"), {"train": 1, "val": 4}, names, tiles=4, tile=80)


def accuracy(whole, **tried):
    tried = {name.removeprefix("of_"): value for name, value in tried.items()}
    return SplitAccuracy(map50=whole, map50_95=whole, images=9, instances=9, per_class={}, lean=tried)


def test_three_times_as_many_anchors_are_tried_until_there_are_no_more():
    assert lean.counts(300, 8400) == [300, 900, 2700, 8100]
    assert lean.counts(300, 300) == []


def test_the_anchors_with_the_best_scores_are_kept():
    predictions = torch.rand(2, 6, 50)
    chosen = lean.best_anchors(predictions, 5)
    for image, best in zip(predictions, chosen, strict=True):
        ranked = image[4:].amax(0).argsort(descending=True)[:5]
        assert torch.equal(best, image[:, ranked])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (accuracy(0.8, of_300=0.7995), (300, 0.7995 / 0.8)),
        (accuracy(0.8, of_300=0.79, of_900=0.8), (900, 1.0)),
        (accuracy(0.8, of_300=0.79, of_900=0.79), (2100, 1.0)),
        (accuracy(0.001, of_300=0.0), (300, None)),
        (accuracy(None), (300, None)),
    ],
)
def test_as_few_as_keep_enough_are_decoded(found, expected):
    count, kept = lean.candidates(found, 300, 0.999, 2100)
    assert (count, kept) == (expected[0], pytest.approx(expected[1]))


def test_files_for_crowded_pictures_decode_more_anchors(crowd, tmp_path):
    record = tmp_path / "hands.json"
    line = [BASE, crowd, "--split", "val", "--imgsz", IMGSZ, "--candidates", 10, "--output", record]
    command.main([str(argument) for argument in line])
    known = records.read(record, AccuracyRecord).value
    found = known.splits["val"]
    assert list(found.lean) == ["10", "30", "90", "270", "810"]
    assert found.lean["10"] < 0.9 * found.map50_95
    settings = ExportSettings(IMGSZ, candidates=10, calibration_images=1, target="x86")
    with open_session(BASE, crowd, settings, record) as session:
        count = session.head.candidates
        assert session.head.kept == found.lean[str(count)] / found.map50_95 >= 0.999
        assert count > 10
        path, made = export_session.export(session, "full.onnx", tmp_path)
    assert made.head == session.head
    assert evaluate(path, crowd, ["val"]).splits["val"].map50_95 == pytest.approx(found.lean[str(count)], abs=1e-4)
    few = dataclasses.replace(settings, candidates_keep=0.0)
    with open_session(BASE, crowd, few, record) as session:
        path, made = export_session.export(session, "full.onnx", tmp_path)
    assert made.head.candidates == 10
    assert evaluate(path, crowd, ["val"]).splits["val"].map50_95 == pytest.approx(found.lean["10"], abs=1e-4)


def test_the_record_of_something_else_is_refused(crowd, tmp_path):
    record = tmp_path / "hands.json"
    line = [BASE, crowd, "--split", "val", "--imgsz", 64, "--output", record]
    command.main([str(argument) for argument in line])
    with pytest.raises(PinchError, match=r"hands.json is not the accuracy of .*hands.pt on val at 320 pixels"):
        open_session(BASE, crowd, ExportSettings(IMGSZ), record)


def test_without_a_record_the_checkpoint_is_measured(crowd):
    settings = ExportSettings(IMGSZ, candidates=10, target="x86")
    with open_session(BASE, crowd, settings) as session:
        assert session.head.candidates > 10
        assert "10" in session.checkpoint_accuracy.splits["val"].lean
