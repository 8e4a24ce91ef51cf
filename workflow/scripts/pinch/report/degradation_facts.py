"""What the chosen files lose of the unpruned model, for captions."""

from pathlib import Path
from typing import Any

from pinch.report.plots import style
from pinch.report.rows import Row
from pinch.tables import compared, gathering
from pinch.tables.cells import clean

_LARGEST = 3


def collect(results: Path) -> list[Row]:
    """A row for each chosen file that was compared, those first that are chosen most often.

    Returns:
        The rows of the table agreement, with `shown` (whether pictures show the file), `classes` (how many could be
        judged), `lost` and `gained` (the classes whose mAP50-95 changed by more than chance, largest change first),
        `found_less` (those whose recall alone fell by more than chance),
        `largest` (the class with the largest loss; None if no class could be judged), `sizes` (its rows of the table
        sizes_of_boxes) and `confused` (the pair of classes that it confuses most, with `base_boxes`: how often the
        unpruned model does so; None if it confuses none).

    Raises:
        PinchError: a table is missing.
    """
    table = {name: clean(gathering.read(results, name)) for name in compared.COLUMNS}
    return [
        row
        | {"shown": number < style.SHOWN, "sizes": _of(table["sizes_of_boxes"], row["file"])}
        | _classes(_of(table["classes"], row["file"]))
        | {"confused": _confused(table["confusion"], row)}
        for number, row in enumerate(table["agreement"])
    ]


def _of(rows: list[Row], file: str) -> list[Row]:
    return [row for row in rows if row["file"] == file]


def _classes(rows: list[Row]) -> dict[str, Any]:
    judged = sorted((row for row in rows if row["ap_loss"] is not None), key=lambda row: -row["ap_loss"])
    lost = [row for row in judged if row["ap_loss_low"] > 0]
    gained = [row for row in reversed(judged) if row["ap_loss_high"] < 0]
    missed = [row for row in rows if (row["recall_loss_low"] or 0) > 0 and row not in lost]
    return {
        "classes": len(judged),
        "lost": lost[:_LARGEST],
        "lost_count": len(lost),
        "gained": gained[:_LARGEST],
        "gained_count": len(gained),
        "found_less": sorted(missed, key=lambda row: -row["recall_loss"])[:_LARGEST],
        "largest": judged[0] if judged else None,
    }


def _confused(rows: list[Row], about: Row) -> Row | None:
    """The pair of two classes that a file confuses most."""
    pairs = [
        row for row in _of(rows, about["file"]) if row["class"] and row["detected"] and row["class"] != row["detected"]
    ]
    if not pairs:
        return None
    most = max(pairs, key=lambda row: row["boxes"])
    same = [
        row["boxes"]
        for row in _of(rows, about["reference"])
        if (row["class"], row["detected"]) == (most["class"], most["detected"])
    ]
    return most | {"base_boxes": same[0] if same else 0}
