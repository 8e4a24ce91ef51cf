"""How often a choice that is called certain is wrong.

    .venv/bin/python tests/choice_benchmark.py [--repetitions 4000] [--sets 400]

Makes up files whose true figures are known, lets them be measured with noise (rounds that end as soon as a ratio seems
precise, accuracies on other sets of images), and chooses for random wants. Prints, by how far the files are apart, the
share of choices that are called certain, the share of all that are certain and not the best, and how often two
measurements of the same files lead to another file though both are called certain. Then it does so for the most
accurate of files with made-up detections, on small sets of images from a population in which their mAP50-95 is known.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow/scripts"))

import coverage_benchmark as coverage
import made_up_choices as made_up

from pinch.measuring import statistics
from pinch.run.settings.choosing import PREFERENCES, Want
from pinch.tables.choice import deciding
from pinch.tables.choice.noise import Figures

# How many files there are, and the standard deviation of the logarithms of their times.
CASES = ((2, 0.003), (2, 0.03), (6, 0.01), (6, 0.1), (24, 0.01), (24, 0.3))
# How well each of some files detects, on sets of images of persons.
ACCURACIES = (
    coverage.Case("most accurate of 2 files, 100 images", 100, 5, 1.5, (1.0, 0.97)),
    coverage.Case("most accurate of 5 files, 100 images", 100, 5, 1.5, (1.3, 1.2, 1.0, 0.9, 0.7)),
    coverage.Case("most accurate of 5 files, 50 persons", 50, 5, 1.5, (1.3, 1.1, 0.9, 0.7, 0.5), per_person=3),
)
LIMITS = ("kept", "p50_ms", "bytes_zipped")


def measure(rng, count, spread, repetitions):
    """Shares of repetitions: certain, certain and wrong, and different twice though both were certain."""
    found = np.zeros(3)
    for number in range(repetitions):
        rows = made_up.truth(rng, count, spread)
        prefer = list(PREFERENCES)[number % len(PREFERENCES)]
        want = replace(made_up.want(rng, rows, LIMITS, 2) if number % 2 else Want(name="free"), prefer=prefer)
        made = [deciding.choose(Figures(made_up.measured(rng, rows, lost=0.003)), want) for _ in range(2)]
        certain = [each.is_certain for each in made]
        found += [
            certain[0],
            certain[0] and made[0].chosen != made_up.winner(rows, want),
            all(certain) and made[0].chosen != made[1].chosen,
        ]
    return found / repetitions


def measure_accuracies(rng, case, sets):
    """Shares of sets of images on which the most accurate file is certain, and certain and wrong."""
    population, found = coverage.Population(case, rng), np.zeros(2)
    best = int(np.argmax(population.map50_95))
    rows = made_up.exact(made_up.truth(rng, len(case.skills)))
    for _ in range(sets):
        seen = dict(zip(rows["file"], map(statistics.resample, population.draw(rng, case.groups)), strict=True))
        measured = rows.assign(val_map50_95=[np.nanmean(each.values[0]) for each in seen.values()])
        made = deciding.choose(Figures(measured, seen), Want(name="accurate", prefer="accurate"))
        found += [made.is_certain, made.is_certain and made.chosen != best]
    return found / sets


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=4000)
    parser.add_argument("--sets", type=int, default=400)
    arguments = parser.parse_args()
    for count, spread in CASES:
        started = time.perf_counter()
        certain, wrong, changed = measure(np.random.default_rng(0), count, spread, arguments.repetitions)
        print(
            f"{count} files, times {spread:.1%} apart: {certain:.1%} certain, {wrong:.2%} certain and wrong,"
            f" {changed:.2%} twice certain and different ({time.perf_counter() - started:.0f} s)",
            flush=True,
        )
    for case in ACCURACIES:
        certain, wrong = measure_accuracies(np.random.default_rng(0), case, arguments.sets)
        print(f"{case.name}: {certain:.1%} certain, {wrong:.2%} certain and wrong", flush=True)


if __name__ == "__main__":
    main()
