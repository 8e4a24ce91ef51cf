"""The inference times of the write-up that this project starts from, beside those of a run.

They are from the chapter "Inference Speed" of its README (https://github.com/Gestify-ML/yolo): YOLO11n on ten gestures
of HaGRID as ONNX, means over the frames of a video, on an RTX 3060 Ti and a Ryzen 9 5900X. Its "coarse 50%" has zeroed
channels that are still computed (see docs/method.md).
"""

from collections.abc import Iterable, Sequence

from pinch.report.rows import Row, share
from pinch.run import comparing, formats

_BASE, _PRUNED = "base", "coarse 50%"
# Milliseconds by device and model: full, half, int8.
_TIMES = {
    ("gpu", _BASE): (8.551, 9.884, 18.479),
    ("gpu", _PRUNED): (9.650, 10.287, 19.034),
    ("cpu", _BASE): (29.960, 40.997, 26.191),
    ("cpu", _PRUNED): (29.783, 44.529, 27.625),
}
_PRECISIONS = ("full", "half", "int8")


def beside(places: Iterable[Row], models: Sequence[Row], timed: Sequence[Row]) -> Row:
    """Its table with the times of this run.

    Args:
        places: of `pinch.report.timing_facts.places`.
        models: rows of tables/models.csv.
        timed: rows of tables/inference.csv.

    Returns:
        `places`, the names of those with a file of the table, and `rows`: `device`, `model`, `precision`, `ms`,
        `of_full`, and for each place `ours` with the last two (None: not in this run, or of another device). No rows
        if the run has none of them.
    """
    base = comparing.base(models)
    pruned = next((row for row in models if (row["method"], row["ratio"]) == ("coarse", 0.5)), None)
    names = {_BASE: base["model"] if base else None, _PRUNED: pruned["model"] if pruned else None}
    shown = [place for place in places if _time(place, names[_BASE], _PRECISIONS[0], timed)]
    rows = []
    for (device, model), times in _TIMES.items():
        for precision, ms in zip(_PRECISIONS, times, strict=True):
            row: Row = {"device": device, "model": model, "precision": precision}
            row |= {"ms": ms, "of_full": ms / _TIMES[device, _BASE][0]}
            rows.append(row | {"ours": [_ours(place, row, names, timed) for place in shown]})
    return {"places": [place["place"] for place in shown], "rows": rows if shown else []}


def _ours(place: Row, row: Row, names: Row, timed: Sequence[Row]) -> Row:
    """The same of this run at a place."""
    if row["device"] != place["device"]:
        return {"ms": None, "of_full": None}
    full = _time(place, names[_BASE], _PRECISIONS[0], timed)
    ms = _time(place, names[row["model"]], row["precision"], timed)
    return {"ms": ms, "of_full": share(ms, full)}


def _time(place: Row, model: str | None, precision: str, timed: Sequence[Row]) -> float | None:
    kind, here = formats.REFERENCE[1], (place["device"], place["threads"], place["processor"])
    for row in timed:
        is_there = (row["device"], row["threads"], row["processor"]) == here
        if is_there and (row["model"], row["format"], row["precision"]) == (model, kind, precision):
            return row["p50_ms"]
    return None
