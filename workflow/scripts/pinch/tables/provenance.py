"""The rows of the table of what records were made with, `provenance`."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from pinch.core.provenance import Provenance

_MACHINE = ["processor", "cpu_flags", "governor", "cores", "memory_mb", "gpu", "gpu_driver", "system"]
_MADE_WITH = [*_MACHINE, "seed", "pinch", "git_revision", "versions"]
COLUMNS = ["records", "count", *_MADE_WITH, "clock_mhz", "nodes"]


def rows(made: Mapping[str, Provenance]) -> list[dict[str, Any]]:
    """One row for each kind of records, machine, seed and set of versions.

    Args:
        made: how each record was made, by its path under `records/`.

    Returns:
        Rows with COLUMNS: `records` is the folder under `records/` (`accuracy`, `inference/cpu_1`), `count` how many
        there are, `memory_mb` in MB, `versions` one text, `clock_mhz` the lowest and highest clock of their processors
        when they were made, and `nodes` those of SLURM.
    """
    alike: dict[tuple[Any, ...], list[Provenance]] = {}
    for record, provenance in made.items():
        alike.setdefault((_kind(record), *_made_with(provenance)), []).append(provenance)
    return [
        {"records": kind, "count": len(those)} | dict(zip(_MADE_WITH, key, strict=True)) | _where(those)
        for (kind, *key), those in alike.items()
    ]


def _where(made: list[Provenance]) -> dict[str, str | None]:
    """What differs from job to job: clocks and nodes."""
    clocks = [each.hardware.clock_mhz for each in made if each.hardware.clock_mhz]
    ends = dict.fromkeys(f"{clock:.0f}" for clock in (min(clocks), max(clocks))) if clocks else {}
    nodes = sorted({name for each in made if (name := each.slurm.get("SLURMD_NODENAME"))})
    return {"clock_mhz": " to ".join(ends) or None, "nodes": ", ".join(nodes) or None}


def _kind(record: str) -> str:
    path = PurePosixPath(record)
    return path.name if path.parent == PurePosixPath() else path.parent.as_posix()


def _made_with(made: Provenance) -> tuple[Any, ...]:
    machine = made.hardware
    versions = ", ".join(f"{package} {version}" for package, version in sorted(made.versions.items()))
    where = (machine.cpu, " ".join(machine.cpu_flags), machine.governor, machine.cores, machine.memory_mb)
    return (*where, machine.gpu, machine.gpu_driver, machine.system, made.seed, made.pinch, made.git_revision, versions)
