"""Time, processor time and memory of a run's jobs, from the files that Snakemake's `benchmark:` writes.

Snakemake writes `benchmarks/<rule>/<...>.tsv` when a job ends, so a file's modification time is the end of the job, and
its column `s` is the job's duration. From both follow the wall time of a stage, how jobs overlapped, and pauses.
"""

import csv
import os
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

COLUMNS = ["rule", "jobs", "job_seconds", "cpu_seconds", "wall_seconds", "share_seconds", "peak_rss_mb"]
ALL = "all"


@dataclass(frozen=True)
class FinishedJob:
    """One job: start and end in seconds since the epoch, processor seconds and peak memory in MB (None: unknown).

    Its name is that of its benchmark file, and tells its wildcards.
    """

    rule: str
    name: str
    start: float
    end: float
    cpu_seconds: float | None
    peak_rss_mb: float | None


def rows(benchmarks: Path) -> list[dict[str, Any]]:
    """One row per rule, in the order of their first jobs, and a last row (`all`) for the whole run.

    `job_seconds` is the sum over the jobs. `wall_seconds` is the time in which at least one job of the rule ran.
    `share_seconds` divides the wall time equally among the jobs that ran at the same time, so that the shares add up to
    the wall time of `all`, without pauses.
    """
    found = jobs(benchmarks)
    if not found:
        return []
    by_rule: dict[str, list[FinishedJob]] = defaultdict(list)
    for job in found:
        by_rule[job.rule].append(job)
    shares = _shares(found)
    table = [_row(rule, group, shares[rule]) for rule, group in by_rule.items()]
    return [*table, _row(ALL, found, sum(shares.values()))]


def jobs(benchmarks: Path) -> list[FinishedJob]:
    """The jobs of a run, sorted by their start. Files that are no benchmarks, or are being written, are ignored."""
    found = []
    # os.walk passes over folders that are removed meanwhile.
    for path in (Path(folder, name) for folder, _, names in os.walk(benchmarks) for name in names):
        try:
            lines = list(csv.DictReader(path.read_text().splitlines(), delimiter="\t"))
            end = path.stat().st_mtime
        except (OSError, ValueError, csv.Error):
            continue
        seconds = sum(number for line in lines if (number := _number(line.get("s"))) is not None)
        if not lines or "s" not in lines[0]:
            continue
        cpu = [number for line in lines if (number := _number(line.get("cpu_time"))) is not None]
        rss = [number for line in lines if (number := _number(line.get("max_rss"))) is not None]
        rule = path.relative_to(benchmarks).parts[0].removesuffix(".tsv")
        used = sum(cpu) if cpu else None, max(rss) if rss else None
        found.append(FinishedJob(rule, path.stem, end - seconds, end, *used))
    return sorted(found, key=lambda job: job.start)


def _row(rule: str, group: list[FinishedJob], share: float) -> dict[str, Any]:
    cpu = [job.cpu_seconds for job in group if job.cpu_seconds is not None]
    rss = [job.peak_rss_mb for job in group if job.peak_rss_mb is not None]
    return {
        "rule": rule,
        "jobs": len(group),
        "job_seconds": round(sum(job.end - job.start for job in group), 1),
        "cpu_seconds": round(sum(cpu), 1) if cpu else None,
        "wall_seconds": round(sum(_shares([replace(job, rule="") for job in group]).values()), 1),
        "share_seconds": round(share, 1),
        "peak_rss_mb": round(max(rss), 1) if rss else None,
    }


def _shares(found: list[FinishedJob]) -> dict[str, float]:
    """Seconds per rule if the wall time is divided equally among the jobs that ran at the same time."""
    moments = sorted({moment for job in found for moment in (job.start, job.end)})
    running: dict[str, float] = defaultdict(float)
    starts = sorted(found, key=lambda job: job.start)
    active: list[FinishedJob] = []
    for begin, end in pairwise(moments):
        active = [job for job in active if job.end > begin]
        while starts and starts[0].start <= begin:
            active.append(starts.pop(0))
        active = [job for job in active if job.end > begin]
        for job in active:
            running[job.rule] += (end - begin) / len(active)
    return defaultdict(float, running)


def _number(text: str | None) -> float | None:
    """A number of a benchmark file; Snakemake writes "NA" or "-" for a job that was too short to be measured."""
    try:
        return float(text or "")
    except ValueError:
        return None
