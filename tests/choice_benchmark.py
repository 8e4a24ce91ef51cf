"""How often a choice that is called certain is wrong.

    .venv/bin/python tests/choice_benchmark.py [--repetitions 4000]

Makes up files whose true figures are known, lets them be measured with noise (rounds that end as soon as a ratio seems
precise, accuracies on other sets of images), and chooses for random wants. Prints, by how far the files are apart, the
share of choices that are called certain, the share of all that are certain and not the best, and how often two
measurements of the same files lead to another file though both are called certain.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow/scripts"))

import made_up_choices as made_up

from pinch.run.settings.choosing import PREFERENCES, Want
from pinch.tables.choice import deciding
from pinch.tables.choice.noise import Figures

# How many files there are, and the standard deviation of the logarithms of their times.
CASES = ((2, 0.003), (2, 0.03), (6, 0.01), (6, 0.1), (24, 0.01), (24, 0.3))
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=4000)
    arguments = parser.parse_args()
    for count, spread in CASES:
        started = time.perf_counter()
        certain, wrong, changed = measure(np.random.default_rng(0), count, spread, arguments.repetitions)
        print(
            f"{count} files, times {spread:.1%} apart: {certain:.1%} certain, {wrong:.2%} certain and wrong,"
            f" {changed:.2%} twice certain and different ({time.perf_counter() - started:.0f} s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
