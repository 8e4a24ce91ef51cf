"""The rows of the table of what records were made with, `provenance`."""

from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from pinch.core.provenance import Provenance

COLUMNS = ["records", "count", "processor", "cores", "memory_mb", "gpu", "system", "seed", "pinch", "git_revision"]
COLUMNS += ["versions"]


def rows(made: Mapping[str, Provenance]) -> list[dict[str, Any]]:
    """One row for each kind of records, machine, seed and set of versions.

    Args:
        made: how each record was made, by its path under `records/`.

    Returns:
        Rows with COLUMNS: `records` is the folder under `records/` (`accuracy`, `inference/cpu_1`), `count` how many
        there are, `memory_mb` in MB, `versions` one text.
    """
    counted = Counter((_kind(record), *_made_with(provenance)) for record, provenance in made.items())
    return [dict(zip(COLUMNS, (key[0], count, *key[1:]), strict=True)) for key, count in counted.items()]


def _kind(record: str) -> str:
    path = PurePosixPath(record)
    return path.name if path.parent == PurePosixPath() else path.parent.as_posix()


def _made_with(made: Provenance) -> tuple[Any, ...]:
    machine = made.hardware
    versions = ", ".join(f"{package} {version}" for package, version in sorted(made.versions.items()))
    where = (machine.cpu, machine.cores, machine.memory_mb, machine.gpu, machine.system)
    return (*where, made.seed, made.pinch, made.git_revision, versions)
