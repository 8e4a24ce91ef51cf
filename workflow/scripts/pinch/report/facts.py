"""The numbers in the captions, from the tables of a run.

Measured values are read from the tables; only shares, extremes and counts are computed here. What a run did not measure
is None, and captions leave it out.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from pinch.core.record_types.data import QUANTILES
from pinch.run import comparing, formats
from pinch.run.identity import percent
from pinch.tables import gathering, labels, selection, stages

Row = dict[str, Any]


def collect(results: Path, name: str | None = None, with_chosen: bool = False) -> Row:
    """Everything a caption may use, by name.

    Args:
        results: folder of the run, with all its tables.
        name: of the run; None: that of its folder.
        with_chosen: whether the chosen artifacts were measured on all of test.

    Raises:
        PinchError: a table is missing.
    """
    names = ("models", "artifacts", "inference", "dataset", "training", "stages", "missing", "selection", "sensitivity")
    table = {name: _clean(gathering.read(results, name)) for name in names}
    base = next((row for row in table["models"] if row["method"] == "none"), None)
    failed = [row for row in table["artifacts"] if row["failed"]]
    exports = _exports(table["artifacts"], table["models"])
    places = _places(table["inference"], {row["kind"]: row["kept"] for row in exports}, {row["file"] for row in failed})
    return {
        "run": results.as_posix(),
        "name": name or results.name,
        "base": base,
        "weak": base is not None and comparing.comparable(base["val_map50_95"]) is None,
        "failed": failed,
        "data": _data(table["dataset"]),
        "coarse": _pruned("coarse", table, base, places),
        "fine": _pruned("fine", table, base, places),
        "training": _training(table["training"]),
        "exports": exports,
        "guarded": [row for row in table["artifacts"] if row.get("guard_share") is not None],
        "places": places,
        "fronts": _fronts(results),
        "sizes": _sizes(table["artifacts"]),
        "memory": _span([row["peak_rss_mb"] for row in table["inference"]]),
        "energy": sorted({row["energy_source"] for row in table["inference"] if row["energy_source"]}),
        "shared": [row for row in table["inference"] if row["exclusive"] is False],
        "spread": _span([row["spread"] for row in table["inference"]]),
        "timing": table["inference"][0] if table["inference"] else None,
        "stages": _stages(table["stages"]),
        "selection": table["selection"],
        "chosen": _clean(gathering.read(results, "chosen")) if with_chosen else [],
        "part": _part(base),
        "intervals": _intervals(table["artifacts"]),
        "missing": table["missing"],
        "layers": _layers(table["sensitivity"]),
        "explain": [row for row in table["sensitivity"] if row["study"] == "explain"],
        "counts": {name: len(rows) for name, rows in table.items()},
    }


def _part(base: Row | None) -> Row | None:
    """On how many images accuracy was measured, if that was not all of a split."""
    if base is None or base["images_in_split"] is None or base["images"] == base["images_in_split"]:
        return None
    return {key: base[key] for key in ("images", "images_in_split", "val_images", "val_images_in_split")}


def _intervals(artifacts: list[Row]) -> Row | None:
    """On how many images and persons intervals of accuracies rest; None where there are none."""
    first = next((row for row in artifacts if row["map50_95_low"] is not None), None)
    return first and {key: first[key] for key in ("images", "persons", "val_images", "val_persons")}


def share(value: float | None, whole: float | None) -> float | None:
    """`value / whole`; None if one of them is unknown or `whole` is 0."""
    return value / whole if value is not None and whole else None


def kept(accuracy: float | None, whole: float | None) -> float | None:
    """The share of an accuracy that is kept; None if one is unknown or the whole is not `comparable`."""
    return share(accuracy, comparing.comparable(whole))


def _clean(table: pd.DataFrame) -> list[Row]:
    """Rows with plain Python values, None for an empty cell."""
    return [
        {
            key: None if pd.isna(value) else value.item() if hasattr(value, "item") else value
            for key, value in row.items()
        }
        for row in gathering.rows(table)
    ]


def _span(values: list[float | None]) -> Row | None:
    known = [value for value in values if value is not None]
    return {"low": min(known), "high": max(known)} if known else None


def _data(rows: list[Row]) -> Row | None:
    if not rows:
        return None
    keys = ("split", "images", "users", "images_of_0", *(f"side_p{quantile}" for quantile in QUANTILES))
    splits = list({row["split"]: {key: row[key] for key in keys} for row in rows}.values())
    for split in splits:
        split["boxes"] = sum(row["boxes"] for row in rows if row["split"] == split["split"])
    first = [row for row in rows if row["split"] == splits[0]["split"]]
    counts = sorted(first, key=lambda row: row["boxes"])
    fewest = min(
        (row for row in first if row["users_with"] is not None), key=lambda row: row["users_with"], default=None
    )
    return {
        "classes": [row["class"] for row in first],
        "splits": splits,
        "rarest": counts[0],
        "commonest": counts[-1],
        "fewest_users": fewest,
    }


def _pruned(method: str, table: dict[str, list[Row]], base: Row | None, places: list[Row]) -> list[Row]:
    """One row per tuned model of `method`, with its accuracy, MACs, size and time as shares of the base's."""
    whole, found = base or {}, []
    for row in table["models"]:
        if row["method"] != method:
            continue
        told: Row = {"percent": percent(row["ratio"]), **row}
        for key, shared in (("map50_95", kept), ("macs", share), ("parameters", share)):
            told[f"{key}_share"] = shared(row[key], whole.get(key))
        told["nonzero_share"] = share(row["nonzero_parameters"], whole.get("parameters"))
        told["zipped_share"] = _artifact_share(table["artifacts"], row["model"], whole.get("model"), "bytes_zipped")
        told["time_share"] = places[0]["models"].get(row["model"]) if places else None
        found.append(told)
    return found


def _reference_file(rows: list[Row], model: str | None) -> Row | None:
    return next((r for r in rows if r["model"] == model and (r["precision"], r["format"]) == formats.REFERENCE), None)


def _artifact_share(rows: list[Row], model: str, base: str | None, key: str) -> float | None:
    ours, theirs = _reference_file(rows, model), _reference_file(rows, base)
    return share(ours[key], theirs[key]) if ours and theirs else None


def _training(rows: list[Row]) -> list[Row]:
    """Per trained model: epochs, the best epoch, and whether it was the last one (`rising`)."""
    found = []
    for model in dict.fromkeys(row["model"] for row in rows):
        curve = [row for row in rows if row["model"] == model and row["map50_95"] is not None]
        if curve:
            best = next((row for row in curve if row["epoch"] == row["best_epoch"]), curve[-1])
            told = {"model": model, "label": curve[0]["label"], "epochs": len(curve), "best": best["epoch"]}
            told |= {key: best[key] for key in ("batch", "batch_used", "diverged_epoch")}
            rising = best["epoch"] == curve[-1]["epoch"]
            found.append(told | {"rising": rising, "map50_95": best["map50_95"], "seconds": curve[0]["seconds"]})
    return found


def _exports(artifacts: list[Row], models: list[Row]) -> list[Row]:
    """Per kind of artifact: lowest and highest share of the checkpoint's mAP50-95 on test, and relative size.

    Files that failed their check are left out of the shares.
    """
    checkpoints = {row["model"]: row for row in models}
    sizes = {row["model"]: row for row in artifacts if (row["precision"], row["format"]) == formats.REFERENCE}
    found = []
    for kind, precision in dict.fromkeys((row["format"], row["precision"]) for row in artifacts):
        rows = [row for row in artifacts if (row["format"], row["precision"]) == (kind, precision)]
        shares = [
            kept(row["map50_95"], checkpoints[row["model"]]["map50_95"])
            for row in rows
            if row["model"] in checkpoints and not row["failed"]
        ]
        size = [share(row["bytes"], sizes[row["model"]]["bytes"]) for row in rows if row["model"] in sizes]
        told = {"kind": f"{precision} {kind}", "precision": precision}
        found.append(told | {"kept": _span(shares), "size": _span(size)})
    return found


def _places(rows: list[Row], kept: dict[str, Row | None], failed: set[str]) -> list[Row]:
    """Per device and thread count: the base's time, and the time of each kind of artifact and model relative to it.

    The fastest file and the best kind are among those that did not fail their check; None if there is none.
    """
    found = []
    for device, threads in dict.fromkeys((row["device"], row["threads"]) for row in rows):
        group = [row for row in rows if (row["device"], row["threads"]) == (device, threads)]
        times = selection.relative_time(pd.DataFrame(group)).tolist()
        timed = [row | {"time": time} for row, time in zip(group, times, strict=True)]
        first = next((row for row in timed if (row["precision"], row["format"]) == formats.REFERENCE), timed[0])
        same = [row for row in timed if row["model"] == first["model"]]
        models = [row for row in timed if (row["precision"], row["format"]) == (first["precision"], first["format"])]
        kinds = [
            {
                "kind": (kind := f"{row['precision']} {row['format']}"),
                "ms": row["p50_ms"],
                "share": share(row["time"], first["time"]),
                "kept": kept.get(kind),
                "failed": row["file"] in failed,
            }
            for row in same
        ]
        found.append(
            {
                "place": labels.place(device, threads),
                "device": device,
                "threads": threads,
                "processor": first["processor"],
                "reference": first,
                "kinds": kinds,
                "best_kind": min((kind for kind in kinds if not kind["failed"]), key=lambda k: k["ms"], default=None),
                "models": {row["model"]: share(row["time"], first["time"]) for row in models},
                "fastest": min((r for r in timed if r["file"] not in failed), key=lambda r: r["time"], default=None),
            }
        )
    return found


def _fronts(results: Path) -> list[Row]:
    measured = selection.measured(results)
    return [{"place": place, "rows": _clean(selection.front(rows))} for place, rows in labels.places(measured)]


def _sizes(rows: list[Row]) -> Row | None:
    known = [row for row in rows if row["bytes"] and row["bytes_zipped"]]
    if not known:
        return None
    zipped = [row | {"saved": 1 - row["bytes_zipped"] / row["bytes"]} for row in known]
    return {
        "largest": max(known, key=lambda row: row["bytes"]),
        "smallest": min(known, key=lambda row: row["bytes_zipped"]),
        "most_zipped": max(zipped, key=lambda row: row["saved"]),
    }


def _stages(rows: list[Row]) -> Row | None:
    total = next((row for row in rows if row["rule"] == stages.ALL), None)
    if total is None:
        return None
    rules = sorted((row for row in rows if row is not total), key=lambda row: -row["share_seconds"])
    return {"total": total, "rules": rules}


def _layers(rows: list[Row]) -> list[Row]:
    """The layers of the scan, most sensitive first, with the mean loss over their ratios."""
    losses: dict[str, list[float]] = {}
    for row in rows:
        if row["study"] == "layers" and row["map50_95"] is not None and row["base_map50_95"] is not None:
            losses.setdefault(row["layer"], []).append(row["base_map50_95"] - row["map50_95"])
    means = [{"layer": layer, "loss": sum(values) / len(values)} for layer, values in losses.items()]
    return sorted(means, key=lambda row: -row["loss"])
