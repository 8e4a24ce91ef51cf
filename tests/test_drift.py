"""Intervals of times hold what the machine does from one file to the next, as far as the baseline's times tell it."""

import numpy as np
import pytest

from pinch.measuring import interval
from pinch.tables import drift

FILES, ROUNDS, NOISE = 23, 6, 0.02
PLACE = "cpu, 1 thread"


def timings(rng, moving, files=FILES):
    """Rows of a run on a machine whose speed moves by this standard deviation from file to file, and so do ratios."""
    rows = []
    for _ in range(files):
        base, ratio = (np.exp(rng.normal(0, moving) + rng.normal(0, NOISE, ROUNDS)) for _ in range(2))
        middle, low, high = interval.of_values(ratio)
        row = {"place": PLACE, "rounds": ROUNDS, "relative_to_baseline": middle, "relative_low": low}
        _, base_low, base_high = interval.of_values(base)
        row |= {"relative_high": high, "baseline_p50_ms": float(np.median(base))}
        rows.append(row | {"baseline_p50_low_ms": base_low, "baseline_p50_high_ms": base_high})
    return rows


def apart(one, other):
    """How many rows of two runs have ratios that differ by more than their intervals together."""

    def logarithms(rows):
        low, high = np.log([[row[f"relative_{end}"] for row in rows] for end in ("low", "high")])
        return np.log([row["relative_to_baseline"] for row in rows]), (high - low) / 2

    (first, ours), (second, theirs) = logarithms(one), logarithms(other)
    return int((np.abs(first - second) > np.hypot(ours, theirs)).sum())


@pytest.mark.parametrize("moving", [0.0, 0.02, 0.06])
def test_two_runs_agree_within_their_intervals_however_the_machine_moves(moving):
    rng, runs = np.random.default_rng(1), 200
    pairs = [[timings(rng, moving) for _ in range(2)] for _ in range(runs)]
    assert sum(apart(*map(drift.widen, pair)) for pair in pairs) <= 0.05 * runs * FILES
    if moving:
        assert sum(apart(*pair) for pair in pairs) > 0.15 * runs * FILES, "rounds alone do not tell it"


def test_a_steady_machine_adds_next_to_nothing():
    rng = np.random.default_rng(2)
    added = [drift.widen(timings(rng, 0.0))[0]["drift"] for _ in range(50)]
    assert np.median(added) < 0.01


def test_drift_is_told_with_what_the_rounds_explain_taken_off():
    rng = np.random.default_rng(3)
    found = [drift.widen(timings(rng, 0.05, files=200))[0]["drift"] for _ in range(20)]
    assert np.median(found) == pytest.approx(np.expm1(1.99 * 0.05), rel=0.1)


def test_one_disturbed_file_and_other_places_change_nothing():
    rows = timings(np.random.default_rng(4), 0.0)
    before = drift.widen(rows)
    rows[0] |= {"baseline_p50_ms": 2.0, "baseline_p50_low_ms": 1.9, "baseline_p50_high_ms": 2.1}
    elsewhere = [row | {"place": "another"} for row in timings(np.random.default_rng(5), 0.3)]
    after = drift.widen([*rows, *elsewhere])
    assert after[1]["relative_high"] == pytest.approx(before[1]["relative_high"], rel=0.01)


def test_few_timings_and_single_rounds_stay_as_they_are():
    few = timings(np.random.default_rng(6), 0.1, files=drift.LEAST - 1)
    assert drift.widen(few) == few
    rows = timings(np.random.default_rng(7), 0.1)
    alone = {"place": PLACE, "rounds": 1, "relative_low": None, "p50_low_ms": 1.0, "p50_high_ms": 1.0}
    found = drift.widen([*rows, alone])[-1]
    assert found["relative_low"] is None
    assert found["p50_high_ms"] == pytest.approx(1 + found["drift"])
