"""The chosen artifacts, measured on all of test, beside what the choice knew of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pinch.core.record_types.measurements import AccuracyRecord
from pinch.tables import gathering


def files(results: Path) -> list[str]:
    """The names of the chosen artifacts of a run, each once.

    Raises:
        PinchError: nothing has been chosen yet.
    """
    return list(dict.fromkeys(gathering.read(results, "selection")["file"]))


def record(results: Path, file: str) -> Path:
    """Where the accuracy of an artifact on all of test is recorded."""
    return results / "records/accuracy_whole" / f"{file}.json"


def table(results: Path, measured: Sequence[AccuracyRecord]) -> pd.DataFrame:
    """A row for each artifact: its accuracy on all of test, and on the part on which all artifacts were measured."""
    part = {row["file"]: row for row in gathering.rows(gathering.read(results, "artifacts"))}
    rows: list[dict[str, Any]] = []
    for found in measured:
        on_test, on_part = found.splits["test"], part[found.file]
        rows.append(
            {"file": found.file, "map50": on_test.map50, "map50_95": on_test.map50_95, "images": on_test.images}
            | {"part_map50_95": on_part["map50_95"], "part_images": on_part["images"]}
        )
    return gathering.frame("chosen", rows)
