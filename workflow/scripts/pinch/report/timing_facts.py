"""What captions say of times, memory and energy, from the table of timings."""

from collections import Counter

import pandas as pd

from pinch.report.rows import Row, share, span
from pinch.run import formats
from pinch.tables import gathering, labels, selection
from pinch.tables.cells import clean


def places(rows: list[Row], kept: dict[str, Row | None], failed: set[str]) -> list[Row]:
    """Per processor and thread count: the base's time, and the time of each kind of artifact and model relative to it.

    The fastest file and the best kind are among those that can be chosen, which did not fail their check and are made
    for this processor; None if there is none.
    """
    found, timed_rows = [], pd.DataFrame(rows, columns=gathering.COLUMNS["inference"]).dropna(subset=["p50_ms"])
    for place, group in labels.places(timed_rows):
        times = selection.relative_time(group).tolist()
        timed = [row | {"time": time} for row, time in zip(clean(group), times, strict=True)]
        first = _reference(timed, rows)
        same = [row for row in timed if row["model"] == first["model"]]
        models = [row for row in timed if (row["precision"], row["format"]) == (first["precision"], first["format"])]
        kinds = [
            {
                "kind": (kind := f"{row['precision']} {row['format']}"),
                "ms": row["p50_ms"],
                "share": share(row["time"], first["time"]),
                "kept": kept.get(kind),
                "on_target": row["on_target"],
                "usable": row["on_target"] and row["file"] not in failed,
            }
            for row in same
        ]
        usable = [row for row in timed if row["on_target"] and row["file"] not in failed]
        found.append(
            {
                "place": place,
                "device": first["device"],
                "threads": first["threads"],
                "processor": first["processor"],
                "reference": first,
                "kinds": kinds,
                "best_kind": min((kind for kind in kinds if kind["usable"]), key=lambda k: k["share"], default=None),
                "unpaid": _unpaid(timed, usable),
                "times": {row["file"]: share(row["time"], first["time"]) for row in timed},
                "models": {row["model"]: share(row["time"], first["time"]) for row in models},
                "fastest": min(usable, key=lambda row: row["time"], default=None),
            }
        )
    return found


def _unpaid(timed: list[Row], usable: list[Row]) -> list[Row]:
    """Quantized files that take as much time as the float file of their model, format and size, or more."""

    def twin_of(row: Row) -> Row | None:
        same = ("model", "format", "imgsz")
        floats = (each for each in timed if each["precision"] == formats.REFERENCE[0])
        return next((each for each in floats if all(each[key] == row[key] for key in same)), None)

    quantized = [row for row in usable if formats.PRECISIONS[row["precision"]].quantized]
    shares = [row | {"of_float": share(row["time"], (twin_of(row) or {}).get("time"))} for row in quantized]
    return [row for row in shares if row["of_float"] is not None and row["of_float"] >= 1]


def _reference(timed: list[Row], rows: list[Row]) -> Row:
    """What the times of a processor are compared with: the base's full.onnx.

    It may have been timed alone on another processor only. As the baseline of the others it was timed on this one, too.
    """
    own = next((row for row in timed if (row["precision"], row["format"]) == formats.REFERENCE), timed[0])
    name = selection.common_baseline(pd.DataFrame(timed))
    elsewhere = next((row for row in rows if row["file"] == name), None)
    if elsewhere is None or own["file"] == name:
        return own
    here = {key: timed[0][key] for key in ("device", "threads", "processor")}
    return elsewhere | here | {"p50_ms": timed[0]["baseline_p50_ms"], "time": 1.0}


def devices(rows: list[Row]) -> list[Row]:
    """What was measured on other devices: for each place its name, the program that measured, and the remarks."""
    imported = pd.DataFrame([row for row in rows if row["imported"]], columns=gathering.COLUMNS["inference"])
    found = []
    for place, group in labels.places(imported):
        timed = clean(group)
        remarks = dict.fromkeys(note for row in timed for note in (row["notes"] or "").split("; ") if note)
        told: Row = {"place": place, "files": len(timed), "source": timed[0]["source"], "remarks": list(remarks)}
        told |= {"phone": any(row["phone_unit"] for row in timed)}
        found.append(told | {"runtimes": sorted({row["runtime"] for row in timed if row["runtime"]})})
    return found


def needs(rows: list[Row], places: list[Row]) -> list[Row]:
    """What files need, per processor and thread count of this run's own timings.

    Args:
        rows: of the table of timings.
        places: see `places`.

    Returns:
        The name of each place, how many files were timed there, the spans of `memory`, of `model_memory` and of the
        share of a frame that is not inference (`around`), that of the base's file if it was timed there, and `energy`.
    """
    found, own = [], pd.DataFrame(rows, columns=gathering.COLUMNS["inference"])
    own = own[own["imported"].isna()].dropna(subset=["p50_ms"])
    references = {place["place"]: place["reference"]["file"] for place in places}
    for place, group in labels.places(own):
        timed = clean(group)
        reference = next((row for row in timed if row["file"] == references.get(place)), None)
        found.append(
            {
                "place": place,
                "files": len(timed),
                "memory": span([row["peak_rss_mb"] for row in timed]),
                "model_memory": span([row["model_mb"] for row in timed]),
                "around": span([around(row) for row in timed]),
                "reference": reference,
                "around_reference": around(reference) if reference else None,
                "energy": energy(timed),
            }
        )
    return found


def untimed(rows: list[Row]) -> list[Row]:
    """Files that this run did not time: per processor, thread count and reason, how many there are."""
    own = pd.DataFrame([row for row in rows if not row["imported"]], columns=gathering.COLUMNS["inference"])
    without = labels.with_places(own)[own["p50_ms"].isna()]
    counted = Counter(zip(without["place"], without["notes"], strict=True))
    return [{"place": place, "reason": reason, "files": count} for (place, reason), count in counted.items()]


def energy(rows: list[Row]) -> Row:
    """What counted energy, the span of net energy and of the estimates from it, and why other rows have none.

    `rate` is the frame rate that was asked for, and `slow` says whether some files do not reach it.
    """
    rates = span([row["frame_rate"] for row in rows])
    known = [row for row in rows if row["energy_source"]]
    return {
        "sources": sorted({row["energy_source"] for row in known}),
        "reasons": sorted({row["energy_note"] for row in rows if row["energy_note"] and not row["energy_source"]}),
        "remarks": sorted({row["energy_note"] for row in known if row["energy_note"]}),
        "net": span([row["energy_net_mj"] for row in known]),
        "spread": span([row["energy_spread"] for row in known]),
        "power": span([row["power_mw"] for row in known]),
        "hours": span([row["battery_hours"] for row in known]),
        "rate": rates and rates["high"],
        "slow": rates is not None and rates["low"] < rates["high"],
        "battery_mwh": next((row["battery_mwh"] for row in known if row["battery_mwh"]), None),
    }


def around(row: Row) -> float | None:
    """The share of a whole frame that is not inference."""
    return share(row["preprocess_ms"] + row["postprocess_ms"], row["total_ms"]) if row["p50_ms"] else None
