"""What the front page says of the choice: what to ship, what it costs, how sure that is, and what it rests on."""

from pinch.core.provenance import short_revision
from pinch.report.rows import Row, share


def wants(selected: list[Row]) -> list[Row]:
    """For each want, in the order of the table: its number and name, and the files chosen for it with their places."""
    found: dict[str, dict[str, Row]] = {}
    for row in selected:
        files = found.setdefault(row["want"], {})
        told = files.setdefault(row["file"], row | {"places": []})
        told["places"].append(
            {key: row[key] for key in ("place", "p50_ms", "certain", "qualifies", "nearest", "proxy_for")}
        )
    return [
        {"number": number, "want": want, "files": list(files.values())}
        for number, (want, files) in enumerate(found.items(), 1)
    ]


def shipped(selected: list[Row], places: list[Row], artifacts: list[Row]) -> Row | None:
    """The first want's choice on its first device, beside the base's reference file there; None without a choice.

    Args:
        selected: rows of the table of choices.
        places: see `timing_facts.places`.
        artifacts: rows of the table of files.

    Returns:
        The row of the table of choices with `reference` (the file that it is compared with), `time_share` and
        `download_share` (relative to that), `of_base` (whether it is of the base, which may not have been measured
        there), and `on_test` (the row of the table of files).
    """
    if not selected:
        return None
    row = selected[0]
    files = {each["file"]: each for each in artifacts}
    where = ("device", "threads", "processor")
    place = next(each for each in places if all(each[key] == row[key] for key in where))
    whole = files.get(place["reference"]["file"], {})
    return row | {
        "reference": place["reference"],
        "time_share": place["times"][row["file"]],
        "download_share": share(row["bytes_zipped"], whole.get("bytes_zipped")),
        "on_test": files[row["file"]],
        "of_base": place["reference"]["method"] == "none",
    }


def rests_on(provenance: list[Row]) -> Row:
    """Machines of the timings, seeds, and versions and revisions of Pinch."""
    timed = [row for row in provenance if row["records"].startswith("inference/")]
    keys = ("processor", "gpu", "cores", "memory_mb")
    return {
        "machines": list({tuple(row[key] for key in keys): {key: row[key] for key in keys} for row in timed}.values()),
        "seeds": sorted({row["seed"] for row in provenance if row["seed"] is not None}),
        "pinch": sorted({row["pinch"] for row in provenance}),
        "revisions": sorted({short_revision(row["git_revision"]) for row in provenance if row["git_revision"]}),
    }
