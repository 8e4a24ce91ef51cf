"""Which artifact to ship, for each want and place, chosen from measured numbers (see `pinch.tables.choice`).

Choices use accuracy on val only, so that they do not bias the accuracy on test that is shown beside them. Artifacts
that failed their check when they were exported are left out, and int8 files for other processors than the one that they
were timed on.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pinch.core.errors import PinchError
from pinch.measuring import resamples
from pinch.measuring.statistics import Resampled
from pinch.run import comparing, record_paths
from pinch.run import wants as asking
from pinch.run.settings.choosing import USUAL, Want
from pinch.tables import gathering, labels
from pinch.tables.choice import deciding, words
from pinch.tables.choice.noise import Figures
from pinch.tables.choice.stand_ins import Place, asked_at, names

COLUMNS = ["device", "model", "format", "precision", "reason", "want", "threads", "file", "p50_ms", "relative_time"]
COLUMNS += ["val_map50_95", "kept", "kept_low", "kept_high", "map50_95", "bytes", "bytes_zipped", "label", "processor"]
COLUMNS += ["place", "qualifies", "certain", "runner_up", "runner_up_note", "price", "nearest", "proxy_for"]
# What the choice needs of artifacts.csv.
_OF_ARTIFACTS = ["file", "bytes", "bytes_zipped", "map50", "map50_95", "val_map50", "val_map50_95", "val_recall"]
_OF_ARTIFACTS += ["val_lowest_class", "val_lowest_class_map50_95", "val_images", "val_persons"]
_OF_ARTIFACTS += [f"val_{name}_{end}" for name in ("map50_95", "kept", "worst_class_kept") for end in ("low", "high")]
_OF_ARTIFACTS += ["val_worst_class", "val_worst_class_kept"]


def select(results: Path, wants: Sequence[Want] = USUAL, run: Path | None = None) -> pd.DataFrame:
    """Choose artifacts for every want, at every processor and thread count of a run that it asks for.

    Args:
        results: folder of a run whose tables are gathered.
        wants: see `pinch.run.wants`.
        run: folder of the run if `results` holds only what there is of it; wants that nothing was timed for are then
            left out.

    Returns:
        One row per want and place, in the order of the wants, with COLUMNS; `place` names processor and thread count,
        `kept` is the share of the mAP50-95 on val of the unpruned model (see `comparing.unpruned`), `relative_time` the
        time relative to the baseline artifact (see `relative_time`); for the others see results/README.md. There are no
        rows if the unpruned model's accuracy on val is not `comparable`.

    Raises:
        PinchError: a table is missing, or nothing was timed where a want asks for.
    """
    candidates = measured(results).dropna(subset=["kept"])
    if run is None:
        _require_places(wants, gathering.read(results, "inference"))
    on_val = resamples.read(resamples.beside((run or results) / record_paths.INTERVALS))
    groups = labels.places(candidates)
    places = [Place.of(group) for _, group in groups]
    chosen = [
        row
        for (name, group), here in zip(groups, places, strict=True)
        for row in _choose(name, group, asked_at(wants, here, places), on_val)
    ]
    order = names(wants)
    chosen.sort(key=lambda row: order.index(row["want"]))
    return pd.DataFrame(chosen, columns=COLUMNS)


def measured(results: Path) -> pd.DataFrame:
    """Every timed artifact that passed its check, with its accuracy, MACs, `kept` and `relative_time` with their ends.

    Raises:
        PinchError: a table is missing.
    """
    models, artifacts = gathering.read(results, "models"), gathering.read(results, "artifacts")
    unpruned = comparing.unpruned(gathering.rows(models))
    whole = comparing.comparable(unpruned["val_map50_95"]) if unpruned else None
    passed = artifacts[artifacts["failed"].isna()]
    joined = gathering.read(results, "inference").merge(passed[_OF_ARTIFACTS], on="file", how="inner")
    joined = joined.dropna(subset=["p50_ms", "val_map50_95"])
    joined = joined[joined["on_target"].astype(bool)]
    joined["kept"] = joined["val_map50_95"] / whole if whole else float("nan")
    joined = joined.assign(kept_low=joined["val_kept_low"], kept_high=joined["val_kept_high"])
    joined["macs"] = _macs(joined, models)
    times = [_times(group) for _, group in labels.places(joined)]
    columns = ["relative_time", "relative_time_low", "relative_time_high"]
    return joined.join(pd.concat(times) if times else pd.DataFrame(columns=columns, dtype=float))


def _macs(files: pd.DataFrame, models: pd.DataFrame) -> list[float | None]:
    """MACs of each file: those of its model, in proportion to the pixels where it has another image size."""
    known = models.dropna(subset=["macs", "imgsz"]).set_index("model")
    found: list[float | None] = []
    for name, size in zip(files["model"], files["imgsz"], strict=True):
        name = name if name in known.index else name.removesuffix(f"_{size}")
        of = known.loc[name] if name in known.index else None
        found.append(None if of is None or pd.isna(size) else float(of["macs"]) * (size / of["imgsz"]) ** 2)
    return found


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


def _times(group: pd.DataFrame) -> pd.DataFrame:
    """`relative_time` of each artifact of a device, and the ends of its interval."""
    baseline, times = common_baseline(group), relative_time(group)
    if baseline is None:
        scale = times / group["p50_ms"]
        ends = [group[name] * scale for name in ("p50_low_ms", "p50_high_ms")]
    else:
        ends = [group[name].mask(group["file"] == baseline, 1.0) for name in ("relative_low", "relative_high")]
    low, high = (end.astype(float) for end in ends)
    return pd.DataFrame({"relative_time": times, "relative_time_low": low, "relative_time_high": high})


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


def _require_places(wants: Sequence[Want], timed: pd.DataFrame) -> None:
    """Refuse a want, but for the usual ones, that asks for a place where nothing was timed, or for what none tells."""
    places = [Place.of(rows) for _, rows in labels.places(timed)]
    for want in (want for want in wants if places and want not in USUAL):
        there = [found for place in places for found in asked_at([want], place, places)]
        if want in there:
            asking.require_knowable(want)
        if not there:
            known = "; ".join(f"{labels.place(each.device, each.threads)} of {each.processor!r}" for each in places)
            asked = [str(value) for value in (want.device, want.threads, want.processor) if value is not None]
            raise PinchError(
                f"select: {want.name}: nothing was timed where it asks for ({', '.join(asked)}), only with {known}: "
                "change its device, threads or processor"
            )


def _choose(
    place: str, group: pd.DataFrame, wants: Sequence[Want], on_val: Mapping[str, Resampled]
) -> Iterator[dict[str, Any]]:
    for want in wants:
        rows = group[[want.takes(format) for format in group["format"]]]
        if len(rows):
            yield _row(Figures(rows, on_val), want) | {"place": place}


def _row(figures: Figures, want: Want) -> dict[str, Any]:
    made, without = deciding.choose(figures, want), deciding.without(figures, want)
    return figures.row(made.chosen) | words.cells(figures, want, made, without) | {"proxy_for": want.proxy_for}
