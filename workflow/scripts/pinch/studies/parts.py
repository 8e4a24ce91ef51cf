"""A study's record, gathered from those of its parts."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.studies import ExplainRecord, LayerScanRecord, StudyRecord
from pinch.core.records import Stored

# By study: the type of its record, which is that of its parts as well, and the field that holds their rows.
_KINDS: dict[str, tuple[type[StudyRecord], str]] = {
    "layers": (LayerScanRecord, "layers"),
    "explain": (ExplainRecord, "rows"),
}
# Each part measures it, and processors differ in its last digits.
_MEASURED = "base_map50_95"


def gather(study: str, paths: Sequence[Path]) -> Stored[Any]:
    """The record of a study, with the rows of all its parts and the provenance of the first.

    Args:
        study: one of `pinch.run.studies.STUDIES`.
        paths: records of its parts, in the order of their rows.

    Raises:
        PinchError: one of them cannot be read, or two are not of the same model, data, images or seed.
    """
    kind, rows = _KINDS[study]
    parts = [records.read(path, kind) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        for what, ours, theirs in _common(part, parts[0], rows):
            if ours != theirs:
                raise PinchError(
                    f"{path} and {paths[0]} are not parts of one study, because {what} is {ours} in the first and "
                    f"{theirs} in the second: delete the one that is wrong and run the workflow again"
                )
    together: dict[str, Any] = {rows: [row for part in parts for row in getattr(part.value, rows)]}
    return Stored(dataclasses.replace(parts[0].value, **together), parts[0].provenance)


def _common(part: Stored[Any], other: Stored[Any], rows: str) -> Iterator[tuple[str, Any, Any]]:
    """What two parts of one study have in common, by name, with the value of each."""
    for field in dataclasses.fields(part.value):
        if field.name not in (rows, _MEASURED):
            yield field.name, getattr(part.value, field.name), getattr(other.value, field.name)
    for name in ("seed", "data"):
        yield name, getattr(part.provenance, name), getattr(other.provenance, name)
