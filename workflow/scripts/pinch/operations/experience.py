"""How long jobs took on this machine or cluster, relative to the assumptions of `pinch.operations.rates`.

A run leaves its workload (in manifest.json), the times of its jobs (`benchmarks/`) and, for trainings, which may end
early or go on in another job, their records. A job of another size is then expected to take longer by the same factor.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.files import read_json
from pinch.core.record_types.data import DatasetRecord
from pinch.core.record_types.weights import TrainingRecord
from pinch.operations import rates, workload
from pinch.operations.rates import Job
from pinch.operations.workload import Workload
from pinch.run import record_paths
from pinch.run.identity import METHODS, RIVALS, Model, parse_model
from pinch.tables import stages

# Where starting takes most of a job's time, the time says nothing about larger data.
_LONG = 300
_KEY = "workload"


@dataclass(frozen=True)
class Seen:
    """A job that ran: what it was, the work of its run, and its seconds."""

    job: Job
    work: Workload
    seconds: float


def noted(config: Mapping[str, Any]) -> dict[str, Any]:
    """What manifest.json says of a run's work; the number of images is in the record of the data set."""
    return {_KEY: workload.settings(config) | {"device": config["device"]}}


class Experience:
    """The factors by which jobs took longer than assumed."""

    def __init__(self, seen: Sequence[Seen] = ()) -> None:
        """Take jobs that ran."""
        self._seen = seen
        self._factors: dict[tuple[Any, ...], float | None] = {}

    @classmethod
    def read(cls, results: Path, on_slurm: bool) -> "Experience":
        """What the runs of a folder `results` left, of those that ran on Slurm or of those that did not."""
        return cls([seen for run in sorted(results.glob("*/manifest.json")) for seen in _jobs(run.parent, on_slurm)])

    def factor(self, job: Job, work: Workload) -> float | None:
        """How much longer than assumed a job is expected to take; None if no earlier job tells."""
        key = (job.rule, job.gpu, job.threads, work.images)
        if key not in self._factors:
            ratios = [
                seen.seconds / rates.seconds(replace(seen.job, threads=job.threads), seen.work)
                for seen in self._seen
                if (seen.job.rule, seen.job.gpu) == (job.rule, job.gpu)
                and (seen.seconds >= _LONG or 2 * sum(seen.work.images) >= sum(work.images))
            ]
            self._factors[key] = statistics.median(ratios) if ratios else None
        return self._factors[key]


def _jobs(run: Path, on_slurm: bool) -> Iterator[Seen]:
    try:
        settings = read_json(run / "manifest.json")[_KEY]
        on_gpu = settings.pop("device") == "gpu"
        record = run / record_paths.DATASET
        images, classes = workload.recorded(record) or ((0, 0, 0), 0)
        work = Workload(images=images, classes=classes, **settings)
        if not classes or bool(records.read(record, DatasetRecord).provenance.slurm) != on_slurm:
            return
    except (PinchError, KeyError, TypeError, AttributeError):  # of an earlier version, or not as far
        return
    yield from _trainings(run, work, on_gpu)
    for done in stages.jobs(run / "benchmarks"):
        if done.rule not in rates.TRAININGS:
            gpu = done.rule in rates.GPU_ONLY or (on_gpu and done.rule in rates.ON_DEVICE)
            yield Seen(Job(done.rule, _wildcards(done.rule, done.name), gpu), work, done.end - done.start)


def _trainings(run: Path, work: Workload, gpu: bool) -> Iterator[Seen]:
    for path in sorted((run / "records/training").glob("*.json")):
        try:
            record, made = records.read(path, TrainingRecord)
        except PinchError:
            continue
        job = _training(run.name, record, made.seed, gpu)
        # The record of a twin stays when the run is configured to have none.
        if job.rule != "tune_base" or "twin" in work.epochs:
            yield Seen(job, work, record.seconds / record.epochs_run * record.epochs_requested)


def _training(name: str, record: TrainingRecord, seed: int | None, gpu: bool) -> Job:
    """The job of a training of the run `name`, with this seed."""
    if record.model in [str(Model(name, tuned=True, seed=of)) for of in (None, seed)]:
        return Job("tune_base", gpu=gpu)
    if record.model == name:
        return Job("train_base", gpu=gpu)
    model = parse_model(record.model)
    if model.method in RIVALS:
        return Job("tune_rival", {"rival": model.method, "amount": str(model.imgsz or "")}, gpu)
    return Job("tune_pruned", {"method": model.method}, gpu) if model.method in METHODS else Job("train_base", gpu=gpu)


def _wildcards(rule: str, name: str) -> dict[str, str]:
    """Wildcards on which a job's time depends, by the name of its benchmark file."""
    if rule.startswith("export_"):
        stem, _, precision = name.rpartition("_")
        return {"stem": stem, "precision": precision}
    if rule in ("evaluate_model", "evaluate_artifact"):
        return {rule.removeprefix("evaluate_"): name}
    return {}
