"""Files whose true figures are known, and what measuring them might tell: for tests and benchmarks of choices."""

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from pinch.measuring import interval
from pinch.run.formats import FORMATS
from pinch.run.settings.choosing import LIMITS, PREFERENCES, Want
from pinch.run.settings.measuring import Timing

PERSONS = 60


def truth(rng, count, spread=0.3):
    """True figures of `count` files; times differ by little within a model, accuracies by its pruning."""
    ratio = rng.choice([0.0, 0.3, 0.5, 0.7], count)
    kept = 1 - 0.12 * ratio * rng.uniform(0.3, 1.5, count) - rng.uniform(0, 0.01, count)
    time = (1 - 0.8 * ratio) * np.exp(rng.normal(0, spread, count))
    size = 9e6 * (1 - ratio) ** 2 * rng.choice([1.0, 0.5, 0.3], count) * rng.uniform(0.97, 1.03, count)
    rows = pd.DataFrame(
        {
            "file": [f"file {number}" for number in range(count)],
            "method": np.where(ratio > 0, "coarse", "none"),
            "ratio": ratio,
            "tuned": ratio > 0,
            "format": rng.choice(list(FORMATS), count),
            "precision": rng.choice(["full", "int8"], count),
            "relative_time": time,
            "bytes": (size * 1.1).astype(int),
            "bytes_zipped": size.astype(int),
            "kept": kept,
            "val_persons": PERSONS,
            "val_images": 3 * PERSONS,
            "val_lowest_class": "class 0",
            "baseline_file": "file 0",
            "crowded": False,
        }
    )
    worst = kept - rng.uniform(0, 0.1, count)
    return with_derived(rows.assign(val_worst_class_kept=worst, energy_net_mj=time * rng.uniform(8, 12, count)))


def with_derived(rows):
    """The figures that follow from the others."""
    time, kept = rows["relative_time"], rows["kept"]
    return rows.assign(
        p50_ms=20 * time,
        p90_ms=22 * time,
        total_ms=20 * time + 1.5,
        total_p90_ms=22 * time + 1.5,
        fps=1000 / (20 * time + 1.5),
        peak_rss_mb=100 + rows["bytes"] / 1e5,
        val_map50_95=0.8 * kept,
        val_lowest_class_map50_95=0.7 * rows["val_worst_class_kept"],
        val_recall=0.9 * kept,
    )


def exact(rows):
    """Measured without any noise."""
    ends = {
        "relative_time": "relative_time_{}",
        "p50_ms": "p50_{}_ms",
        "energy_net_mj": "energy_net_{}_mj",
        "kept": "val_kept_{}",
        "val_map50_95": "val_map50_95_{}",
        "val_worst_class_kept": "val_worst_class_kept_{}",
    }
    found = {name.format(end): rows[column] for column, name in ends.items() for end in ("low", "high")}
    return rows.assign(**found, rounds=5, energy_windows=5)


def measured(rng, rows, noise=(0.002, 0.03), lost=0.008):
    """What measuring might tell: rounds end as those of timings do; accuracies vary by `lost`, as their intervals say.

    Args:
        rng: source of chance.
        rows: the true figures.
        noise: least and highest standard deviation of the logarithm of a round's time; files differ.
        lost: standard deviation of what a file keeps.
    """
    times = [timed(rng, time, rng.uniform(*noise)) for time in rows["relative_time"]]
    found = pd.DataFrame(times, columns=["relative_time", "relative_time_low", "relative_time_high", "rounds"])
    kept = rows["kept"] + rng.normal(0, lost, len(rows))
    worst = rows["val_worst_class_kept"] + rng.normal(0, 3 * lost, len(rows))
    seen = with_derived(rows.assign(**found, kept=kept, val_worst_class_kept=worst))
    half = stdtrit(PERSONS - 1, 0.975) * lost
    for name, figure, width in (("val_kept", kept, half), ("val_worst_class_kept", worst, 3 * half)):
        seen = seen.assign(**{f"{name}_low": figure - width, f"{name}_high": figure + width})
    scale = seen["p50_ms"] / seen["relative_time"]
    return seen.assign(
        p50_low_ms=seen["relative_time_low"] * scale,
        p50_high_ms=seen["relative_time_high"] * scale,
        val_map50_95_low=0.8 * (kept - half),
        val_map50_95_high=0.8 * (kept + half),
        energy_net_low_mj=np.nan,
        energy_net_high_mj=np.nan,
        energy_windows=np.nan,
    )


def timed(rng, time, noise):
    """Middle and ends of a time, and the number of rounds."""
    ratios = list(time * np.exp(rng.normal(0, noise, 3)))
    while not (found := interval.of_values(ratios)).is_within(Timing.half_width) and len(ratios) < Timing.rounds:
        ratios.append(time * np.exp(rng.normal(0, noise)))
    return *found, len(ratios)


def want(rng, rows, names=tuple(LIMITS), most=3):
    """A random want, with limits between what the files have."""
    limits = {}
    for name in rng.permutation(names)[: rng.integers(0, most + 1)]:
        limit = LIMITS[name]
        bound = float(rows[limit.column].quantile(rng.uniform(0, 1)) * rng.uniform(0.98, 1.02))
        value = limit.bound(bound)
        limits[str(name)] = int(value) if name.startswith("bytes") else value
    return Want(name="some", prefer=str(rng.choice(list(PREFERENCES))), **limits)


def winner(rows, wanted):
    """The file that is truly the best, by brute force: no function of the choice is asked. None if none has it all."""
    good = pd.Series(True, rows.index)
    for name, (limit, value) in wanted.limits.items():
        figures = 1 - rows[limit.column] if name == "class_loss" else rows[limit.column]
        good &= figures >= value if limit.at_least and name != "class_loss" else figures <= value
    if not good.any():
        return None
    best = {
        "fastest": rows["relative_time"],
        "smallest": rows["bytes_zipped"],
        "accurate": -rows["val_map50_95"],
        "energy": rows["energy_net_mj"],
        "balanced": -rows["val_map50_95"] * rows["relative_time"] ** -0.07,
    }[wanted.prefer]
    return int(best[good].idxmin())
