#!/usr/bin/env python
"""Estimate what a run needs before anything is submitted: jobs, hours, GPU hours, the longest chain, disk.

It warns where a job is expected to take more than half of the time, or more memory, than it asks for. Options that this
command does not know go to Snakemake, such as targets or --forcerun train_base.
"""

import contextlib
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pinch.core import cli
from pinch.core.errors import PinchError

ROOT = Path(__file__).resolve().parents[2]


def main(argv: Sequence[str] | None = None) -> None:
    """Print a plan."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("--configfile", type=Path, default=ROOT / "config/config.yaml", help="configuration of the run")
    parser.add_argument(
        "--profile", type=Path, default=ROOT / "profiles/slurm", help="profile that says what jobs ask for"
    )
    arguments, others = parser.parse_known_args(argv)
    if not arguments.configfile.is_file():
        raise PinchError(f"{arguments.configfile} does not exist: name a configuration with --configfile")
    found = workflow(["--profile", str(arguments.profile), "--configfile", str(arguments.configfile), *others])

    from pinch.operations import plan, rates

    requests = found.globals["REQUESTS"]
    work = requests.work()
    _print(plan.make(jobs(found), requests, work), work, rates.ASSUMPTIONS)


def jobs(found: Any) -> dict[int, Any]:
    """The jobs of a Snakemake workflow, by numbers: `pinch.operations.plan.PlannedJob`."""
    from pinch.operations.plan import PlannedJob
    from pinch.operations.rates import Job

    numbers = {job: number for number, job in enumerate(found.dag.jobs)}
    return {
        number: PlannedJob(
            Job(job.rule.name, dict(job.wildcards_dict), bool(job.resources.get("gpu")), job.threads),
            done=not found.dag.needrun(job),
            minutes=job.resources.get("runtime"),
            memory_mb=job.resources.get("mem_mb"),
            needs=frozenset(numbers[other] for other in found.dag.dependencies[job]),
        )
        for job, number in numbers.items()
    }


def workflow(arguments: list[str]) -> Any:
    """Snakemake's workflow, called with these arguments, after it has found out which jobs there are.

    Raises:
        PinchError: it cannot.
    """
    from snakemake import cli as snakemake
    from snakemake.workflow import Workflow

    found: list[Any] = []
    show = Workflow.printdag
    # What `--dag` would print is taken as it is: the text has neither all wildcards nor what jobs ask for.
    Workflow.printdag = lambda workflow: (show(workflow), found.append(workflow))
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
        fixed = [
            "--dag",
            "--quiet",
            "--rerun-triggers",
            "mtime",
            "params",
            "input",
            "--snakefile",
            str(ROOT / "Snakefile"),
        ]
        snakemake.main([*fixed, *arguments])
    if not found:
        raise PinchError(f"Snakemake cannot plan this run: {said.getvalue().strip()[-1000:]}")
    return found[0]


def _print(made: Any, work: Any, assumptions: Any) -> None:
    head = f"{'rule':<18} {'jobs':>6} {'hours':>8} {'GPU hours':>9}"
    print(f"{head} {'threads':>7} {'MB':>7} {'longest':>8} {'asked':>6}")
    for stage in made.stages:
        gpu = f"{stage.hours:.1f}" if stage.gpu else ""
        print(
            f"{stage.rule:<18} {stage.jobs:>6} {stage.hours:>8.1f} {gpu:>9} {stage.threads:>7}"
            f" {stage.memory_mb or '':>7} {stage.longest:>8.0f} {stage.minutes or '':>6}"
            f"  {'from earlier jobs' if stage.measured else ''}".rstrip()
        )
    jobs = sum(stage.jobs for stage in made.stages)
    print(f"{'total':<18} {jobs:>6} {made.cpu_hours + made.gpu_hours:>8.1f} {made.gpu_hours:>9.1f}")
    print(
        "Threads, MB of memory and minutes (asked) are the most that a job of the rule asks for at its first attempt."
    )
    print("Longest are the minutes that a job is expected to take; a training may take several submissions.\n")
    links = [f"{rule} {hours:.1f} h" for rule, hours in made.chain if hours >= 0.05]
    print(f"Longest chain: {sum(hours for _, hours in made.chain):.1f} hours ({', '.join(links) or 'minutes each'})")
    train, val, test = work.images
    print(f"Images: {train} train, {val} val, {test} test, at {work.imgsz} pixels")
    print("Accuracy is measured on {} images of val and {} of test".format(*work.measured))
    if not all(stage.measured for stage in made.stages):
        print("Assumptions:")
        for value, meaning in assumptions.values():
            print(f"  {value:g} {meaning}")
    for warning in made.warnings:
        print(f"Warning: {warning}")
    _require_space(made)


def _require_space(made: Any) -> None:
    """Print what the disk has to hold.

    Raises:
        PinchError: it has no space for that.
    """
    disk = os.statvfs("results" if Path("results").exists() else ".")
    free = disk.f_bavail * disk.f_frsize
    print(f"Disk: {made.disk_bytes / 1e9:.1f} GB needed besides the user's own images, {free / 1e9:.0f} GB free here")
    # Some filesystems have no fixed number of files, and say 0.
    counted = f"{disk.f_favail} may be made here" if disk.f_files else "without a limit here"
    print(f"Files: {made.files} are made, {counted} (a quota may allow less)")
    if made.disk_bytes > free:
        raise PinchError(
            f"the disk has {free / 1e9:.0f} GB free, but this run needs {made.disk_bytes / 1e9:.0f} GB: free some"
        )
    if disk.f_files and made.files > disk.f_favail:
        raise PinchError(
            f"the disk has room for {disk.f_favail} more files, but this run makes {made.files}: remove some, or work "
            "on another filesystem"
        )


if __name__ == "__main__":
    cli.run(main, starts_snakemake=True)
