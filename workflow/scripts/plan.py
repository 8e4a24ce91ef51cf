#!/usr/bin/env python
"""Estimate what a run needs before anything is submitted: jobs, GPU hours, the longest chain, disk.

Options that this command does not know go to Snakemake, such as targets or --forcerun train_base.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pinch.core import cli, records, schema
from pinch.core.errors import PinchError
from pinch.core.record_types.data import DatasetRecord
from pinch.core.yaml_files import read_yaml
from pinch.data.hagrid import source
from pinch.operations import plan

ROOT = Path(__file__).resolve().parents[2]
# Images per gesture in train, val and test, rounded, from HaGRID's readme (v2-1M: 821,458, 99,200 and 165,500 for 33).
HAGRID_PER_CLASS = (24900, 3000, 5000)


def main(argv: Sequence[str] | None = None) -> None:
    """Print a plan."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("--configfile", type=Path, default=ROOT / "config/config.yaml", help="configuration of the run")
    parser.add_argument(
        "--results", type=Path, help="folder of a run whose jobs tell how long jobs take (default: results/<name>)"
    )
    arguments, others = parser.parse_known_args(argv)
    config = _configuration(arguments.configfile)
    results = Path("results") / config["name"]
    measured = plan.measured_seconds((arguments.results or results) / "benchmarks")
    work = _workload(config, results)
    _print(plan.make(plan.parse_dag(_dag(arguments.configfile, others)), work, measured), work)


def _configuration(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise PinchError(f"{path} does not exist: name a configuration with --configfile")
    config = read_yaml(path)
    schema.validate(config, schema.load(str(ROOT / "workflow/schemas/config.schema.yaml")))
    return config


def _dag(configfile: Path, others: list[str]) -> str:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--dag", "--quiet"]
    command += ["--rerun-triggers", "mtime", "params", "input", "--configfile", str(configfile), *others]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise PinchError(f"Snakemake cannot plan this run: {done.stderr.strip()[-1000:]}")
    return done.stdout


def _workload(config: dict[str, Any], results: Path) -> plan.Workload:
    measure = config["measure"]
    return plan.Workload(
        images=_images(config, results),
        epochs={"base": config["train"]["epochs"]} | {m: config[m]["epochs"] for m in ("coarse", "fine")},
        imgsz=config["train"]["imgsz"],
        timed_frames=measure["rounds"] * (measure["frames"] + measure["warmup"]),
    )


def _images(config: dict[str, Any], results: Path) -> tuple[int, int, int]:
    """Images of train, val and test, from the record of the data set or, without one, from the configuration."""
    hagrid = config["hagrid"]
    classes = len(source.expected_classes(hagrid["targets"], "gestures", hagrid["annotations"]))
    try:
        splits = records.read(results / "records/dataset.json", DatasetRecord).value.splits
    except PinchError:  # not there, being replaced, or of an earlier version
        splits = {}
    if splits:
        found = [splits[split].images if split in splits else 0 for split in ("train", "val", "test")]
    elif config["synthetic"] and not config["dataset"]:
        found = [count * classes for count in config["synthetic"]["images"]]
    else:
        limit = config["hagrid"]["limit"]
        found = [classes * (min(count, limit) if limit else count) for count in HAGRID_PER_CLASS]
    return found[0], found[1], found[2]


def _print(made: plan.Plan, work: plan.Workload) -> None:
    print(f"{'rule':<20} {'jobs':>6} {'hours':>9} {'GPU hours':>10}  from")
    for stage in made.stages:
        gpu = f"{stage.hours:.1f}" if stage.gpu else ""
        source = "earlier jobs" if stage.measured else "assumptions"
        print(f"{stage.rule:<20} {stage.jobs:>6} {stage.hours:>9.1f} {gpu:>10}  {source}")
    jobs = sum(stage.jobs for stage in made.stages)
    print(f"{'total':<20} {jobs:>6} {made.cpu_hours + made.gpu_hours:>9.1f} {made.gpu_hours:>10.1f}\n")
    links = [f"{rule} {hours:.1f} h" for rule, hours in made.chain if hours >= 0.05]
    print(f"Longest chain: {sum(hours for _, hours in made.chain):.1f} hours ({', '.join(links) or 'minutes each'})")
    folder = Path("results") if Path("results").exists() else Path()
    free = shutil.disk_usage(folder).free
    print(f"Disk: {made.disk_bytes / 1e9:.1f} GB needed besides the user's own images, {free / 1e9:.0f} GB free here")
    train, val, test = work.images
    print(f"Images: {train} train, {val} val, {test} test, at {work.imgsz} pixels")
    if not all(stage.measured for stage in made.stages):
        print("Assumptions:")
        for value, meaning in plan.ASSUMPTIONS.values():
            print(f"  {value:g} {meaning}")
    if made.disk_bytes > free:
        raise PinchError(
            f"the disk has {free / 1e9:.0f} GB free, but this run needs {made.disk_bytes / 1e9:.0f} GB: free some"
        )


if __name__ == "__main__":
    cli.run(main, starts_snakemake=True)
