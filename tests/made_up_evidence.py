"""What a validator might match: made-up detections for tests of evidence and of intervals, never used for figures."""

from dataclasses import dataclass

import numpy as np

from pinch.measuring import evidence

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


def matched(rng, seen, skill, decimals=None):
    """What a model of a skill (about 0 to 3) finds: the lists of `DetMetrics.stats`, an entry for each image.

    Args:
        rng: source of chance.
        seen: the scenes.
        skill: higher is better.
        decimals: scores have so many, as those of int8, so that many are equal.
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
    return {
        "conf": np.split(scores[order], cuts),
        "pred_cls": np.split(labels[order], cuts),
        "tp": np.split(correct[order], cuts),
        "target_cls": np.split(seen.classes.astype(np.float32), truth_cuts),
    }


def collected(seen, stats, **options):
    """Evidence of what was matched."""
    return evidence.collect(stats, [f"{n}.png" for n in range(len(seen.persons))], seen.persons, seen.names, **options)
