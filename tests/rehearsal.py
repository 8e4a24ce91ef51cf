"""A rehearsal of config/config.yaml on a real Slurm, scaled down, with faults on the way, to the report.

    .venv/bin/python tests/rehearsal.py FOLDER

Takes config/config.yaml as it is, but for fewer ratios, tiny rendered images in HaGRID's layout, one epoch, and the
CPU: Slurm gives its GPUs to the jobs that would have one, and they compute without. A fine-tuning job is killed, and
later Snakemake itself is killed and started again, as after a crash of the login node. Prints what happened as a table.
Takes about half an hour on two processors.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "workflow/scripts")]

from slurm.cluster import Cluster, Nodes, missing  # noqa: E402
from test_slurm import SITE, Run  # noqa: E402

NODES = (Nodes("gpu", 2, cpus=8, gpus=1), Nodes("cpu", 2, cpus=8, memory=16000))
SCALED = {
    "device": "cpu",
    "base_model": str(ROOT / "resources/hands.pt"),
    "train": {"imgsz": 160, "epochs": 1, "batch": 16},
    "evaluate": {"limit": 20},
}
RATIOS = [0.3, 0.5, 0.7]
IMAGES = (8, 4, 4)
ACCOUNTED = "JobID,State,Comment,WorkDir"


def configuration(hagrid):
    """config/config.yaml, scaled down."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    config |= SCALED | {"train": config["train"] | SCALED["train"]}
    config["hagrid"] |= {"images": str(hagrid / "images"), "annotations": str(hagrid / "annotations")}
    for method in ("coarse", "fine"):
        config[method] |= {"ratios": RATIOS, "epochs": 1}
    config["export"] |= {"models": ["base", f"coarse {RATIOS[1]}"], "calibration_images": 4}
    config["measure"] |= {"devices": ["cpu"], "threads": [1, 2], "frames": 6, "rounds": 2, "warmup": 2}
    return config


def make_hagrid(folder, targets):
    """Rendered hands in HaGRID's layout."""
    if not (folder / "annotations/test").is_dir():
        command = [sys.executable, ROOT / "workflow/scripts/synthesize_hands.py", folder, "--gestures", *targets]
        command += ["--images", *map(str, IMAGES), "--users", "10", "--size", "160", "--processes", "2"]
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)


def running(cluster, run, rule):
    """The number of a running job of a rule; None if there is none."""
    for line in cluster.run("squeue", "-h", "-t", "R", "-o", "%i|%k|%Z").splitlines():
        number, comment, folder = line.split("|")
        if folder == str(run.folder) and comment.startswith(f"rule_{rule}"):
            return number
    return None


def wait(process, run, condition):
    """Wait until a condition holds while Snakemake runs, and return what it gave."""
    while not (found := condition()):
        if process.poll() is not None:
            raise SystemExit(f"Snakemake ended with status {process.returncode}:\n{run.output[-4000:]}")
        time.sleep(1)
    return found


def rehearse(cluster, run, tell):
    """The run, with its two faults."""
    report = ["--report", f"results/{run.config['name']}/report.html", "--report-after-run"]
    process = run.start()
    number = wait(process, run, lambda: running(cluster, run, "tune_pruned"))
    cluster.run("scancel", "--signal=KILL", "--batch", number)
    cluster.run("scancel", "--signal=KILL", number)
    tell(f"killed the fine-tuning job {number}")
    artifacts = run.result("artifacts")
    wait(process, run, lambda: artifacts.is_dir() and len(list(artifacts.iterdir())) > 10)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    tell(f"killed Snakemake, with {len(cluster.run('squeue', '-h').splitlines())} jobs in the queue")
    # As docs/cluster.md says: its jobs are cancelled, the folder is unlocked, and the same command starts again.
    cluster.run("scancel", "--state=PENDING", "--me")
    cluster.run("scancel", "--me")
    while cluster.run("squeue", "-h").strip():
        time.sleep(1)
    if run.start("--unlock").wait(120):
        raise SystemExit(run.output[-4000:])
    before = len(run.output)
    if run.start(*report).wait(7200):
        raise SystemExit(f"the second start failed:\n{run.output[-6000:]}")
    done = run.output[before:]
    tell("the second start ended with the report")
    return done


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.absolute()
    if missing():
        raise SystemExit(f"no Slurm here: {', '.join(missing())} missing; tests/slurm/cluster.py install brings it")
    if (folder / "run").exists():
        raise SystemExit(f"{folder}/run is there already: remove it, or choose another folder")
    config = configuration(folder / "hagrid")
    make_hagrid(folder / "hagrid", config["hagrid"]["targets"])
    started = time.monotonic()

    def tell(text):
        print(f"{(time.monotonic() - started) / 60:5.1f} min  {text}", flush=True)

    cluster = Cluster(folder / "slurm", NODES)
    cluster.up()
    try:
        run = Run(cluster, folder / "run", config, site=SITE | {"cpu_minutes": 1440, "gpu_minutes": 1440})
        rehearse(cluster, run, tell)
        accounts = cluster.run("sacct", "-XnPD", "--starttime", "now-1day", "-o", ACCOUNTED).splitlines()
    finally:
        cluster.down()
    states = Counter()
    for line in accounts:
        _, state, comment, work = line.split("|")
        if work == str(run.folder):
            rule = comment.removeprefix("rule_").partition("_wildcards_")[0]
            states[rule, state.split()[0]] += 1
    print("\n| rule | state | Slurm jobs |\n| --- | --- | --- |")
    for (rule, state), count in sorted(states.items()):
        print(f"| {rule} | {state.lower()} | {count} |")
    rows = {
        name: len((run.result(f"tables/{name}.csv")).read_text().splitlines()) - 1
        for name in ("models", "artifacts", "inference", "selection", "chosen")
    }
    print("\nRows of tables:", ", ".join(f"{name} {count}" for name, count in rows.items()))
    print(f"Report: {run.result('report.html')}, {run.result('report.html').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
