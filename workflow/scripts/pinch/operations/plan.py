"""Estimate what a run needs before anything is submitted: jobs, hours, GPU hours, the longest chain, disk.

Snakemake tells which jobs there are and which depend on which (`--dag`). The time of a job is the median of earlier
jobs of its rule (from their `benchmark` files) or, if there are none, follows from ASSUMPTIONS. Time in a queue is not
included.
"""

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pinch.run.formats import PRECISIONS
from pinch.run.settings.pruning import Explain, LayerScan
from pinch.tables import stages

_NODE = re.compile(r'^\s*(\d+)\[label = "(?P<label>[^"]*)".*style="(?P<style>[^"]*)"\];', re.MULTILINE)
_EDGE = re.compile(r"^\s*(\d+) -> (\d+)\s*$", re.MULTILINE)
# This rule, and all jobs that depend on it, run on a GPU.
GPU_CHECK = "check_gpu"
SCANNED_LAYERS = 60
"""Layers of YOLO11n in a layer scan."""


@dataclass(frozen=True)
class PlannedJob:
    """One job: its rule, its wildcards, and whether it is done already."""

    rule: str
    wildcards: dict[str, str] = field(default_factory=dict)
    done: bool = False


@dataclass(frozen=True)
class JobGraph:
    """Jobs by number, and for each the numbers of the jobs that it depends on."""

    jobs: dict[int, PlannedJob]
    needs: dict[int, set[int]]

    def uses_gpu(self, number: int) -> bool:
        """Whether a job runs on a GPU."""
        rules = {self.jobs[other].rule for other in {number, *self.needs[number]}}
        return GPU_CHECK in rules


@dataclass(frozen=True)
class Workload:
    """What the time of a job depends on.

    Attributes:
        images: number of images of train, val and test.
        epochs: maximum number of epochs of the base, of coarse and of fine tuning.
        imgsz: side of the images in pixels.
        timed_frames: frames of one timing, over all rounds, warm-up included.
    """

    images: tuple[int, int, int]
    epochs: dict[str, int]
    imgsz: int
    timed_frames: int

    @property
    def scale(self) -> float:
        """Work for an image relative to one of 640 pixels: the time of convolutions is proportional to the area."""
        return (self.imgsz / 640) ** 2


ASSUMPTIONS = {
    "train_gpu": (400.0, "images of 640 px per second, training on one data-centre GPU"),
    "train_cpu": (2.5, "images of 640 px per second, training on one CPU core"),
    "infer_gpu": (600.0, "images of 640 px per second, evaluation on one data-centre GPU"),
    "infer_cpu": (15.0, "images of 640 px per second, evaluation on four CPU threads"),
    "files": (300.0, "images per second, conversion"),
    "rendered": (30.0, "synthetic images per second, rendering"),
    "start": (20.0, "seconds for a job to start its programs"),
    "export": (60.0, "seconds to export one file"),
}
"""Rates that a plan uses if nothing was measured: their values and what they mean."""

# Bytes on disk: a YOLO11n checkpoint (half precision), its run folder while it trains (with the optimizer),
# an artifact of average size, a label file and the link to its image (a block each), a rendered image, record and log.
_BYTES = {"checkpoint": 5.6e6, "run": 32e6, "artifact": 6e6, "label": 8192, "rendered": 40e3, "record": 50e3}


def parse_dag(dot: str) -> JobGraph:
    """Read what `snakemake --dag` prints."""
    jobs = {}
    for match in _NODE.finditer(dot):
        rule, *wildcards = match["label"].split("\\n")
        pairs = dict(text.split(": ", 1) for text in wildcards if ": " in text)
        jobs[int(match[1])] = PlannedJob(rule, pairs, "dashed" in match["style"])
    needs: dict[int, set[int]] = {number: set() for number in jobs}
    for match in _EDGE.finditer(dot):
        needs[int(match[2])].add(int(match[1]))
    return JobGraph(jobs, needs)


def measured_seconds(benchmarks: Path) -> dict[str, float]:
    """Median seconds of the earlier jobs of each rule."""
    found: dict[str, list[float]] = defaultdict(list)
    for job in stages.jobs(benchmarks):
        found[job.rule].append(job.end - job.start)
    return {rule: statistics.median(seconds) for rule, seconds in found.items()}


def assumed_seconds(job: PlannedJob, gpu: bool, work: Workload) -> float:
    """Seconds of a job according to ASSUMPTIONS."""
    rate = {name: value for name, (value, _) in ASSUMPTIONS.items()}
    train, val, test = work.images
    trains, infers = ("train_gpu", "infer_gpu") if gpu else ("train_cpu", "infer_cpu")
    epoch = work.scale * (train / rate[trains] + val / rate[infers])
    evaluated = work.scale * (val + test)
    precision = PRECISIONS.get(job.wildcards.get("precision", ""))
    scanned, explained = work.scale * min(val, LayerScan.images), work.scale * min(test, Explain.images)
    estimates: dict[str, Callable[[], float]] = {
        "synthesize_hands": lambda: sum(work.images) / rate["rendered"],
        "hagrid_to_yolo": lambda: sum(work.images) / rate["files"],
        "prepare_dataset": lambda: sum(work.images) / rate["files"],
        "train_base": lambda: work.epochs["base"] * epoch,
        "tune_pruned": lambda: work.epochs[job.wildcards["method"]] * epoch,
        "evaluate_model": lambda: evaluated / rate[infers],
        "evaluate_artifact": lambda: evaluated / rate["infer_cpu"],
        # An artifact is timed in turns with the baseline.
        "measure_on_cpu": lambda: 2 * work.timed_frames * 4 * work.scale / rate["infer_cpu"],
        "measure_on_gpu": lambda: 2 * work.timed_frames * 4 * work.scale / rate["infer_gpu"],
        # Each part of a study also measures the unpruned network.
        "scan_layers": lambda: (SCANNED_LAYERS + 1) * scanned / rate[infers],
        "explain_pruning": lambda: (len(Explain.ratios) + 1) * explained / rate[infers],
        "explain_tuning": lambda: work.epochs["fine"] * epoch + 2 * explained / rate[infers],
    }
    if job.rule.startswith("export_"):
        # A quantized file is compared with float32 on val.
        compared = 2 * work.scale * val if precision and precision.quantized else 0
        return rate["start"] + rate["export"] + compared / rate["infer_cpu"]
    return rate["start"] + estimates.get(job.rule, lambda: 0.0)()


@dataclass(frozen=True)
class Stage:
    """The jobs of one rule: their number and hours, whether they use a GPU, and whether the hours were measured."""

    rule: str
    jobs: int
    hours: float
    gpu: bool
    measured: bool


@dataclass(frozen=True)
class Plan:
    """The plan of a run: its stages, the longest chain as (rule, hours), and bytes on disk."""

    stages: list[Stage]
    chain: list[tuple[str, float]]
    disk_bytes: float

    @property
    def gpu_hours(self) -> float:
        """Hours of all GPU jobs together."""
        return sum(stage.hours for stage in self.stages if stage.gpu)

    @property
    def cpu_hours(self) -> float:
        """Hours of all other jobs together."""
        return sum(stage.hours for stage in self.stages if not stage.gpu)


def make(graph: JobGraph, work: Workload, measured: dict[str, float]) -> Plan:
    """Plan the jobs of a graph that are not done yet.

    Args:
        graph: the jobs.
        work: what their time depends on.
        measured: seconds of an earlier job of each rule.
    """
    seconds = {
        number: 0.0 if job.done else measured.get(job.rule) or assumed_seconds(job, graph.uses_gpu(number), work)
        for number, job in graph.jobs.items()
    }
    todo = [number for number, job in graph.jobs.items() if not job.done]
    groups: dict[str, list[int]] = defaultdict(list)
    for number in todo:
        groups[graph.jobs[number].rule].append(number)
    found = [
        Stage(
            rule,
            len(numbers),
            sum(seconds[number] for number in numbers) / 3600,
            any(graph.uses_gpu(number) for number in numbers),
            rule in measured,
        )
        for rule, numbers in groups.items()
    ]
    chain = [(graph.jobs[number].rule, seconds[number] / 3600) for number in longest_chain(graph, seconds)]
    return Plan(found, [link for link in chain if link[1]], _disk(graph, todo, work))


def longest_chain(graph: JobGraph, seconds: dict[int, float]) -> list[int]:
    """The jobs of the chain with the longest time, in order: a run takes at least this long on any number of nodes."""
    ends: dict[int, tuple[float, int | None]] = {}
    for number in _in_order(graph):
        before = max(graph.needs[number], key=lambda other: ends[other][0], default=None)
        ends[number] = (ends[before][0] if before is not None else 0.0) + seconds[number], before
    last: int | None = max(ends, key=lambda number: ends[number][0], default=None)
    chain = []
    while last is not None:
        chain.append(last)
        last = ends[last][1]
    return chain[::-1]


def _in_order(graph: JobGraph) -> list[int]:
    """Job numbers, each after those that it depends on."""
    waiting = {number: set(needs) for number, needs in graph.needs.items()}
    waited_by: dict[int, list[int]] = defaultdict(list)
    for number, needs in waiting.items():
        for other in needs:
            waited_by[other].append(number)
    ready, order = [number for number, needs in waiting.items() if not needs], []
    while ready:
        order.append(number := ready.pop())
        for later in waited_by[number]:
            waiting[later].discard(number)
            if not waiting[later]:
                ready.append(later)
    return order


def _disk(graph: JobGraph, todo: list[int], work: Workload) -> float:
    rules = Counter(graph.jobs[number].rule for number in todo)
    trained = rules["train_base"] + rules["tune_pruned"] + rules["explain_tuning"]
    checkpoints = trained + rules["coarse_prune"] + rules["fine_prune"] + rules["import_model"]
    # They keep what they started from.
    checkpoints += rules["explain_tuning"]
    artifacts = sum(count for rule, count in rules.items() if rule.startswith("export_"))
    images = sum(work.images)
    converted = rules["hagrid_to_yolo"] or rules["prepare_dataset"]
    total = checkpoints * _BYTES["checkpoint"] + trained * _BYTES["run"] + artifacts * _BYTES["artifact"]
    total += images * (_BYTES["label"] if converted else 0)
    total += images * (_BYTES["rendered"] if rules["synthesize_hands"] else 0)
    return total + len(todo) * _BYTES["record"]
