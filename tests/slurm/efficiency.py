#!/usr/bin/env python3
"""How close a tiny sweep on the test Slurm comes to what its jobs allow at best.

    .venv/bin/python tests/slurm/efficiency.py FOLDER

One node has as many slots as this machine has cores, a job takes one (timing takes all), and Snakemake asks for states
every 3 seconds. No scheduler can be faster than the longest chain of jobs, or than all work over the slots, start-up of
jobs included. Prints that bound, the wall time and their ratio, from Slurm's accounts and the run's benchmarks.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "workflow/scripts")]

import plan as planning  # noqa: E402
from pinch.operations import plan, site  # noqa: E402
from pinch.tables import stages  # noqa: E402
from slurm import profile  # noqa: E402
from slurm.cluster import ACCOUNT, Cluster, Nodes  # noqa: E402

SNAKEMAKE = [str(Path(sys.executable).with_name("snakemake")), "--snakefile", str(ROOT / "Snakefile")]
CONFIG = "sweep.yaml"
RATIOS = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
# Every job in the one partition, since its node's cores are the slots.
SITE = {"cpu_partition": "gpu", "gpu_partition": "gpu", "account": ACCOUNT}


def main() -> None:
    """Run the sweep and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="new folder for the Slurm and the run")
    folder = parser.parse_args().folder.absolute()
    slots = os.cpu_count() or 1
    cluster = Cluster(folder / "slurm", (Nodes("gpu", 1, cpus=slots, gpus=slots, memory=1_000_000),))
    run = folder / "run"
    run.mkdir(parents=True)
    cluster.up()
    try:
        begin = time.monotonic()
        sweep(run, cluster)
        wall = time.monotonic() - begin
        submissions = accounts(cluster)
    finally:
        cluster.down()
    work = sum(seconds * cpus for seconds, cpus in submissions) / slots
    chain = longest_chain(run)
    print(f"{len(submissions)} submissions on {slots} slots")
    print(f"work over slots  {work:6.0f} s")
    print(f"longest chain    {chain:6.0f} s")
    print(f"wall time        {wall:6.0f} s = {wall / max(work, chain):.2f} of the larger")


def sweep(folder: Path, cluster: Cluster) -> None:
    """Run the tiny configuration with more ratios through the shipped profile."""
    config = yaml.safe_load((ROOT / "tests/configs/tiny.yaml").read_text())
    config["coarse"]["ratios"] = config["fine"]["ratios"] = RATIOS
    (folder / CONFIG).write_text(yaml.safe_dump(config))
    shipped = profile.for_tests(SITE, folder, cluster.environment)
    command = [*SNAKEMAKE, "--profile", str(shipped), "--configfile", CONFIG]
    environment = cluster.environment | {"OMP_NUM_THREADS": "1", site.VARIABLE: str(shipped / "site.yaml")}
    subprocess.run(command, cwd=folder, env=environment, check=True)


def accounts(cluster: Cluster) -> list[tuple[int, int]]:
    """Seconds and processors of every submission."""
    text = cluster.run("sacct", "-XnP", "--starttime", "now-1day", "-o", "ElapsedRaw,AllocCPUS")
    return [(int(seconds), int(cpus)) for seconds, cpus in (line.split("|") for line in text.splitlines())]


def longest_chain(folder: Path) -> float:
    """Seconds of the longest chain, by the median of each rule's jobs and without their start-up."""
    found = defaultdict(list)
    for job in stages.jobs(folder / "results/tiny/benchmarks"):
        found[job.rule].append(job.end - job.start)
    with contextlib.chdir(folder):
        jobs = planning.jobs(planning.workflow(["--forceall", "--configfile", CONFIG]))
    seconds = {number: statistics.median(found.get(planned.job.rule, [0.0])) for number, planned in jobs.items()}
    return sum(seconds[number] for number in plan.longest_chain(jobs, seconds))


if __name__ == "__main__":
    main()
