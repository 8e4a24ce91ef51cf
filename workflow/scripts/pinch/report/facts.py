"""The numbers in the captions, from the tables of a run.

Measured values are read from the tables; only shares, extremes and counts are computed here. What a run did not measure
is None, and captions leave it out.
"""

from pathlib import Path

from pinch.core.record_types.data import QUANTILES
from pinch.measuring import resamples
from pinch.report import choice_facts, contents, degradation_facts, files, seed_facts, timing_facts, write_up
from pinch.report.rows import Row, share, span
from pinch.run import comparing, formats, record_paths
from pinch.run.identity import RIVALS, percent
from pinch.tables import gathering, labels, plateau, rivalry, selection, stages
from pinch.tables.cells import clean

# The least drift of the machine that captions tell, as a share.
_DRIFT = 0.01


def collect(results: Path, name: str | None = None, with_chosen: bool = False) -> Row:
    """Everything a caption may use, by name.

    Args:
        results: folder of the run, with all its tables.
        name: of the run; None: that of its folder.
        with_chosen: whether the chosen artifacts were measured on all of test.

    Raises:
        PinchError: a table is missing.
    """
    names = [Path(path).stem for path in (*contents.TABLES, contents.SELECTION, contents.OUTPUT_TYPES)]
    table = {name: clean(gathering.read(results, name)) for name in names}
    base, twin, unpruned = (find(table["models"]) for find in (comparing.base, comparing.twin, comparing.unpruned))
    failed = [row for row in table["artifacts"] if row["failed"]]
    exports = _exports(table["artifacts"], table["models"])
    guarded = [row for row in table["artifacts"] if row.get("guard_share") is not None]
    # What follows of rounds is of this run's own timings.
    own = [row for row in table["inference"] if row["imported"] is None and row["p50_ms"] is not None]
    places = timing_facts.places(
        table["inference"], {row["kind"]: row["kept"] for row in exports}, {row["file"] for row in failed}
    )
    return {
        "run": results.as_posix(),
        "name": name or results.name,
        "base": base,
        "twin": twin,
        "unpruned": unpruned,
        "weak": unpruned is not None and comparing.comparable(unpruned["val_map50_95"]) is None,
        "plateau": plateau.of(table["models"], table["training"]),
        "failed": failed,
        "unchecked": [row for row in table["artifacts"] if row["unchecked"]],
        "data": _data(table["dataset"]),
        "coarse": _pruned("coarse", table, places),
        "fine": _pruned("fine", table, places),
        "rivals": [row for method in RIVALS for row in _pruned(method, table, places)],
        "rivalry": _rivalry(results),
        "over_seeds": seed_facts.collect(table["models_over_seeds"]),
        "training": _training(table["training"]),
        "exports": exports,
        "guarded": guarded,
        "unguarded": [row for row in table["artifacts"] if row.get("guard_skipped")],
        "evaluated_elsewhere": [row for row in table["artifacts"] if "made for" in (row["accuracy_notes"] or "")],
        "heads": _heads(table["artifacts"]),
        "worst_class": min(
            (row for row in guarded if row.get("guard_worst_class_share") is not None),
            key=lambda row: row["guard_worst_class_share"],
            default=None,
        ),
        "places": places,
        "costly": {row["file"]: row["costly"] for row in table["artifacts"]},
        "fronts": _fronts(results),
        "sizes": _sizes(table["artifacts"]),
        "devices": timing_facts.devices(table["inference"]),
        "own_timings": len(own),
        "needs": timing_facts.needs(table["inference"], places),
        "untimed": timing_facts.untimed(table["inference"]),
        "unstable": [row for row in own if row["stable"] is False],
        "shared": [row for row in own if row["exclusive"] is False],
        "spread": span([row["spread"] for row in own]),
        "rounds": span([row["rounds"] for row in own]),
        "drift": max((row["drift"] for row in own if (row["drift"] or 0) >= _DRIFT), default=None),
        "baseline": next((row["baseline_file"] for row in own if row["baseline_file"]), None),
        "timing": next(iter(own), None),
        "stages": _stages(table["stages"]),
        "selection": table["selection"],
        "wants": choice_facts.wants(table["selection"]),
        "shipped": choice_facts.shipped(table["selection"], places, table["artifacts"]),
        "rests_on": choice_facts.rests_on(table["provenance"]),
        "output_types": _output_types(table["output_types"]),
        "write_up": write_up.beside(table["models"], gathering.read(results, "inference")),
        "chosen": clean(gathering.read(results, "chosen")) if with_chosen else [],
        "losses": degradation_facts.collect(results),
        "part": _part(base),
        "intervals": _intervals(table["artifacts"]),
        "single_person": _single_person(table["artifacts"]),
        "missing": table["missing"],
        "layers": _layers(table["sensitivity"]),
        "explain": [row for row in table["sensitivity"] if row["study"] == "explain"],
        "counts": {name: len(rows) for name, rows in table.items()},
    }


def _part(base: comparing.Row | None) -> Row | None:
    """On how many images accuracy was measured, if that was not all of a split."""
    if base is None or base["images_in_split"] is None or base["images"] == base["images_in_split"]:
        return None
    return {key: base[key] for key in ("images", "images_in_split", "val_images", "val_images_in_split")}


def _intervals(artifacts: list[Row]) -> Row | None:
    """On how many images and persons intervals of accuracies rest; None where there are none."""
    first = next((row for row in artifacts if row["map50_95_low"] is not None), None)
    return first and {key: first[key] for key in ("images", "persons", "val_images", "val_persons")}


def _single_person(artifacts: list[Row]) -> list[str]:
    """The splits that show one person only, as far as is known."""
    keys = {"val": "val_persons", "test": "persons"}
    return [split for split, key in keys.items() if any(row[key] == 1 for row in artifacts)]


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


def _pruned(method: str, table: dict[str, list[Row]], places: list[Row]) -> list[Row]:
    """One row per tuned model of `method`: MACs, size and time as shares of the base's, accuracy of the unpruned's."""
    whole, unpruned = (find(table["models"]) or {} for find in (comparing.base, comparing.unpruned))
    found = []
    for row in table["models"]:
        if row["method"] != method:
            continue
        told: Row = {"percent": percent(row["ratio"]), **row}
        told["map50_95_share"] = comparing.kept(row["map50_95"], unpruned.get("map50_95"))
        told |= {f"{key}_share": share(row[key], whole.get(key)) for key in ("macs", "parameters")}
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
            told |= {key: best[key] for key in ("batch", "batch_used", "diverged_epoch", "schedule", "teacher")}
            told |= {key: best[key] for key in ("averaged_epochs", "averaged_map50_95")}
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
            comparing.kept(row["map50_95"], checkpoints[row["model"]]["map50_95"])
            for row in rows
            if row["model"] in checkpoints and not row["failed"]
        ]
        size = [share(row["bytes"], sizes[row["model"]]["bytes"]) for row in rows if row["model"] in sizes]
        told = {"kind": f"{precision} {kind}", "precision": precision}
        found.append(told | {"kept": span(shares), "size": span(size)})
    return found


def _heads(artifacts: list[Row]) -> Row | None:
    """How many anchors files decode, and the least share that this keeps; None where networks have their own heads."""
    candidates, kept_shares = (span([row[key] for row in artifacts]) for key in ("candidates", "candidates_kept"))
    return candidates and {"candidates": candidates, "kept": kept_shares and kept_shares["low"]}


def _fronts(results: Path) -> list[Row]:
    measured = selection.measured(results)
    return [{"place": place, "rows": clean(selection.front(rows))} for place, rows in labels.places(measured)]


def _rivalry(results: Path) -> list[Row]:
    """Per place where there are pruned files and rivals: at which times which of them is ahead."""
    on_val = resamples.read(resamples.beside(results / record_paths.INTERVALS))
    found = []
    for place, rows in labels.places(selection.measured(results)):
        if spans := rivalry.spans(rows, on_val):
            found.append({"place": place, "unit": files.unit(rows)[0], "spans": spans})
    return found


def _output_types(rows: list[Row]) -> list[Row]:
    """Per place, and per model of it: the file whose type was chosen, and the others."""
    found: dict[str, Row] = {}
    for row in rows:
        place = found.setdefault(row["place"], {"place": row["place"], "processor": row["processor"], "models": {}})
        model = place["models"].setdefault(row["model"], {"label": row["label"], "chosen": None, "others": []})
        told = row | {"kind": f"{row['precision']} {row['format']}"}
        if row["chosen"]:
            model["chosen"] = told
        else:
            model["others"].append(told)
    return [place | {"models": list(place["models"].values())} for place in found.values()]


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
