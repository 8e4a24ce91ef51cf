"""A run as it is compared with another one."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.provenance import Provenance
from pinch.core.record_types.base import Record
from pinch.core.record_types.data import DatasetRecord
from pinch.core.record_types.exports import ExportRecord
from pinch.core.record_types.measurements import AccuracyRecord, InferenceRecord
from pinch.core.record_types.weights import TrainingRecord
from pinch.run import manifest
from pinch.run.identity import Artifact, Model
from pinch.run.manifest import Manifest
from pinch.tables import gathering
from pinch.tables.cells import clean

_BASE = "base"
# What a choice is for; earlier versions call it a goal.
_WANT = {"want", "goal"}

Row = dict[str, Any]
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Run:
    """What two runs are compared by. Rows are those of the run's tables, with None for an empty cell.

    Attributes:
        folder: of the run, `results/<name>`.
        config: the configuration with all defaults; None in a run of an earlier version or made by hand.
        data: the record of the data set; None if there is none.
        made: how each record that can be read was made.
        base: the row of the base model; None if there is none.
        models, artifacts: rows by the name that both runs have for the same thing: "coarse 50%", "base int8.onnx".
        timings: rows by device, threads and that name.
        choices: rows of tables/selection.csv, each with a `want`; None if nothing was chosen yet.
        missing: rows of the table `missing`.
        states: SHA-256 of the evaluated checkpoints and exported files by the stem of their record; None in older ones.
    """

    folder: Path
    config: dict[str, Any] | None
    data: DatasetRecord | None
    made: list[Provenance]
    base: Row | None
    models: dict[str, Row]
    artifacts: dict[str, Row]
    timings: dict[tuple[str, int, str], Row]
    choices: list[Row] | None
    missing: list[dict[str, str]]
    states: dict[str, str | None]

    @property
    def digest(self) -> str | None:
        """Of the data set; None where it is not known."""
        return self.data.digest if self.data else None

    def names(self) -> dict[str, str]:
        """The common name of each exported file."""
        return {row["file"]: name for name, row in self.artifacts.items()}


def read(folder: Path) -> Run:
    """Read a run from its records, whatever version of Pinch made them, and its choices.

    Raises:
        PinchError: it is no run, its manifest or its configuration cannot be read, or nothing of it was measured yet.
    """
    expected = manifest.load(folder)
    gathered = gathering.gather(folder, partial=True)
    tables = {name: clean(gathered.tables[name]) for name in ("models", "artifacts", "inference")}
    if not tables["models"] and not tables["artifacts"]:
        raise PinchError(f"nothing of {folder} can be compared: {_why(gathered.missing)}")
    made = {record: stored for record, kind in _records(expected) if (stored := _read(folder, record, kind))}
    names = _names(expected)
    base = expected.base
    return Run(
        folder=folder,
        config=manifest.configuration(folder),
        data=made["dataset"].value if "dataset" in made else None,
        made=[stored.provenance for stored in made.values()],
        base=next((row for row in tables["models"] if row["model"] == str(base)), None),
        models={names[row["model"]]: row for row in tables["models"]},
        artifacts={names[row["file"]]: row for row in tables["artifacts"]},
        timings={(row["device"], row["threads"], names[row["file"]]): row for row in tables["inference"]},
        choices=_choices(folder),
        missing=gathered.missing,
        states={Path(record).name: each.value.sha256 for record, each in made.items() if "accuracy/" in record},
    )


def _why(missing: list[dict[str, str]]) -> str:
    if not missing:
        return "its manifest names no models"
    return f"{missing[0]['record']}: {missing[0]['reason']}; run the workflow, or make its records again"


def _names(expected: Manifest) -> dict[str, str]:
    """The name that both runs have for each model and exported file: without the name of the run's base."""
    base = expected.base
    names = {str(model): _common(model, base).label for model in expected.models}
    for artifact in expected.artifacts:
        common = replace(artifact, model=_common(artifact.model, base))
        names[artifact.file] = f"{common.label} {_spec(artifact)}"
    return names


def _common(model: Model, base: Model | None) -> Model:
    return replace(model, name=_BASE) if base and model.name == base.name else model


def _spec(artifact: Artifact) -> str:
    return artifact.format.file("", artifact.precision).removeprefix("_")


def _records(expected: Manifest) -> Iterator[tuple[str, type[Record]]]:
    """The records of a run that say on what and with what it was made, without their suffix, and their types."""
    yield "dataset", DatasetRecord
    for model in expected.models:
        yield f"training/{model}", TrainingRecord
        yield f"accuracy/{model}", AccuracyRecord
    for artifact in expected.artifacts:
        yield f"export/{artifact.file}", ExportRecord
        yield f"accuracy/{artifact.file}", AccuracyRecord
    for timing in expected.timings:
        yield f"inference/{timing.place}/{timing.artifact.file}", InferenceRecord


def _read(folder: Path, record: str, kind: type[Record]) -> records.Stored[Any] | None:
    """A record; None where there is none that can be read, as the table `missing` says."""
    try:
        return records.read(folder / f"records/{record}.json", kind)
    except PinchError:
        return None


def _choices(folder: Path) -> list[Row] | None:
    # Nothing is chosen here again, since choices depend on the run's own settings.
    if not (folder / "tables/selection.csv").exists():
        return None
    table = gathering.read(folder, "selection")
    if not {"device", "threads", "file"} <= {*table} or not _WANT & {*table}:
        raise PinchError(f"{folder}/tables/selection.csv has not the columns of choices: run select_models.py {folder}")
    return [row | {"want": row.get("want", row.get("goal"))} for row in clean(table)]


def paired(a: dict[Key, Row], b: dict[Key, Row]) -> Iterator[tuple[Key, Row, Row]]:
    """The rows that both runs have, in the order of A."""
    return ((key, row, b[key]) for key, row in a.items() if key in b)
