"""Evidence holds what matching found in each image, and nothing that no average precision needs."""

import dataclasses

import known_detectors as detectors
import made_up_evidence as made_up
import numpy as np
import pytest

from pinch.core.errors import PinchError
from pinch.core.files import sha256
from pinch.measuring import at_threshold, boxes, evidence


def ultralytics_ap(scores, classes, correct, truth):
    """Average precision as Ultralytics computes it: (classes with boxes, 10), and those classes."""
    from ultralytics.utils.metrics import ap_per_class

    found = ap_per_class(correct, scores, classes, truth)
    return found[5], found[6]


def bits(correct):
    """(d,) bit masks as (d, 10) bool."""
    return (correct[:, None] >> np.arange(evidence.THRESHOLDS) & 1).astype(bool)


def equal(first, second):
    return all(np.array_equal(value, getattr(second, name)) for name, value in vars(first).items())


def test_boxes_are_where_they_are_in_the_picture(tmp_path):
    """The detector finds the box of every picture, up to the rounding of letterboxes, and calls it blue.

    With a low score it finds a red one without size, too.
    """
    from pinch.measuring.evaluation import evaluate_with_evidence

    data = detectors.dataset(tmp_path / "data", {"val": 6, "test": 5})
    model = detectors.onnx_detector(tmp_path / "toy.onnx")
    record, evidence_of = evaluate_with_evidence(model, data, ["test", "val"])
    x, y, width, height = detectors.BOX
    corners = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    for split, count in (("val", 6), ("test", 5)):
        found = evidence_of[split]
        assert found.threshold == record.operating_point.threshold
        assert boxes.unpack(found.truth_boxes) == pytest.approx(np.tile(corners, (count, 1)), abs=1e-4)
        assert boxes.unpack(found.boxes[:count]) == pytest.approx(np.tile(corners, (count, 1)), abs=5e-3)
        assert sorted(found.truths[:count].tolist()) == list(range(count))
        others = len(found.boxes) - count
        confusion = at_threshold.confusion(found)
        assert confusion.tolist() == [[(count + 1) // 2, 0, 0], [count // 2, 0, 0], [0, others, 0]]
        assert found.sides[:count] == pytest.approx((width * height) ** 0.5, abs=5e-3)
    counts = at_threshold.counts(evidence_of["val"])
    recall = (counts.found.sum(axis=0) / counts.boxes.sum(axis=0)).mean()
    assert recall == pytest.approx(record.operating_point.recall, abs=1e-3)


def test_without_val_there_is_no_threshold(evaluated):
    from pinch.measuring.evaluation import evaluate_with_evidence

    model, data, *_ = evaluated
    _, found = evaluate_with_evidence(model, data, ["test"], batch=4)
    assert found["test"].threshold is None
    assert len(found["test"].boxes) == 0
    assert at_threshold.lacking(found["test"]).startswith("has no threshold")


def test_older_evidence_is_read_and_says_that_it_keeps_no_boxes(evaluated, tmp_path):
    *_, found = evaluated
    added = ("threshold", "boxes", "truths", "sides", "truth_boxes")
    evidence.write(tmp_path / "toy.npz", "a" * 64, {"val": dataclasses.replace(found["val"], **dict.fromkeys(added))})
    older = evidence.read(tmp_path / "toy.npz", None)["val"]
    assert np.array_equal(older.scores, found["val"].scores)
    assert "earlier version of Pinch, which kept no boxes" in at_threshold.lacking(older)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """A file, its data set, and what evaluation says of it."""
    from pinch.measuring.evaluation import evaluate_with_evidence

    folder = tmp_path_factory.mktemp("evaluated")
    data = detectors.dataset(folder / "data", {"val": 6, "test": 11})
    model = detectors.checkpoint(folder / "toy.pt")
    return model, data, *evaluate_with_evidence(model, data, ["val", "test"], batch=4)


def test_evidence_is_of_the_images_and_boxes_that_the_record_counts(evaluated):
    *_, record, found = evaluated
    assert set(found) == set(record.splits) == {"val", "test"}
    for split, count in (("val", 6), ("test", 11)):
        said, of = record.splits[split], found[split]
        assert sorted(of.images) == sorted(f"images/{split}/{number}.png" for number in range(count))
        assert (len(of.images), len(of.truth_classes)) == (said.images, said.instances)
        # Picture i shows class i modulo 2.
        shown = [int(name.rpartition("/")[2].removesuffix(".png")) % 2 for name in of.images]
        assert of.truth_classes.tolist() == [shown[image] for image in of.truth_images]
        assert np.all(np.diff(of.scores) <= 0)
        assert of.groups.tolist() == list(range(count))
        assert of.persons == 0
        assert of.names == ["blue", "red"]


def test_evidence_gives_the_accuracy_of_the_record(evaluated):
    *_, record, found = evaluated
    for split, of in found.items():
        ap, _ = ultralytics_ap(of.scores, of.classes, bits(of.correct), of.truth_classes)
        assert ap.mean() == pytest.approx(record.splits[split].map50_95, abs=1e-9)
        assert ap[:, 0].mean() == pytest.approx(record.splits[split].map50, abs=1e-9)
        assert ap.mean() > 0.001
        assert len(of.scores) > 0


@pytest.mark.parametrize("decimals", [None, 2])
def test_what_is_dropped_changes_no_average_precision(decimals):
    rng = np.random.default_rng(0)
    seen = made_up.scenes(rng, 120, classes=5, clutter=20)
    stats = made_up.matched(rng, seen, 0.5, decimals)
    whole = {name: np.concatenate(values) for name, values in stats.items()}
    wanted, classes = ultralytics_ap(whole["conf"], whole["pred_cls"], whole["tp"], whole["target_cls"])
    found = made_up.collected(seen, stats)
    assert len(found.scores) < 0.9 * len(whole["conf"])
    # In the order of the evidence, so that equal scores are ranked as they were: Ultralytics sorts by score alone.
    ranks = np.arange(len(found.scores), 0, -1)
    ap, same = ultralytics_ap(ranks, found.classes, bits(found.correct), found.truth_classes)
    assert np.array_equal(classes, same)
    np.testing.assert_allclose(ap, wanted, rtol=0, atol=1e-12)


def test_a_class_without_a_correct_detection_has_none():
    rng = np.random.default_rng(1)
    seen = made_up.scenes(rng, 50, classes=3)
    stats = made_up.matched(rng, seen, 1.0)
    for correct, classes in zip(stats["tp"], stats["pred_cls"], strict=True):
        correct[classes == 1] = False
    found = made_up.collected(seen, stats)
    assert set(found.classes.tolist()) == {0, 2}
    assert 1 in found.truth_classes


def test_too_many_detections_lose_those_with_the_lowest_scores():
    rng = np.random.default_rng(2)
    seen = made_up.scenes(rng, 60, classes=3)
    stats = made_up.matched(rng, seen, 1.0)
    whole, part = made_up.collected(seen, stats), made_up.collected(seen, stats, most=20)
    assert whole.least_score is None
    assert len(part.scores) == 20
    assert part.least_score == part.scores[-1] == whole.scores[19]
    assert np.array_equal(part.classes, whole.classes[:20])


def test_images_of_one_person_are_one_group():
    stats = {"conf": [np.zeros(0)] * 5, "pred_cls": [np.zeros(0)] * 5, "target_cls": [np.zeros(0)] * 5}
    stats["tp"] = [np.zeros((0, 10), bool)] * 5
    persons = ["ann", "", "bob", "ann", ""]
    found = evidence.collect(stats, ["bob", "ann", "c", "d", "e"], persons, ["fist"])
    assert found.groups.tolist() == [0, 1, 2, 0, 3]
    assert found.persons == 2


def test_evidence_is_read_as_it_was_written(evaluated, tmp_path):
    model, *_, found = evaluated
    path = evidence.beside(tmp_path / "toy_full.onnx.json")
    assert path.name == "toy_full.onnx.npz"
    evidence.write(path, sha256(model), found)
    evidence.write(path, sha256(model), found)
    again = evidence.read(path, sha256(model))
    assert list(again) == list(found)
    assert all(equal(again[split], of) for split, of in found.items())
    assert {name: array.dtype for name, array in vars(again["val"]).items() if isinstance(array, np.ndarray)} == {
        name: array.dtype for name, array in vars(found["val"]).items() if isinstance(array, np.ndarray)
    }
    dropped = {"val": dataclasses.replace(found["val"], least_score=0.25)}
    evidence.write(path, sha256(model), dropped)
    assert evidence.read(path, None)["val"].least_score == 0.25


@pytest.mark.fault
def test_evidence_of_another_file_or_format_is_refused(evaluated, tmp_path):
    model, *_, found = evaluated
    path = tmp_path / "toy.npz"
    with pytest.raises(PinchError, match=r"toy\.npz does not exist: evaluate"):
        evidence.read(path, None)
    evidence.write(path, "a" * 64, found)
    with pytest.raises(PinchError, match="is of another state of the model file"):
        evidence.read(path, sha256(model))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PinchError, match="is not evidence of this version"):
        evidence.read(path, None)
    np.savez(path, evidence=np.array(99), sha256=np.array(b"a"))
    with pytest.raises(PinchError, match="version 99, not 1"):
        evidence.read(path, None)
    np.savez(path, evidence=np.array([{}], dtype=object), sha256=np.array(b"a"))
    with pytest.raises(PinchError, match="is not evidence of this version"):
        evidence.read(path, None)


@pytest.mark.fault
def test_an_archive_of_others_is_not_replaced(evaluated, tmp_path):
    import evaluate

    model, data, *_ = evaluated
    np.savez(tmp_path / "record.npz", mine=np.arange(3))
    with pytest.raises(PinchError, match=r"record\.npz is a \.npz file that Pinch did not make"):
        evaluate.main([str(model), str(data), "--split", "val", "--output", str(tmp_path / "record.json")])
    assert not (tmp_path / "record.json").exists()


def test_the_command_writes_evidence_beside_its_record(evaluated, tmp_path):
    import evaluate

    model, data, _, found = evaluated
    for _ in range(2):
        evaluate.main([str(model), str(data), "--split", "val", "--output", str(tmp_path / "record.json")])
    assert equal(evidence.read(tmp_path / "record.npz", sha256(model))["val"], found["val"])
