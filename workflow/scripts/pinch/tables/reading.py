"""Reading the records of a run: which are missing, which cannot be used, and which do not belong together."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.provenance import Provenance
from pinch.core.record_types.base import ModelFile, Record
from pinch.core.record_types.data import DatasetRecord
from pinch.core.record_types.exports import ExportRecord
from pinch.core.record_types.imported import ImportedRecord
from pinch.core.record_types.intervals import IntervalsRecord
from pinch.core.record_types.measurements import InferenceRecord
from pinch.core.records import Stored
from pinch.core.text import listed
from pinch.run import record_paths
from pinch.run.formats import CHECKPOINT

R = TypeVar("R", bound=Record)


@dataclass
class RunRecords:
    """The records of a run. The first one that is read of a file says in which state all others must have seen it.

    Attributes:
        results: folder of the run.
        reasons: why a record is missing, as far as is known, by its path relative to `results`.
        missing: rows of the table `missing`.
        states: SHA-256 of each checkpoint and artifact that a record was read of, by its name.
        made: how each record that could be used was made, by its path under `records/`, without its suffix.
    """

    results: Path
    reasons: Mapping[str, str] = field(default_factory=dict)
    missing: list[dict[str, str]] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    made: dict[str, Provenance] = field(default_factory=dict)

    @functools.cached_property
    def data(self) -> str | None:
        """Digest of the run's data set; None if its record does not tell it."""
        try:
            return records.read(self.results / record_paths.DATASET, DatasetRecord).value.digest
        except PinchError:
            return None

    def exists(self, record: str) -> bool:
        """Whether there is such a record, usable or not; `record` is its path under `records/`, without its suffix."""
        return (self.results / f"records/{record}.json").exists()

    def optional(self, table: str, row: str, record: str, kind: type[R]) -> R | None:
        """Like `required`, but a record that does not exist is not missing."""
        return self.required(table, row, record, kind) if self.exists(record) else None

    def required(self, table: str, row: str, record: str, kind: type[R]) -> R | None:
        """What a record says; None, and a row in `missing`, where it does not exist or cannot be used.

        Args:
            table: the table that it is read for.
            row: the row in that table.
            record: its path under `records/`, without its suffix.
            kind: its type.
        """
        found = self.read(table, row, record, kind)
        return found.value if found else None

    def read(self, table: str, row: str, record: str, kind: type[R]) -> Stored[R] | None:
        """The same with its provenance."""
        place = f"records/{record}.json"
        path, reason = self.results / place, self.reasons.get(place, "no record")
        if path.exists():
            try:
                found = records.read(path, kind)
                self._require_data(found.provenance.data)
                self._require_same(Path(record).name, place, found.value)
                self.made[record] = found.provenance
                return found
            except PinchError as error:
                reason = str(error).removeprefix(f"{path} ")
        self.missing.append({"table": table, "row": row, "record": place, "reason": reason})
        return None

    def _require_data(self, digest: str | None) -> None:
        """Refuse a record of another state of the data set; older records do not tell."""
        if self.data and digest not in (None, self.data):
            raise PinchError("was made from another state of the data set: run the workflow again")

    def _require_same(self, name: str, place: str, value: Record) -> None:
        """Refuse a record that is not of what its name says, or of another state of a file than those read before."""
        if isinstance(value, ModelFile) and value.file.removesuffix(CHECKPOINT.ending) != name:
            raise PinchError(f"is a record of {value.file}: delete it and run again")
        for file, state, made_from in _states(value, place):
            if state and self.states.setdefault(file, state) != state:
                raise PinchError(
                    f"is of another state of {file} than other records: delete {listed(made_from)} and run the "
                    "workflow again"
                )


def _states(value: Record, place: str) -> Iterator[tuple[str, str | None, list[str]]]:
    """The files that a record is of, their SHA-256, and the records without which the workflow makes all anew."""
    if isinstance(value, IntervalsRecord):
        yield from ((each.file, each.sha256, [place]) for each in value.files)
    if isinstance(value, ImportedRecord):
        yield from ((each.file, each.sha256, [place]) for each in value.timings)
    if not isinstance(value, ModelFile):
        return
    export = record_paths.export(value.file)
    if isinstance(value, ExportRecord):
        yield f"{value.model}{CHECKPOINT.ending}", value.source_sha256, [record_paths.accuracy(value.model), export]
    yield value.file, value.sha256, [export]
    if isinstance(value, InferenceRecord) and value.baseline:
        yield value.baseline.file, value.baseline.sha256, [place]
