"""The main tables of a run as text for a terminal."""

from pathlib import Path
from typing import Any

import pandas as pd

from pinch.run import comparing
from pinch.tables import gathering, labels, selection

_MOST_ROWS = 60


def text(results: Path) -> str:
    """Models, artifacts with their times, choices, failed artifacts, missing rows, and the time of the run.

    Raises:
        PinchError: a table is missing.
    """
    blocks = [
        ("Models (accuracy on test)", _models(results)),
        ("Artifacts (accuracy on test, median time per frame; all of them: tables/artifacts.csv)", _artifacts(results)),
        ("Choices (from accuracy on val)", _choices(results)),
        ("Failed their check: measured, but never chosen", selection.left_out(results)[["file", "failed"]]),
        ("Missing", _missing(results)),
    ]
    shown = [f"{title}\n{_indent(table)}" for title, table in blocks if len(table)]
    return "\n\n".join([*shown, *_cost(results)])


def _models(results: Path) -> pd.DataFrame:
    table = gathering.read(results, "models")
    unpruned = comparing.unpruned(gathering.rows(table))
    whole = (comparing.comparable(unpruned["map50_95"]) if unpruned else None) or float("nan")
    return pd.DataFrame(
        {
            "model": table["label"],
            "mAP50": table["map50"].map(_three),
            "mAP50-95": table["map50_95"].map(_three),
            "before tuning": table["map50_95_before_tuning"].map(_three),
            "kept": (table["map50_95"] / whole).map(_percent),
            "not zero (M)": (table["nonzero_parameters"] / 1e6).map(_three),
            "MACs (M)": (table["macs"] / 1e6).map(_one),
        }
    )


def _artifacts(results: Path) -> pd.DataFrame:
    table, timed = gathering.read(results, "artifacts"), gathering.read(results, "inference")
    shown = pd.DataFrame(
        {
            "file": table["file"],
            "MB": (table["bytes"] / 1e6).map(_two),
            "zipped": (table["bytes_zipped"] / 1e6).map(_two),
            "mAP50-95": table["map50_95"].map(_three),
        }
    )
    for place, rows in labels.places(timed):
        times = rows.set_index("file")["p50_ms"]
        shown[f"{place} (ms)"] = table["file"].map(times).map(_two)
    return shown.head(_MOST_ROWS)


def _choices(results: Path) -> pd.DataFrame:
    table = gathering.read(results, "selection")
    return pd.DataFrame(
        {
            "device": table["place"],
            "want": table["want"],
            "file": table["file"],
            "sure": [_sure(row) for row in gathering.rows(table)],
            "ms": table["p50_ms"].map(_two),
            "mAP50-95 on test": table["map50_95"].map(_three),
            "zipped MB": (table["bytes_zipped"] / 1e6).map(_two),
        }
    )


def _sure(row: dict[str, Any]) -> str:
    """Whether the data tell a choice from all others; "nearest" where no file meets all limits."""
    return "nearest" if not row["qualifies"] else "certain" if row["certain"] else "toss-up"


def _missing(results: Path) -> pd.DataFrame:
    return gathering.read(results, "missing")[["table", "row", "reason"]]


def _cost(results: Path) -> list[str]:
    stages = gathering.read(results, "stages")
    if stages.empty:
        return []
    total = gathering.rows(stages)[-1]
    minutes = total["share_seconds"] / 60
    return [f"{total['jobs']} jobs in {minutes:.1f} minutes, the largest {total['peak_rss_mb'] / 1024:.1f} GiB."]


def _indent(table: pd.DataFrame) -> str:
    lines = table.to_string(index=False, na_rep="-").splitlines()
    return "\n".join(f"  {line}" for line in lines)


def _three(value: Any) -> str:
    return _form(value, "{:.3f}")


def _two(value: Any) -> str:
    return _form(value, "{:.2f}")


def _one(value: Any) -> str:
    return _form(value, "{:.1f}")


def _percent(value: Any) -> str:
    return _form(value, "{:.1%}")


def _form(value: Any, form: str) -> str:
    return "-" if pd.isna(value) else form.format(value)
