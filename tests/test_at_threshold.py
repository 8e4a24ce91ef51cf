"""What a user of a file sees, from evidence: known confusions, known shares, intervals that hold the true losses."""

import re
from dataclasses import replace

import made_up_evidence as made_up
import numpy as np
import pytest
from test_evidence import bits, ultralytics_ap

from pinch.measuring import at_threshold, average_precision, boxes, statistics

NAMES = ["fist", "four", "like"]
HERE, THERE, CORNER = (0.1, 0.1, 0.3, 0.3), (0.5, 0.5, 0.9, 0.9), (0.9, 0.0, 1.0, 0.1)
TRUTH = [(0, 0, HERE), (0, 1, THERE), (1, 1, HERE), (2, 2, HERE), (3, 0, THERE)]
DETECTIONS = [
    (0, 0, 0.9, (0.1, 0.1, 0.3, 0.29)),  # right
    (0, 0, 0.8, HERE),  # the same box again
    (0, 0, 0.7, THERE),  # a four, taken for a fist
    (1, 1, 0.6, (0.15, 0.1, 0.35, 0.3)),  # right, IoU 0.6
    (2, 2, 0.55, (0.2, 0.2, 0.4, 0.4)),  # overlaps too little
    (2, 1, 0.45, HERE),  # below the threshold
    (3, 2, 0.95, CORNER),  # of nothing
]


@pytest.fixture
def known():
    return made_up.hand_made(DETECTIONS, TRUTH, NAMES, 5)


def test_boxes_are_kept_to_a_hundredth_of_a_pixel_and_within_the_picture():
    places = np.random.default_rng(0).uniform(0, 1, (50, 4))
    np.testing.assert_allclose(boxes.unpack(boxes.pack(places)), places, atol=0.01 / 640)
    assert boxes.unpack(boxes.pack(np.array([[-0.2, 0, 0.5, 1.3]]))) == pytest.approx(
        np.array([[0, 0, 0.5, 1]]), abs=1e-5
    )
    assert boxes.sides(boxes.pack(np.array([HERE, CORNER]))) == pytest.approx([0.2, 0.1], abs=1e-3)


def test_overlaps_are_of_the_same_image_and_found_in_steps(monkeypatch):
    rng = np.random.default_rng(1)
    images, others = rng.integers(4, size=30), rng.integers(4, size=20)
    corner, other = rng.uniform(0, 0.5, (30, 2)), rng.uniform(0, 0.5, (20, 2))
    ours, theirs = np.hstack([corner, corner + 0.4]), np.hstack([other, other + 0.4])
    wanted = {
        (a, b)
        for a in range(30)
        for b in range(20)
        if images[a] == others[b] and made_up.overlap(ours[a], theirs[b]) >= 0.5
    }
    for most in (1_000_000, 15):
        monkeypatch.setattr(boxes, "_MOST", most)
        first, second = boxes.overlaps(images, boxes.pack(ours), others, boxes.pack(theirs))
        assert set(zip(first.tolist(), second.tolist(), strict=True)) == wanted
        assert len(first) == len(wanted) > 20
        shares = [made_up.overlap(ours[a], theirs[b]) for a, b in zip(first, second, strict=True)]
        assert list(zip(first, [-share for share in shares], strict=True)) == sorted(
            zip(first, [-share for share in shares], strict=True)
        )


def test_confusion_is_the_known_one(known):
    wanted = np.zeros((4, 4), int)
    wanted[0, 0], wanted[1, 1], wanted[1, 0] = 1, 1, 1
    wanted[2, 3] = wanted[0, 3] = 1  # a like and a fist that nothing is detected of
    wanted[3, 0] = 1  # the same fist again
    wanted[3, 2] = 2  # detections of nothing
    assert at_threshold.confusion(known).tolist() == wanted.tolist()


def test_precision_and_recall_are_the_known_ones(known):
    counts = at_threshold.counts(known)
    assert counts.boxes.sum(axis=0).tolist() == [2, 2, 1]
    assert counts.detections.sum(axis=0).tolist() == [3, 1, 2]
    assert counts.found.sum(axis=0).tolist() == [1, 1, 0]
    assert counts.found[1].tolist() == [0, 1, 0]
    recall = statistics.rates(known, counts.found, counts.boxes)
    assert recall[0].tolist() == [0.5, 0.5, 0]
    assert at_threshold.found(known).tolist() == [True, False, True, False, False]
    assert at_threshold.found_scores(known)[0] == pytest.approx(0.9)
    assert at_threshold.classes_of_truth(known).tolist() == [0, 0, 1, 3, 3]


def test_a_file_agrees_with_itself_and_with_others_in_both_directions(known):
    assert at_threshold.partners(known, known).tolist() == list(range(6))
    other = made_up.hand_made(DETECTIONS[2:], TRUTH, NAMES, 5)
    assert (at_threshold.partners(known, other) >= 0).sum() == len(other.boxes) == 4
    assert (at_threshold.partners(other, known) >= 0).all()
    elsewhere = made_up.hand_made([(1, 0, 0.9, HERE), (1, 1, 0.8, CORNER)], TRUTH, NAMES, 5)
    assert (at_threshold.partners(elsewhere, known) < 0).all(), "another class, another place"


def placed(skill, images=150, seed=0, threshold=0.4, **options):
    rng = np.random.default_rng(seed)
    seen = made_up.scenes(rng, images, classes=4, **options)
    return seen, made_up.collected(seen, made_up.matched(rng, seen, skill, placed=True), threshold=threshold)


def test_everything_from_the_threshold_on_is_kept():
    rng = np.random.default_rng(3)
    seen = made_up.scenes(rng, 80, classes=4, clutter=30)
    stats = made_up.matched(rng, seen, 1.0, placed=True)
    scores = np.concatenate(stats["conf"])
    for threshold in (0.02, 0.1, 0.5):
        found = made_up.collected(seen, stats, threshold=threshold)
        assert len(found.boxes) == (scores >= threshold).sum() == (found.scores >= threshold).sum()
        counts, right = at_threshold.counts(found), np.concatenate(stats["tp"])[:, 0] & (scores >= threshold)
        assert counts.found.sum() == right.sum() == at_threshold.found(found).sum()
        assert (
            at_threshold.confusion(found).sum()
            == counts.boxes.sum() + counts.detections.sum() - (found.truths >= 0).sum()
        )
    assert made_up.collected(seen, stats).threshold is None


def test_average_precision_by_size_is_that_of_ultralytics_on_boxes_of_that_size():
    _, found = placed(1.0)
    ones = np.ones((1, found.groups.max() + 1))
    whole = at_threshold.of_sides(found, 0, np.inf)
    assert np.array_equal(average_precision.of_classes(whole, ones), average_precision.of_classes(found, ones))
    part = at_threshold.of_sides(found, 0.1, 0.15)
    sides = at_threshold.truth_sides(found)
    assert len(part.truth_classes) == ((sides >= 0.1) & (sides < 0.15)).sum() > 30
    wanted, _ = ultralytics_ap(part.scores, part.classes, bits(part.correct), part.truth_classes)
    assert average_precision.of_classes(part, ones)[0] == pytest.approx(wanted.mean(1), abs=1e-12)
    truth = [(n, 0, HERE if n % 2 else THERE) for n in range(20)]
    blind = made_up.hand_made([(n, 0, 0.9 - n / 100, THERE) for n in range(0, 20, 2)], truth, ["fist"], 20)
    small, large = (
        average_precision.of_classes(at_threshold.of_sides(blind, *ends), np.ones((1, 20)))[0, 0]
        for ends in ((0, 0.3), (0.3, 1))
    )
    assert (small, large) == (0, pytest.approx(0.995, abs=0.01))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"boxes": None}, "of an earlier version of Pinch, which kept no boxes"),
        ({"threshold": None}, "has no threshold, because val was not evaluated"),
        ({"least_score": 0.45}, r"only detections with a score of 0\.450 or more"),
    ],
)
def test_evidence_that_cannot_tell_says_why(known, change, reason):
    assert at_threshold.lacking(known) is None
    known = replace(known, threshold=0.4)
    assert at_threshold.lacking(replace(known, least_score=0.3)) is None
    assert re.search(reason, at_threshold.lacking(replace(known, **change)))


def test_an_interval_is_never_narrower_than_what_was_counted():
    same = np.zeros(1 + statistics.RESAMPLES)
    found = statistics.difference(same, 200, 1 / 20)
    assert (found.value, found.low, found.high) == (
        0,
        pytest.approx(-0.0986, abs=1e-3),
        pytest.approx(0.0986, abs=1e-3),
    )
    assert statistics.difference(same, 200).high == 0
    assert statistics.difference(np.full_like(same, np.nan), 200) is None


def figures(evidences):
    """AP, recall and precision of each class on all images and on halves, and how many things each is of; by name."""
    counts = [at_threshold.counts(each) for each in evidences]
    pairs = list(zip(evidences, counts, strict=True))
    boxes_of, detected = counts[1].boxes.sum(axis=0), counts[1].detections.sum(axis=0)
    return {
        "ap": ([statistics.resample(each).values for each in evidences], None),
        "recall": ([statistics.rates(each, count.found, count.boxes) for each, count in pairs], boxes_of),
        "precision": ([statistics.rates(each, count.found, count.detections) for each, count in pairs], detected),
    }


@pytest.mark.parametrize(("sets", "images", "population"), [(60, 120, 8000)])
def test_intervals_of_losses_hold_the_true_ones(sets, images, population):
    """In 95% of cases but for the chance of so many sets; those of counts are a little wider."""
    rng, held = np.random.default_rng(0), {"ap": [], "recall": [], "precision": []}

    def draw(count):
        seen = made_up.scenes(rng, count, classes=4)
        return [
            made_up.collected(seen, made_up.matched(rng, seen, skill, placed=True), threshold=0.4)
            for skill in (1.2, 0.8)
        ]

    whole, ones = draw(population), np.ones((1, population))
    counts = [at_threshold.counts(each) for each in whole]
    values = {
        "ap": [average_precision.of_classes(each, ones)[0] for each in whole],
        "recall": [each.found.sum(axis=0) / each.boxes.sum(axis=0) for each in counts],
        "precision": [each.found.sum(axis=0) / each.detections.sum(axis=0) for each in counts],
    }
    for _ in range(sets):
        for name, ((base, ours), things) in figures(draw(images)).items():
            truth = values[name][0] - values[name][1]
            for number in range(4):
                one = 0 if things is None else 1 / things[number]
                found = statistics.difference(base[:, number] - ours[:, number], images, one)
                held[name].append(found.low <= truth[number] <= found.high)
    shares = {name: np.mean(each) for name, each in held.items()}
    assert min(shares.values()) >= 0.91, shares
