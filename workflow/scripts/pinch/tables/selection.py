"""Which artifact to ship, for each device and goal, chosen from measured numbers.

Choices use accuracy on val only, so that they do not bias the accuracy on test that is shown beside them. Artifacts
that failed their check when they were exported are left out, and int8 files for other processors than the one that they
were timed on. No phone is measured: the choice for phones is made from TFLite on this CPU, and its reason says so.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pinch.run import comparing
from pinch.run.settings.measuring import Selection
from pinch.tables import gathering, labels

COLUMNS = ["device", "model", "format", "precision", "reason", "want", "threads", "file", "p50_ms", "relative_time"]
COLUMNS += ["val_map50_95", "kept", "kept_low", "kept_high", "map50_95", "bytes", "bytes_zipped", "label"]
COLUMNS += ["processor", "place", "qualifies", "certain", "runner_up", "runner_up_note", "price", "nearest"]
# Times closer than this count as equal, because medians of one artifact differ by as much between two rounds.
TIE = 0.02
# Exponent of MnasNet's objective accuracy * (time / target) ** w: half the time is worth 5% of the accuracy
# (Tan et al., MnasNet, CVPR 2019, section 3.1).
BALANCE = -0.07


@dataclass(frozen=True)
class Goal:
    """A goal of the choice: `name` in the table, how to pick, from which format and on which device (None: any)."""

    name: str
    pick: Callable[[pd.DataFrame, float], tuple[Any, str]]
    format: str | None = None
    device: str | None = None


def select(results: Path, keep: float = Selection.keep) -> pd.DataFrame:
    """Choose artifacts for every processor and thread count of a run.

    Args:
        results: folder of a run whose tables are gathered.
        keep: smallest share of the unpruned model's mAP50-95 on val that a fast or small model must keep.

    Returns:
        One row per processor, thread count and goal, with COLUMNS; `place` names the first two, `kept` is the share of
        the mAP50-95 on val of the unpruned model (see `comparing.unpruned`), `relative_time` the time relative to the
        baseline artifact (see `relative_time`). There are no rows if the unpruned model's accuracy on val is not
        `comparable`.

    Raises:
        PinchError: a table is missing.
    """
    candidates = measured(results).dropna(subset=["kept"])
    groups = labels.places(candidates)
    chosen = [row | {"place": place} for place, group in groups for row in _choose(group, keep)]
    return pd.DataFrame(chosen, columns=COLUMNS)


def measured(results: Path) -> pd.DataFrame:
    """Every timed artifact that passed its check, with its accuracy, `kept` and `relative_time`.

    Raises:
        PinchError: a table is missing.
    """
    models, artifacts = gathering.read(results, "models"), gathering.read(results, "artifacts")
    unpruned = comparing.unpruned(gathering.rows(models))
    whole = comparing.comparable(unpruned["val_map50_95"]) if unpruned else None
    passed = artifacts[artifacts["failed"].isna()]
    accuracy = ["bytes", "bytes_zipped", "map50", "map50_95", "val_map50", "val_map50_95"]
    accuracy += ["val_map50_95_low", "val_map50_95_high"]
    joined = gathering.read(results, "inference").merge(passed[["file", *accuracy]], on="file", how="inner")
    joined = joined.dropna(subset=["p50_ms", "val_map50_95"])
    joined = joined[joined["on_target"].astype(bool)]
    joined["kept"] = joined["val_map50_95"] / whole if whole else float("nan")
    times = [relative_time(group) for _, group in labels.places(joined)]
    return joined.assign(relative_time=pd.concat(times) if times else [])


def left_out(results: Path) -> pd.DataFrame:
    """The artifacts that failed their check: the rows of artifacts.csv in which `failed` says why.

    Raises:
        PinchError: the table is missing.
    """
    return gathering.read(results, "artifacts").dropna(subset=["failed"])


def relative_time(group: pd.DataFrame) -> pd.Series:
    """Time of each artifact of a device, relative to the baseline artifact.

    If every artifact was timed in turns with one baseline artifact, this is the measured ratio of the two, which does
    not change when the speed of the machine drifts. Otherwise it is the median time divided by the smallest median.
    """
    baseline = common_baseline(group)
    if baseline is not None:
        # The baseline was timed alone and has no ratio; it is 1.
        return group["relative_to_baseline"].mask(group["file"] == baseline, 1.0).astype(float)
    return group["p50_ms"].div(group["p50_ms"].min())


def common_baseline(group: pd.DataFrame) -> str | None:
    """The artifact with which all others of a device were timed in turns; None if they have no common one."""
    baselines = group["baseline_file"].dropna().unique()
    if len(baselines) != 1:
        return None
    others = group[group["file"] != baselines[0]]
    return str(baselines[0]) if others["relative_to_baseline"].notna().all() else None


def front(group: pd.DataFrame) -> pd.DataFrame:
    """The Pareto front of a device's artifacts: nothing is both faster and more accurate (val). Fastest first."""
    ordered = group.sort_values(["relative_time", "val_map50_95"], ascending=[True, False])
    best = ordered["val_map50_95"].cummax().shift(fill_value=-1.0)
    return ordered[ordered["val_map50_95"] > best]


def _choose(group: pd.DataFrame, keep: float) -> Iterator[dict[str, Any]]:
    for goal in GOALS:
        candidates = group
        for column, wanted in (("format", goal.format), ("device", goal.device)):
            candidates = candidates if wanted is None else candidates[candidates[column] == wanted]
        if len(candidates):
            row, reason = goal.pick(candidates, keep)
            yield row.to_dict() | {"want": goal.name, "reason": reason}


def _good_enough(candidates: pd.DataFrame, keep: float) -> tuple[pd.DataFrame, str]:
    """Candidates that keep enough accuracy, and their description; if none does, the most accurate ones."""
    enough = candidates[candidates["kept"] >= keep]
    if len(enough):
        share = f"{len(enough)} of {len(candidates)} artifacts"
        return enough, f"of the {share} that keep at least {keep:.0%} of the unpruned model's mAP50-95"
    best = candidates[candidates["kept"] >= candidates["kept"].max()]
    return best, f"of what comes closest (no artifact keeps {keep:.0%} of the unpruned model's mAP50-95)"


def _fastest_of(candidates: pd.DataFrame) -> pd.Series:
    """The fastest candidate; among those within TIE of it, the most accurate, then the smallest."""
    tied = candidates[candidates["relative_time"] <= candidates["relative_time"].min() * (1 + TIE)]
    return tied.sort_values(["val_map50_95", "bytes_zipped"], ascending=[False, True]).iloc[0]


def _figures(row: pd.Series) -> str:
    zipped = row["bytes_zipped"] / 1e6
    return f"{_time(row)} per frame, {row['kept']:.1%} of the unpruned model's mAP50-95 on val, {zipped:.2f} MB zipped"


def _time(row: pd.Series) -> str:
    baseline = row["baseline_file"]
    if isinstance(baseline, str) and baseline != row["file"]:
        return f"{row['p50_ms']:.2f} ms ({row['relative_time']:.2f} of {baseline})"
    return f"{row['p50_ms']:.2f} ms"


def _fastest(candidates: pd.DataFrame, keep: float) -> tuple[pd.Series, str]:
    enough, of_what = _good_enough(candidates, keep)
    row = _fastest_of(enough)
    return row, f"fastest {of_what}: {_figures(row)}"


def _most_accurate(candidates: pd.DataFrame, keep: float) -> tuple[pd.Series, str]:
    del keep
    best = candidates[candidates["val_map50_95"] >= candidates["val_map50_95"].max() - 0.001]
    row = _fastest_of(best)
    among = f", and the fastest of the {len(best)} within 0.001 of it" if len(best) > 1 else ""
    return row, f"highest mAP50-95 on val{among}: {_figures(row)}"


def _smallest(candidates: pd.DataFrame, keep: float) -> tuple[pd.Series, str]:
    enough, of_what = _good_enough(candidates, keep)
    row = enough.sort_values(["bytes_zipped", "relative_time"]).iloc[0]
    return row, f"smallest download {of_what}: {_figures(row)}"


def _balance(candidates: pd.DataFrame, keep: float) -> tuple[pd.Series, str]:
    del keep
    score = candidates["val_map50_95"] * candidates["relative_time"] ** BALANCE
    row = candidates.iloc[int(score.argmax())]
    return row, f"best trade where half the time is worth 5% of the accuracy: {_figures(row)}"


def _phone(candidates: pd.DataFrame, keep: float) -> tuple[pd.Series, str]:
    row, reason = _fastest(candidates, keep)
    return row, f"{reason}; TFLite timed on this computer's CPU stands in for a phone's, none was measured"


GOALS = (
    Goal("fast", _fastest),
    Goal("accurate", _most_accurate),
    Goal("small", _smallest),
    Goal("balanced", _balance),
    Goal("phone CPU (by proxy)", _phone, "tflite", "cpu"),
)
