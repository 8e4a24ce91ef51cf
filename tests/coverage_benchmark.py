"""How often 95% intervals of accuracies hold the true figure.

    .venv/bin/python tests/coverage_benchmark.py [--sets 1500] [--only NAME ...] [--percentile]

Draws small sets of images from a population of made-up detections whose mAP50-95 is known, and computes intervals of
each set: of mAP50-95, of what another file keeps of it, and of what it keeps of one class (the hardest one). Prints the
share of sets whose interval holds the population's figure, with the shares that lie wholly above and below it. With
--percentile it does the same for percentiles of the bootstrap, the usual kind of interval.
"""

import argparse
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

import made_up_evidence as made_up  # noqa: E402

from pinch.measuring import average_precision, interval, statistics  # noqa: E402

POPULATION = 20_000
TAIL = (1 - interval.LEVEL) / 2


@dataclass(frozen=True)
class Case:
    """Sets to draw: `groups` images each, or persons with `per_person` images in the mean; skills of the files."""

    name: str
    groups: int
    classes: int
    boxes: float
    skills: tuple[float, ...]
    per_person: int | None = None
    decimals: int | None = None


CASES = (
    Case("40 images", 40, 3, 1.5, (0.8, 0.3)),
    Case("75 images", 75, 5, 1.5, (0.8, 0.6)),
    Case("150 images", 150, 10, 1.5, (1.2, 1.0)),
    Case("40 crowded images", 40, 3, 15, (0.5, 0.4)),
    Case("40 persons, 4 images each", 40, 5, 1.5, (0.8, 0.5), per_person=4),
    Case("100 images, int8 scores, high accuracy", 100, 5, 1.5, (2.5, 2.4), decimals=2),
)


class Population:
    """Evidence of files on all images, from which sets are drawn by group."""

    def __init__(self, case, rng):
        seen = made_up.scenes(rng, POPULATION, case.classes, case.boxes, case.per_person)
        matched = [made_up.matched(rng, seen, skill, case.decimals) for skill in case.skills]
        self.files = [made_up.collected(seen, stats) for stats in matched]
        self.groups = int(self.files[0].groups.max()) + 1
        self.images = by_number(self.files[0].groups, self.groups)
        self.detections = [by_number(file.detection_images, POPULATION) for file in self.files]
        self.boxes = by_number(self.files[0].truth_images, POPULATION)
        classes = [average_precision.of_classes(file, np.ones((1, self.groups)))[0] for file in self.files]
        self.map50_95, (base, other) = [each.mean() for each in classes], classes[:2]
        self.truth = {"mAP50-95": base.mean(), "kept": other.mean() / base.mean(), "class": other[-1] / base[-1]}

    def draw(self, rng, count):
        """Evidence of the files on a set of `count` groups, each of which is a group of its own in the set."""
        chosen = [self.images[group] for group in rng.integers(self.groups, size=count)]
        images = np.concatenate(chosen)
        groups = np.repeat(np.arange(count, dtype=np.int32), [len(each) for each in chosen])
        truth, shown = gathered(self.boxes, images)
        return [
            taken(file, images, groups, gathered(found, images), truth, shown)
            for file, found in zip(self.files, self.detections, strict=True)
        ]


def by_number(numbers, count):
    """For each number below `count`, the places at which it stands."""
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.searchsorted(numbers[order], np.arange(1, count)))


def gathered(places, images):
    """The places of all images, and for each the image's number in the set."""
    found = [places[image] for image in images]
    return np.concatenate(found), np.repeat(np.arange(len(images), dtype=np.int32), [len(each) for each in found])


def taken(file, images, groups, detections, truth, shown):
    """The evidence of a file on images of a set."""
    order = np.argsort(detections[0], kind="stable")
    rows, of = (each[order] for each in detections)
    return replace(
        file,
        images=[str(image) for image in images],
        groups=groups,
        scores=file.scores[rows],
        classes=file.classes[rows],
        correct=file.correct[rows],
        detection_images=of,
        truth_classes=file.truth_classes[truth],
        truth_images=shown,
    )


def figures(base, other):
    """The three figures of a set, from what is known of two files."""
    return {
        "mAP50-95": statistics.map50_95(base),
        "kept": statistics.share(other, base),
        "class": statistics.share_of_class(other, base, base.names[-1]),
    }


def percentiles(files, rng):
    """The same by percentiles of bootstrap resamples."""
    groups = int(files[0].groups.max()) + 1
    weights = rng.multinomial(groups, np.full(groups, 1 / groups), size=statistics.RESAMPLES).astype(float)
    base, other = (average_precision.of_classes(file, weights) for file in files)
    values = {
        "mAP50-95": np.nanmean(base, axis=1),
        "kept": np.nanmean(other, axis=1) / np.nanmean(base, axis=1),
        "class": (other / base)[:, -1],
    }
    return {name: np.nanquantile(each, [TAIL, 1 - TAIL]) for name, each in values.items()}


def measure(case, sets, with_percentiles):
    """Print the coverage in one case."""
    rng, started = np.random.default_rng(0), time.perf_counter()
    population, missed = Population(case, rng), defaultdict(list)

    def note(kind, name, low, high):
        missed[kind, name].append((population.truth[name] < low, population.truth[name] > high))

    for _ in range(sets):
        files = population.draw(rng, case.groups)
        for name, found in figures(*map(statistics.resample, files)).items():
            if found:
                note("ours", name, found.low, found.high)
        for name, ends in (percentiles(files, rng) if with_percentiles else {}).items():
            note("percentile", name, *ends)
    print(f"{case.name}: {sets} sets in {time.perf_counter() - started:.0f} s")
    for (kind, name), ends in missed.items():
        above, below = np.mean(ends, axis=0)
        print(
            f"  {name} {population.truth[name]:.3f}, {kind}: {1 - above - below:.1%} of {len(ends)} hold it,"
            f" {above:.1%} are above, {below:.1%} below",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=1500)
    parser.add_argument("--only", nargs="+", choices=[case.name for case in CASES])
    parser.add_argument("--percentile", action="store_true")
    arguments = parser.parse_args()
    with np.errstate(all="ignore"):
        for case in CASES:
            if not arguments.only or case.name in arguments.only:
                measure(case, arguments.sets, arguments.percentile)


if __name__ == "__main__":
    main()
