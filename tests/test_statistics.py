"""Average precision from evidence is Ultralytics', and intervals say how far it would move with other images."""

from dataclasses import replace

import coverage_benchmark as coverage
import known_detectors as detectors
import made_up_evidence as made_up
import numpy as np
import pytest
from test_evidence import ultralytics_ap

from pinch.core.errors import PinchError
from pinch.measuring import average_precision, statistics


def pair(images=120, skills=(1.0, 0.6), seed=0, **options):
    """Evidence of two files on the same images."""
    rng = np.random.default_rng(seed)
    seen = made_up.scenes(rng, images, **options)
    return [made_up.collected(seen, made_up.matched(rng, seen, skill)) for skill in skills]


def of_all(evidence):
    return average_precision.of_classes(evidence, np.ones((1, evidence.groups.max() + 1)))[0]


@pytest.mark.parametrize(
    ("images", "classes", "skill", "decimals"),
    [(300, 10, 0.5, None), (300, 10, 1.0, 2), (40, 3, 0.0, 1), (100, 2, 3.0, 2), (5, 2, 2.0, None)],
)
def test_average_precision_is_that_of_ultralytics(images, classes, skill, decimals):
    rng = np.random.default_rng(0)
    seen = made_up.scenes(rng, images, classes)
    stats = made_up.matched(rng, seen, skill, decimals)
    whole = {name: np.concatenate(values) for name, values in stats.items()}
    wanted, present = ultralytics_ap(whole["conf"], whole["pred_cls"], whole["tp"], whole["target_cls"])
    found = of_all(made_up.collected(seen, stats))
    np.testing.assert_allclose(found[present], wanted.mean(1), rtol=0, atol=1e-12)
    assert np.isnan(np.delete(found, present)).all()


def test_average_precision_is_that_of_the_record(tmp_path):
    from pinch.measuring.evaluation import evaluate_with_evidence

    data = detectors.dataset(tmp_path / "data", {"val": 6, "test": 11})
    for model in (detectors.checkpoint(tmp_path / "toy.pt"), detectors.onnx_detector(tmp_path / "toy.onnx")):
        record, evidence = evaluate_with_evidence(model, data, ["val", "test"])
        for split, said in record.splits.items():
            resampled = statistics.resample(evidence[split])
            per_class = dict(zip(resampled.names, resampled.values[0], strict=True))
            assert per_class == pytest.approx(said.per_class, abs=1e-9)
            assert statistics.map50_95(resampled).value == pytest.approx(said.map50_95, abs=1e-9)


def test_images_with_a_weight_of_0_are_not_there():
    rng = np.random.default_rng(3)
    seen = made_up.scenes(rng, 80, classes=4)
    stats = made_up.matched(rng, seen, 0.7)
    weights = rng.integers(2, size=(20, 80)).astype(float)
    found = average_precision.of_classes(made_up.collected(seen, stats), weights)
    for row, kept in zip(found, weights.astype(bool), strict=True):
        part = {
            name: np.concatenate([each for each, keep in zip(values, kept, strict=True) if keep])
            for name, values in stats.items()
        }
        wanted, present = ultralytics_ap(part["conf"], part["pred_cls"], part["tp"], part["target_cls"])
        np.testing.assert_allclose(row[present], wanted.mean(1), rtol=0, atol=1e-12)


def test_images_that_come_twice_count_twice():
    """Of many images: between two detections of one image, which are one step here, the difference is small."""
    evidence, _ = pair(600, classes=3)
    doubled = average_precision.of_classes(evidence, np.full((1, 600), 2.0))[0]
    np.testing.assert_allclose(doubled, of_all(evidence), rtol=0, atol=2e-3)


def test_large_evidence_is_resampled_in_steps(monkeypatch):
    ours, theirs = map(statistics.resample, pair(50, classes=3))
    monkeypatch.setattr(average_precision, "_MOST", 1000)
    again, _ = map(statistics.resample, pair(50, classes=3))
    np.testing.assert_array_equal(ours.values, again.values)
    monkeypatch.setattr(statistics, "_MOST", 1000)
    in_steps = statistics.share(*map(statistics.resample, pair(50, classes=3)))
    whole = statistics.share(ours, theirs)
    assert in_steps.value == whole.value
    assert (in_steps.low, in_steps.high) == pytest.approx((whole.low, whole.high), abs=0.02)


def test_intervals_hold_their_figure_and_repeat_with_the_same_seed():
    for seed in (0, 1):
        ours, theirs = pair()
        found = [statistics.resample(each, seed) for each in (ours, theirs)]
        again = [statistics.resample(each, seed) for each in (ours, theirs)]
        for compute in (statistics.share, statistics.worst_class):
            assert compute(*found) == compute(*again)
            assert compute(*found).low < compute(*found).value < compute(*found).high
        accuracy = statistics.map50_95(found[0])
        assert 0 < accuracy.low < accuracy.value < accuracy.high < 1


def test_a_file_keeps_exactly_all_of_itself():
    ours, _ = map(statistics.resample, pair())
    for found in (statistics.share(ours, ours), statistics.worst_class(ours, ours)):
        assert (found.value, found.low, found.high) == pytest.approx((1, 1, 1))


def test_a_difference_is_significant_where_the_interval_leaves_out_1():
    good, equal, bad = map(statistics.resample, pair(300, (1.2, 1.2, 0.4)))
    found = [statistics.share(*both) for both in ((bad, good), (good, bad), (equal, good), (good, good))]
    assert [statistics.is_loss(share) for share in found] == [True, False, False, False]
    assert [statistics.is_gain(share) for share in found] == [False, True, False, False]


def test_a_comparison_on_the_same_images_is_narrower_than_its_parts():
    theirs, ours = map(statistics.resample, pair(300, (1.0, 0.95)))
    parts = [statistics.map50_95(each) for each in (ours, theirs)]
    found = statistics.share(ours, theirs)
    assert np.log(found.high / found.low) < 0.8 * np.hypot(*(np.log(each.high / each.low) for each in parts))


def test_more_images_make_intervals_narrower_and_persons_wider():
    def width(evidence):
        found = statistics.map50_95(statistics.resample(evidence))
        return found.high - found.low

    few, many = (pair(images, classes=3)[0] for images in (60, 960))
    assert width(many) == pytest.approx(width(few) / 4, rel=0.35)
    grouped = pair(400, classes=3, per_person=10)[0]
    alone = replace(grouped, groups=np.arange(400, dtype=np.int32))
    assert width(grouped) > 1.2 * width(alone)


def test_the_worst_class_is_named_and_must_have_been_found_before():
    theirs, ours = pair(200, (1.5, 1.5), classes=4)
    rng = np.random.default_rng(0)
    lost = (ours.classes == 2) & (rng.random(len(ours.classes)) < 0.6)
    spoiled = replace(ours, correct=np.where(lost, 0, ours.correct).astype(np.uint16))
    found = statistics.worst_class(statistics.resample(spoiled), statistics.resample(theirs))
    assert found.name == "class 2"
    assert found.high < 0.8
    never = replace(theirs, correct=np.where(theirs.classes == 2, 0, theirs.correct).astype(np.uint16))
    found = statistics.worst_class(statistics.resample(spoiled), statistics.resample(never))
    assert found.name != "class 2"


def test_the_interval_of_the_worst_of_many_classes_is_wider_than_that_of_a_class_named_beforehand():
    theirs, ours = map(statistics.resample, pair(200, classes=10))
    worst = statistics.worst_class(ours, theirs)
    named = statistics.share_of_class(ours, theirs, worst.name)
    assert worst.value == named.value
    assert worst.high - worst.low > 1.3 * (named.high - named.low)


def test_a_class_that_is_lost_is_the_worst():
    theirs, ours = pair(100, classes=3)
    lost = replace(ours, correct=np.where(ours.classes == 1, 0, ours.correct).astype(np.uint16))
    found = statistics.worst_class(statistics.resample(lost), statistics.resample(theirs))
    assert (found.name, found.value, found.low, found.high) == ("class 1", 0, 0, 0)


def test_what_cannot_be_estimated_is_none():
    theirs, ours = pair(60, classes=2)
    nothing = replace(theirs, correct=np.zeros_like(theirs.correct))
    assert statistics.share(*map(statistics.resample, (ours, nothing))) is None
    assert statistics.worst_class(*map(statistics.resample, (ours, nothing))) is None
    assert statistics.map50_95(statistics.resample(nothing)).high == 0
    one = replace(ours, groups=np.zeros_like(ours.groups))
    assert statistics.map50_95(statistics.resample(one)) is None
    empty = replace(ours, truth_classes=ours.truth_classes[:0], truth_images=ours.truth_images[:0])
    assert statistics.map50_95(statistics.resample(empty)) is None


@pytest.mark.fault
def test_files_that_saw_other_images_are_not_compared():
    ours, theirs = pair()
    other = replace(theirs, images=[f"other/{name}" for name in theirs.images])
    with pytest.raises(PinchError, match="evaluated on other images"):
        statistics.share(statistics.resample(ours), statistics.resample(other))


def test_intervals_hold_the_true_figure_about_as_often_as_they_say():
    """Of 120 sets; tests/coverage_benchmark.py measures it with thousands."""
    case = coverage.Case("", 40, 3, 1.5, (0.8, 0.3))
    rng = np.random.default_rng(5)
    population, held = coverage.Population(case, rng), []
    for _ in range(120):
        base, other = (statistics.resample(file) for file in population.draw(rng, case.groups))
        for name, found in coverage.figures(base, other).items():
            if found and name != "class":
                held.append(found.low <= population.truth[name] <= found.high)
    assert 0.9 <= np.mean(held) <= 0.985
