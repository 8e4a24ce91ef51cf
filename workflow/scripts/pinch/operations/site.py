"""What a cluster has, as profiles/slurm/site.yaml says it, and the requests of jobs that this bounds."""

import contextlib
import dataclasses
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pinch.core.errors import PinchError
from pinch.core.typed_json import MismatchError, from_json
from pinch.core.yaml_files import read_yaml
from pinch.run.formats import FORMATS

VARIABLE = "PINCH_SITE"
"""The environment variable that names another file than SHIPPED."""
SHIPPED = Path("profiles/slurm/site.yaml")
NEEDED = Path("profiles/memory.yaml")


@dataclass(frozen=True, kw_only=True)
class Site:
    """The values of site.yaml, which explains them. None: no limit is known, or the cluster's default."""

    cpu_partition: str
    gpu_partition: str
    cpu_minutes: int | None = None
    gpu_minutes: int | None = None
    cpu_cores: int | None = None
    gpu_cores: int | None = None
    cpu_memory_mb: int | None = None
    gpu_memory_mb: int | None = None
    account: str | None = None
    gpu_type: str | None = None
    base_gpus: int = 1
    stage_to: str | None = None
    cpu_options: str | None = None
    gpu_options: str | None = None
    exclusive_timing: bool = True

    def minutes(self, wanted: int, share: float = 1, on: str | None = None) -> str:
        """The `runtime` of a job, as an expression of Snakemake: more with each attempt, as far as allowed.

        Args:
            wanted: minutes of the first attempt.
            share: its share of what the partition allows, for members of a group, whose times are added up.
            on: "cpu" or "gpu"; None: whichever the job uses.
        """
        cpu, gpu = (None if limit is None else int(limit * share) for limit in (self.cpu_minutes, self.gpu_minutes))
        return _bounded(f"{wanted} * attempt", cpu, gpu, on)

    def memory(self, wanted: str | int, on: str | None = None) -> str:
        """The `mem_mb` of a job, as an expression of Snakemake: more with each attempt, as far as the nodes have it."""
        return _bounded(f"({wanted}) * attempt", self.cpu_memory_mb, self.gpu_memory_mb, on)

    def threads(self, wanted: str | int, on: str | None = None) -> str:
        """The threads of a job, as an expression of Snakemake: no more than the nodes have."""
        return _bounded(str(wanted), self.cpu_cores, self.gpu_cores, on)


def _bounded(wanted: str, cpu: int | None, gpu: int | None, on: str | None) -> str:
    on_cpu, on_gpu = (wanted if limit is None else f"min({wanted}, {limit})" for limit in (cpu, gpu))
    if on or cpu == gpu:
        return on_gpu if on == "gpu" else on_cpu
    return f"{on_gpu} if input.get('gpu') else {on_cpu}"


def needed_memory(path: str | Path = NEEDED) -> dict[str, Any]:
    """MB of memory that a job takes, by its rule: numbers, or expressions of Snakemake; `default` for other rules."""
    said = read_yaml(path)
    exports = said.pop("export")
    return {f"export_{name}": exports for name in FORMATS} | said


def memory_here(needed: str | int, machine: int) -> str | int:
    """The `mem_mb` of a job on one machine, which has `machine` MB: a number where it does not depend on the job.

    Snakemake evaluates an expression anew for each job of a dry run.
    """
    return min(needed, machine) if isinstance(needed, int) else f"min({needed}, {machine})"


def machine_memory_mb() -> int:
    """Memory of this machine in MB, or what its control group (a container, a batch job) leaves of it."""
    limits = [psutil.virtual_memory().total]
    with contextlib.suppress(OSError):
        own = re.search(r"^0::/(.*)$", Path("/proc/self/cgroup").read_text(), re.MULTILINE)
        for folder in Path("/sys/fs/cgroup", own[1] if own else "", "memory.max").parents:
            with contextlib.suppress(OSError, ValueError):  # it may say "max"
                limits.append(int((folder / "memory.max").read_text()))
    return min(limits) // 1_000_000


def path() -> Path:
    """The file that describes this site, as seen from the project's folder."""
    return Path(os.environ.get(VARIABLE, SHIPPED))


def read(file: Path | None = None) -> Site:
    """Read site.yaml.

    Raises:
        PinchError: it is missing, not YAML, or has a wrong key or value.
    """
    file = file or path()
    if not file.exists():
        raise PinchError(f"{file} does not exist: start in the project's folder, or correct {VARIABLE}")
    content = read_yaml(file)
    known = {field.name for field in dataclasses.fields(Site)}
    unknown = sorted(map(str, set(content or {}) - known))
    if unknown:
        raise PinchError(f"{file}: unknown key {unknown[0]!r}; the keys are {', '.join(sorted(known))}")
    try:
        found = from_json(Site, content)
    except MismatchError as error:
        raise PinchError(f"{file} is wrong: {error}; its comments say what belongs there") from error
    for name, value in vars(found).items():
        if type(value) is int and value < 1:
            raise PinchError(f"{file}: {name} is {value}, but must be at least 1, or null for no limit")
    return found
