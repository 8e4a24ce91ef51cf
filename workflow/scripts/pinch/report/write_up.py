"""The inference times of the write-up that this project starts from, beside those of a run.

They are from the chapter "Inference Speed" of its README (https://github.com/Gestify-ML/yolo): YOLO11n on ten gestures
of HaGRID as ONNX, means over the frames of a video, on an RTX 3060 Ti and a Ryzen 9 5900X. Its "coarse 50%" has zeroed
channels that are still computed (see docs/method.md).
"""

from collections.abc import Sequence

import pandas as pd

from pinch.report.rows import Row, share
from pinch.run import comparing, formats
from pinch.tables import labels, selection
from pinch.tables.cells import clean

_BASE, _PRUNED = "base", "coarse 50%"
# Milliseconds by device and model: full, half, int8.
_TIMES = {
    ("gpu", _BASE): (8.551, 9.884, 18.479),
    ("gpu", _PRUNED): (9.650, 10.287, 19.034),
    ("cpu", _BASE): (29.960, 40.997, 26.191),
    ("cpu", _PRUNED): (29.783, 44.529, 27.625),
}
_PRECISIONS = ("full", "half", "int8")


def beside(models: Sequence[Row], timed: pd.DataFrame) -> Row:
    """Its table with the times of this run.

    Args:
        models: rows of tables/models.csv.
        timed: tables/inference.csv.

    Returns:
        `places`, the names of those on which the base's full ONNX file was timed, and `rows`: `device`, `model`,
        `precision`, `ms`, `of_full`, and for each place `ours` with the last two (None: not timed, or of another
        device). Without such places there are no rows.
    """
    base = comparing.base(models)
    pruned = next((row for row in models if (row["method"], row["ratio"]) == ("coarse", 0.5)), None)
    names = {_BASE: base["model"] if base else None, _PRUNED: pruned["model"] if pruned else None}
    own = timed[timed["imported"].isna()]
    times = {place: _times(group) for place, group in labels.places(own.dropna(subset=["p50_ms"]))}
    shown = {place: found for place, found in times.items() if (names[_BASE], _PRECISIONS[0]) in found}
    rows = []
    for (device, model), told in _TIMES.items():
        for precision, ms in zip(_PRECISIONS, told, strict=True):
            row: Row = {"device": device, "model": model, "precision": precision}
            row |= {"ms": ms, "of_full": ms / _TIMES[device, _BASE][0]}
            rows.append(row | {"ours": [_ours(row, names, found) for found in shown.values()]})
    return {"places": list(shown), "rows": rows if shown else []}


def _times(group: pd.DataFrame) -> dict[tuple[str, str], Row]:
    """The ONNX files of a place by model and precision: their device and times."""
    rows = clean(group.assign(relative_time=selection.relative_time(group)))
    return {(row["model"], row["precision"]): row for row in rows if row["format"] == formats.REFERENCE[1]}


def _ours(row: Row, names: Row, found: dict[tuple[str, str], Row]) -> Row:
    """The same of this run at a place."""
    full, own = found[names[_BASE], _PRECISIONS[0]], found.get((names[row["model"]], row["precision"]))
    if own is None or own["device"] != row["device"]:
        return {"ms": None, "of_full": None}
    return {"ms": own["p50_ms"], "of_full": share(own["relative_time"], full["relative_time"])}
