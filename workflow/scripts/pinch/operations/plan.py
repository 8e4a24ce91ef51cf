"""What a run needs before anything is submitted: jobs, hours, GPU hours, the longest chain, disk and files.

Snakemake tells which jobs there are, which depend on which, and what each asks for. How long they are expected to take
is said by `pinch.operations.requests`. Time in a queue is not included.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from pinch.operations import rates
from pinch.operations.rates import Job
from pinch.operations.requests import MARGIN, Requests
from pinch.operations.workload import CHECKPOINT_BYTES, Workload

# Bytes on disk: a checkpoint, its run folder while it trains (with the optimizer),
# an artifact of average size, a label file (a block), a rendered image, record and log.
_BYTES = {"checkpoint": CHECKPOINT_BYTES, "run": 32e6, "artifact": 6e6, "label": 4096, "rendered": 40e3, "record": 50e3}
# Files on disk: of a job (outputs, log, benchmark, Snakemake's and Slurm's notes), and of a training's run folder.
_FILES = {"job": 10, "run": 25}


@dataclass(frozen=True)
class PlannedJob:
    """One job.

    Attributes:
        job: what it is.
        done: whether it is done already.
        minutes, memory_mb: what it asks for at its first attempt; None: nothing, as local jobs.
        needs: numbers of the jobs that it depends on.
    """

    job: Job
    done: bool = False
    minutes: int | None = None
    memory_mb: int | None = None
    needs: frozenset[int] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Stage:
    """The jobs of one rule.

    Attributes:
        rule: its name.
        jobs: how many there are.
        hours: of all together.
        gpu: whether they use a GPU.
        measured: whether earlier jobs tell how long they take.
        threads: the most of one job.
        memory_mb: the most that one asks for.
        longest: minutes that the longest is expected to take.
        minutes: what that one asks for; None: no limit.
    """

    rule: str
    jobs: int
    hours: float
    gpu: bool
    measured: bool
    threads: int
    memory_mb: int | None
    longest: float
    minutes: int | None


@dataclass(frozen=True)
class Plan:
    """The plan of a run: stages, the longest chain as (rule, hours), bytes and files on disk, and what will not fit."""

    stages: list[Stage]
    chain: list[tuple[str, float]]
    disk_bytes: float
    files: int
    warnings: list[str]

    @property
    def gpu_hours(self) -> float:
        """Hours of all GPU jobs together."""
        return sum(stage.hours for stage in self.stages if stage.gpu)

    @property
    def cpu_hours(self) -> float:
        """Hours of all other jobs together."""
        return sum(stage.hours for stage in self.stages if not stage.gpu)


def make(jobs: Mapping[int, PlannedJob], requests: Requests, work: Workload) -> Plan:
    """Plan the jobs that are not done yet, by their numbers."""
    todo = {number: planned for number, planned in jobs.items() if not planned.done}
    seconds = {number: requests.seconds(jobs[number].job) if number in todo else 0.0 for number in jobs}
    groups: dict[str, list[int]] = defaultdict(list)
    for number in _in_order(jobs):
        if number in todo:
            groups[jobs[number].job.rule].append(number)
    stages = [_stage(requests, [(jobs[number], seconds[number]) for number in found]) for found in groups.values()]
    chain = [(jobs[number].job.rule, seconds[number] / 3600) for number in longest_chain(jobs, seconds)]
    return Plan(
        stages,
        [link for link in chain if link[1]],
        _disk(todo.values(), work),
        _files(todo.values(), work),
        [text for found in groups.values() for text in _warnings([jobs[number] for number in found], requests)],
    )


def longest_chain(jobs: Mapping[int, PlannedJob], seconds: Mapping[int, float]) -> list[int]:
    """The jobs of the chain with the longest time, in order: a run takes at least this long on any number of nodes."""
    ends: dict[int, tuple[float, int | None]] = {}
    for number in _in_order(jobs):
        before = max(jobs[number].needs, key=lambda other: ends[other][0], default=None)
        ends[number] = (ends[before][0] if before is not None else 0.0) + seconds[number], before
    last: int | None = max(ends, key=lambda number: ends[number][0], default=None)
    chain = []
    while last is not None:
        chain.append(last)
        last = ends[last][1]
    return chain[::-1]


def _in_order(jobs: Mapping[int, PlannedJob]) -> Iterable[int]:
    """Job numbers, each after those that it depends on."""
    return TopologicalSorter({number: planned.needs for number, planned in jobs.items()}).static_order()


def _stage(requests: Requests, found: list[tuple[PlannedJob, float]]) -> Stage:
    longest, most = max(found, key=lambda pair: pair[1])
    return Stage(
        rule=longest.job.rule,
        jobs=len(found),
        hours=sum(seconds for _, seconds in found) / 3600,
        gpu=any(planned.job.gpu for planned, _ in found),
        measured=all(requests.is_measured(planned.job) for planned, _ in found),
        threads=max(planned.job.threads for planned, _ in found),
        memory_mb=max((planned.memory_mb for planned, _ in found if planned.memory_mb is not None), default=None),
        longest=most / 60,
        minutes=longest.minutes,
    )


def _warnings(found: list[PlannedJob], requests: Requests) -> list[str]:
    """Sentences on the jobs of a rule that expect more than half of the time, or more memory, than they ask for."""
    texts, rule = [], found[0].job.rule
    late = {
        requests.unbroken_seconds(planned.job) / 60: planned.minutes
        for planned in found
        if planned.minutes is not None and MARGIN * requests.unbroken_seconds(planned.job) > 60 * planned.minutes
    }
    if late:
        texts.append(
            f"{rule}: a job is expected to take {max(late):.0f} minutes, more than half of the {late[max(late)]} that "
            "it asks for: measure on fewer images (evaluate.limit), or choose a partition that allows more"
        )
    large = {
        requests.needed_mb(planned.job): planned.memory_mb
        for planned in found
        if planned.memory_mb is not None and requests.needed_mb(planned.job) > planned.memory_mb
    }
    if large:
        texts.append(
            f"{rule}: a job is expected to need {max(large):.0f} MB of memory, more than the {large[max(large)]} that "
            "it asks for: give it fewer threads (--set-threads), or choose a partition with larger nodes"
        )
    return texts


def _disk(todo: Iterable[PlannedJob], work: Workload) -> float:
    rules = Counter(planned.job.rule for planned in todo)
    trained = sum(rules[rule] for rule in rates.TRAININGS)
    checkpoints = trained + rules["coarse_prune"] + rules["fine_prune"] + rules["make_rival"] + rules["import_model"]
    # They keep what they started from.
    checkpoints += rules["explain_tuning"]
    artifacts = sum(count for rule, count in rules.items() if rule.startswith("export_"))
    total = checkpoints * _BYTES["checkpoint"] + trained * _BYTES["run"] + artifacts * _BYTES["artifact"]
    total += _labels(rules, work) * _BYTES["label"]
    total += sum(work.images) * (_BYTES["rendered"] if rules["synthesize_hands"] else 0)
    return total + rules.total() * _BYTES["record"]


def _files(todo: Iterable[PlannedJob], work: Workload) -> int:
    rules = Counter(planned.job.rule for planned in todo)
    runs = sum(rules[rule] for rule in rates.TRAININGS) * _FILES["run"]
    rendered = sum(work.images) if rules["synthesize_hands"] else 0
    return rules.total() * _FILES["job"] + runs + rendered + _labels(rules, work)


def _labels(rules: Counter[str], work: Workload) -> int:
    """Label files: one for each image. Folders of images are linked, not images."""
    return sum(work.images) if rules["hagrid_to_yolo"] or rules["prepare_dataset"] else 0
