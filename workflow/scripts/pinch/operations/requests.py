"""What jobs ask for: time and memory, from how long they are expected to take and what a site allows.

`Requests.minutes` and `Requests.memory_mb` have the arguments that Snakemake gives to functions of `resources:`. What
they say is found once for all jobs that are alike: Snakemake asks for thousands of jobs at once.
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinch.core.signatures import signed
from pinch.core.yaml_files import read_yaml
from pinch.operations import rates
from pinch.operations.experience import Experience
from pinch.operations.rates import Job
from pinch.operations.site import Site
from pinch.operations.workload import Workload
from pinch.run.formats import FORMATS

MARGIN = 2
"""At the first attempt a job asks for this many times what it is expected to take."""
MEMORY = Path("profiles/memory.yaml")
# Minutes that are asked for at least: another machine, or a slow filesystem, makes a short job some minutes longer.
_LEAST = 60
_LEAST_OF = {
    # What is wrong with data is wrong again: there is no second attempt with more time.
    "hagrid_to_yolo": 240,
    "prepare_dataset": 240,
    "check_gpu": 10,
    "describe_processor": 10,
    "measure_on_cpu": 15,
    "measure_on_gpu": 30,
    "evaluate_artifact": 30,
} | {f"export_{name}": 30 for name in FORMATS}
# Where a partition allows this many minutes, an artifact and its evaluation are one submission.
_SHARED = 840
# CPU timings that share a submission, at most.
_TIMINGS = 12


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Memory of a job in MB, as profiles/memory.yaml says it.

    Attributes:
        mb: whatever its data.
        per_thread: of each of its threads.
        per_1000_images: of the images that it works on; where each thread is a process, of each process.
    """

    mb: float
    per_thread: float = 0
    per_1000_images: float = 0


def artifacts_share(site: Site) -> bool:
    """Whether an artifact and its evaluation are one submission, for whose members times are added up."""
    return site.cpu_minutes is None or site.cpu_minutes >= _SHARED


def timings(site: Site) -> int:
    """How many CPU timings share a submission: fewer on a short partition, so that each has twice the least time."""
    return max(1, min(_TIMINGS, (site.cpu_minutes or 1440) // (2 * _LEAST_OF["measure_on_cpu"])))


@dataclass(frozen=True)
class _Request:
    """What a job asks for at its first attempt, and what its partition and nodes allow; None: all that it wants."""

    wanted_minutes: int
    most_minutes: int | None
    wanted_mb: int
    most_mb: int | None

    def minutes(self, attempt: int) -> int:
        wanted = self.wanted_minutes * attempt
        return wanted if self.most_minutes is None else max(1, min(wanted, self.most_minutes))

    def memory_mb(self, attempt: int) -> int:
        wanted = self.wanted_mb * attempt
        return wanted if self.most_mb is None else min(wanted, self.most_mb)


class Requests:
    """What the jobs of a run ask for.

    Attributes:
        minutes: the `runtime` of a job: more with each attempt, as far as its partition allows.
        memory_mb: the `mem_mb` of a job: more with each attempt, as far as the nodes have it.
    """

    def __init__(
        self,
        work: Callable[[], Workload],
        site: Callable[[], Site],
        experience: Callable[[], Experience] = Experience,
        memory: Path = MEMORY,
        margin: int = MARGIN,
    ) -> None:
        """Take where to ask; nothing is read before a job asks.

        Args:
            work: what the run's jobs work on, as far as it is known.
            site: the cluster.
            experience: of earlier jobs.
            memory: the file profiles/memory.yaml.
            margin: times the memory needed that is asked for.
        """
        self.work, self._memory_file, self._margin = work, memory, margin
        self._site, self._experience = functools.cache(site), functools.cache(experience)
        self._found: dict[tuple[Any, ...], _Request] = {}
        self._found_for: Workload | None = None
        self.minutes, self.memory_mb = signed(self._minutes), signed(self._memory_mb)

    @functools.cached_property
    def _memory(self) -> dict[str, Memory]:
        said = {rule: Memory(**values) for rule, values in read_yaml(self._memory_file).items()}
        exports = said.pop("export")
        return {f"export_{name}": exports for name in FORMATS} | said

    def _minutes(self, wildcards: Mapping[str, str], input: Any, attempt: int, threads: int, rulename: str) -> int:
        return self._request(wildcards, input, threads, rulename).minutes(attempt)

    def _memory_mb(self, wildcards: Mapping[str, str], input: Any, attempt: int, threads: int, rulename: str) -> int:
        return self._request(wildcards, input, threads, rulename).memory_mb(attempt)

    def seconds(self, job: Job) -> float:
        """How long a job is expected to take."""
        return rates.seconds(job, self.work()) * self._factor(job)

    def unbroken_seconds(self, job: Job) -> float:
        """How long a submission of it is expected to take at least, see `rates.unbroken_seconds`."""
        return rates.unbroken_seconds(job, self.work()) * self._factor(job)

    def is_measured(self, job: Job) -> bool:
        """Whether earlier jobs tell how long a job takes."""
        return self._experience().factor(job, self.work()) is not None

    def needed_mb(self, job: Job) -> float:
        """Memory that a job is expected to take."""
        memory = self._memory.get(job.rule, self._memory["default"])
        images = rates.images(job, self.work()) / 1000
        processes = 1 + job.threads if memory.per_thread else 1
        return memory.mb + memory.per_thread * job.threads + memory.per_1000_images * images * processes

    def _request(self, wildcards: Mapping[str, str], input: Any, threads: int, rule: str) -> _Request:
        """What jobs like this one ask for, found again only when what they work on has changed."""
        work = self.work()
        if work is not self._found_for:
            self._found, self._found_for = {}, work
        # Jobs that wait for the GPU check use a GPU.
        gpu = rule in rates.GPU_ONLY or bool(input.get("gpu"))
        values = {name: wildcards[name] for name in rates.DEPENDS_ON.get(rule, ())}
        key = (rule, gpu, threads, *values.values())
        if key not in self._found:
            self._found[key] = self._asked(Job(rule, values, gpu, threads))
        return self._found[key]

    def _asked(self, job: Job) -> _Request:
        site = self._site()
        return _Request(
            wanted_minutes=self._wanted(job),
            most_minutes=self._allowed(job),
            wanted_mb=math.ceil(self._margin * self.needed_mb(job)),
            most_mb=site.gpu_memory_mb if job.gpu else site.cpu_memory_mb,
        )

    def _factor(self, job: Job) -> float:
        return self._experience().factor(job, self.work()) or 1.0

    def _wanted(self, job: Job) -> int:
        return max(_LEAST_OF.get(job.rule, _LEAST), math.ceil(MARGIN * self.seconds(job) / 60))

    def _allowed(self, job: Job) -> int | None:
        """Minutes that the partition leaves to a job, or to this member of a group of jobs; None: all that it wants."""
        site = self._site()
        limit = site.gpu_minutes if job.gpu else site.cpu_minutes
        return None if limit is None else int(limit * self._share(job, site))

    def _share(self, job: Job, site: Site) -> float:
        if job.rule == "measure_on_cpu":
            return 1 / timings(site)
        exports, evaluates = job.rule.startswith("export_"), job.rule == "evaluate_artifact"
        if not (exports or evaluates) or not artifacts_share(site):
            return 1
        # By the images that the longest export and its evaluation look at; whatever else they do counts as some.
        others, work = 100, self.work()
        export, evaluation = (rates.images(Job(rule), work) + others for rule in ("export_", "evaluate_artifact"))
        return (export if exports else evaluation) / (export + evaluation)
