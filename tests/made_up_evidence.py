"""What a validator might match: made-up detections for tests of evidence and of intervals, never used for figures."""

from dataclasses import dataclass

import numpy as np

from pinch.measuring import boxes, evidence

IOUS = np.linspace(0.5, 0.95, evidence.THRESHOLDS)


@dataclass(frozen=True)
class Scenes:
    """Images that several models look at. `n` images, `t` boxes.

    Attributes:
        persons: who is in each image; empty names if nobody knows.
        classes: (t,) class of each box.
        images: (t,) its image.
        ease: (t,) how easy it is to find for every model; it has parts of its person, its image and its class.
        clutter: (n,) expected number of false detections of each image.
    """

    persons: list[str]
    classes: np.ndarray
    images: np.ndarray
    ease: np.ndarray
    clutter: np.ndarray

    @property
    def names(self):
        return [f"class {number}" for number in range(int(self.classes.max()) + 1)]

    @property
    def boxes(self):
        """(t, 4) left, top, right, bottom of each box: a square of 0.05 to 0.2 in a random place."""
        rng = np.random.default_rng(len(self.classes))
        corner = rng.uniform(0, 0.7, (len(self.classes), 2))
        return np.hstack([corner, corner + rng.uniform(0.05, 0.2, (len(self.classes), 1))])


def scenes(rng, images, classes=10, boxes=1.5, per_person=None, clutter=2.0):
    """Random images; `boxes` is the mean number in each, `per_person` the mean number of images of a person."""
    counts = rng.poisson(boxes, images)
    of = np.repeat(np.arange(images), counts)
    labels = rng.integers(classes, size=len(of))
    person = rng.integers(max(1, round(images / per_person)), size=images) if per_person else np.arange(images)
    ease = rng.normal(0, 0.7, len(of)) + rng.normal(0, 0.5, images)[of] + np.linspace(0.6, -0.6, classes)[labels]
    ease += rng.normal(0, 0.6, int(person.max()) + 1)[person][of]
    names = [f"person {number}" for number in person] if per_person else [""] * images
    return Scenes(names, labels, of, ease, rng.gamma(2.0, clutter / 2, images))


def matched(rng, seen, skill, decimals=None, placed=False):
    """What a model of a skill (about 0 to 3) finds: the lists of `DetMetrics.stats`, an entry for each image.

    Args:
        rng: source of chance.
        seen: the scenes.
        skill: higher is better.
        decimals: scores have so many, as those of int8, so that many are equal.
        placed: with boxes, which overlap as much as is said of them; those of false detections lie apart.
    """
    quality = seen.ease + skill + rng.normal(0, 0.5, len(seen.ease))
    found = rng.random(len(quality)) < 1 / (1 + np.exp(-2 * quality - 1))
    iou = 1 / (1 + np.exp(-(quality * 0.7 + rng.normal(0, 0.8, len(quality)) + 0.8)))
    score = 1 / (1 + np.exp(-(1.5 * quality + rng.normal(0, 1, len(quality)) - 1.5)))
    classes = len(seen.names)
    false = np.repeat(np.arange(len(seen.clutter)), rng.poisson(seen.clutter))
    wrong_score = 1 / (1 + np.exp(rng.gamma(6, 0.7, len(false)) + 0.3 * skill))
    images = np.concatenate([seen.images[found], false])
    scores = np.concatenate([score[found], wrong_score]).astype(np.float32)
    labels = np.concatenate([seen.classes[found], rng.integers(classes, size=len(false))]).astype(np.float32)
    correct = np.concatenate([iou[found, None] >= IOUS, np.zeros((len(false), len(IOUS)), bool)])
    if decimals is not None:
        scores = np.round(scores, decimals)
    order = np.lexsort((-scores, images))
    cuts = np.searchsorted(images[order], np.arange(1, len(seen.clutter)))
    truth_cuts = np.searchsorted(seen.images, np.arange(1, len(seen.clutter)))
    stats = {
        "conf": np.split(scores[order], cuts),
        "pred_cls": np.split(labels[order], cuts),
        "tp": np.split(correct[order], cuts),
        "target_cls": np.split(seen.classes.astype(np.float32), truth_cuts),
    }
    if placed:
        apart = np.tile([0.95, 0.95, 1.0, 1.0], (len(false), 1))
        places = np.concatenate([shifted(seen.boxes[found], iou[found]), apart])
        stats["boxes"] = np.split(boxes.pack(places[order]), cuts)
        stats["target_boxes"] = np.split(boxes.pack(seen.boxes), truth_cuts)
    return stats


def shifted(places, iou):
    """Boxes moved to the right so far that they overlap so much: by (1 - IoU) / (1 + IoU) of their width."""
    moved = places.copy()
    moved[:, ::2] += ((1 - iou) / (1 + iou) * (places[:, 2] - places[:, 0]))[:, None]
    return moved


def hand_made(detections, truth, names, images, threshold=0.5):
    """Evidence of detections (image, class, score, box) and of boxes of the truth (image, class, box).

    Boxes are left, top, right and bottom as shares; scores differ.
    """
    stats = {"conf": [], "pred_cls": [], "tp": [], "boxes": [], "target_cls": [], "target_boxes": []}
    for image in range(images):
        found = sorted((each[1:] for each in detections if each[0] == image), key=lambda each: -each[1])
        shown = [each[1:] for each in truth if each[0] == image]
        correct, taken = np.zeros((len(found), len(IOUS)), bool), np.zeros((len(shown), len(IOUS)), bool)
        for row, (number, _, place) in enumerate(found):
            for column, least in enumerate(IOUS):
                free = [k for k, (own, _) in enumerate(shown) if own == number and not taken[k, column]]
                best = max(free, key=lambda k: overlap(place, shown[k][1]), default=None)
                if best is not None and overlap(place, shown[best][1]) >= least:
                    correct[row, column] = taken[best, column] = True
        stats["conf"].append(np.array([score for _, score, _ in found], np.float32))
        stats["pred_cls"].append(np.array([number for number, _, _ in found], np.float32))
        stats["tp"].append(correct)
        stats["boxes"].append(boxes.pack(np.array([place for *_, place in found], float).reshape(-1, 4)))
        stats["target_cls"].append(np.array([number for number, _ in shown], np.float32))
        stats["target_boxes"].append(boxes.pack(np.array([place for _, place in shown], float).reshape(-1, 4)))
    return evidence.collect(stats, [f"{n}.png" for n in range(images)], [""] * images, names, threshold)


def overlap(first, second):
    """IoU of two boxes."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(0, width) * max(0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return shared / (sum(areas) - shared)


def collected(seen, stats, **options):
    """Evidence of what was matched."""
    return evidence.collect(stats, [f"{n}.png" for n in range(len(seen.persons))], seen.persons, seen.names, **options)
