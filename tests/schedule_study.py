"""The study of schedules on one machine: many short trainings at once, without Snakemake.

    python tests/schedule_study.py DATA BASE FOLDER [--processes 8] [--minutes 8] [--epochs 24] [--seeds 1 2]
    python tests/schedule_study.py DATA BASE FOLDER --device cpu --processes 2 --plateau 5 --runs twin_1 coarse50_1

Trains BASE on to its plateau on DATA (a data.yaml), and from there, with as many epochs each and for each seed: its
twin; coarse pruning of 50% and 70% at once, in three steps, with the first seed's twin or the base as a teacher, and to
multiples of 8 channels; and fine pruning of 90% at once and gradually. Then the rivals of pruning: the base at smaller
image sizes, a narrower network and one with fewer blocks. Then with ReLU and with hardswish in place of SiLU: the twin,
and coarse pruning of 50% at once and in three steps. Then with less augmentation in size: the twin, and coarse pruning
without a teacher, with the first seed's twin as one, and at once and in three steps with the first seed's twin that had
as little augmentation. Every training also averages its last epochs' weights. FOLDER gets the models, their logs
and results.csv with a row for each. A second call continues with what is there. When the minutes are over, trainings
pause, and results.csv has what is finished.

It needs PyTorch, Ultralytics, torch-pruning, pandas, scipy, psutil, PyYAML, matplotlib, OpenCV and nvidia-ml-py.
"""

import argparse
import csv
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "workflow/scripts"
sys.path.insert(0, str(SCRIPTS))

from pinch.core import records  # noqa: E402
from pinch.core.environment import DEADLINE  # noqa: E402
from pinch.core.record_types.measurements import AccuracyRecord  # noqa: E402
from pinch.core.record_types.weights import TrainingRecord  # noqa: E402
from pinch.run.identity import METHODS, RIVALS  # noqa: E402
from pinch.run.rivals import rival_of  # noqa: E402
from pinch.run.settings.pruning import CoarsePruning  # noqa: E402
from pinch.weights.training import schedules  # noqa: E402

COLUMNS = ["run", "method", "ratio", "round_to", "schedule", "teacher", "activation", "scale"]
COLUMNS += ["imgsz", "seed", "epochs", "seconds", "parameters", "macs"]
COLUMNS += ["val_map50_95", "test_map50_95", "best_epoch", "best_epoch_val_map50_95"]
COLUMNS += ["averaged_val_map50_95", "averaged_kept"]
# Epochs at the end of each training whose weights are averaged, or fewer where pruning leaves fewer.
AVERAGED = 5
# Of iterative pruning.
STEPS = 3
# Multiples of channels besides those of the default.
OTHER_MULTIPLES = 8
# The random change of size of training images, Ultralytics' `scale`, besides its default of 0.5.
OTHER_SCALE = 0.25
# Shares of the image's side, of the width and of the blocks that rivals have.
RIVAL_SHARES = {"size": (0.8, 0.6), "width": (0.5,), "depth": (0.5,)}


@dataclass
class Job:
    """One command.

    Attributes:
        name: of its log.
        command: the command's name and arguments.
        output: the file that it writes.
        after: outputs of other jobs that it needs.
        row: what results.csv says of a run besides measurements; empty if the job ends none.
        model: a further file that it writes.
    """

    name: str
    command: list
    output: Path
    after: list[Path] = field(default_factory=list)
    row: dict = field(default_factory=dict)
    model: Path | None = None


class Plan:
    """All jobs, the most important first."""

    def __init__(self, data, base, folder, arguments):
        self.data, self.folder, self.arguments = data, folder, arguments
        self.jobs = []
        self.base = self.train("base", ["--base-model", base], 1)
        first = arguments.seeds[0]
        for seed in arguments.seeds:
            if seed == first:
                self.twin(seed)
            for percent in (50, 70):
                self.coarse(percent, seed)
                self.coarse(percent, seed, steps=STEPS)
            self.fine(seed)
        teacher = self.folder / f"twin_{first}.pt"
        for seed in arguments.seeds:
            if seed != first:
                self.twin(seed)
            self.coarse(50, seed, teacher=teacher)
            self.coarse(70, seed, teacher=teacher)
            self.fine(seed, gradual=True)
            self.coarse(50, seed, steps=STEPS, teacher=teacher)
        for seed in arguments.seeds:
            for percent in (50, 70):
                self.coarse(percent, seed, round_to=OTHER_MULTIPLES)
                self.coarse(percent, seed, teacher=self.base)
        for seed in arguments.seeds:
            for kind, shares in RIVAL_SHARES.items():
                for left in shares if kind != "size" else self.smaller(shares):
                    self.rival(kind, left, seed)
        for seed in arguments.seeds:
            for activation in ("relu", "hardswish"):
                self.twin(seed, activation)
                for steps in (1, STEPS):
                    self.coarse(50, seed, steps, activation=activation)
        alike = self.folder / f"twin_{named_scale(OTHER_SCALE)}_{first}.pt"
        for seed in arguments.seeds:
            self.twin(seed, scale=OTHER_SCALE)
            for percent in (50, 70):
                for known in (None, teacher, alike):
                    self.coarse(percent, seed, teacher=known, scale=OTHER_SCALE)
                self.coarse(percent, seed, STEPS, alike, scale=OTHER_SCALE)

    def twin(self, seed, activation=None, scale=None):
        """The base with as many more epochs as pruned models have."""
        options = ["--base-model", self.base, "--as-after", "coarse"]
        options += ["--activation", activation] if activation else []
        self.train("twin", options, seed, self.base, activation=activation, scale=scale)

    def coarse(
        self, percent, seed, steps=1, teacher=None, activation=None, round_to=CoarsePruning.round_to, scale=None
    ):
        """Channels removed at once, or in steps."""
        suffix = "_".join(filter(None, [named_multiples(round_to), activation, str(seed)]))
        pruned = self.folder / f"pruned_{suffix}" / f"base_coarse_prune_{percent}.pt"
        if not any(job.output == pruned for job in self.jobs):
            command = ["coarse_prune.py", "--model", self.base, "--sparsity", percent / 100, "--output", pruned.parent]
            command += ["--dataset", self.data, "--seed", seed, "--round-to", round_to]
            command += ["--activation", activation] if activation else []
            self.jobs.append(Job(f"coarse_{percent}_{suffix}", command, pruned, [self.base]))
        options = ["--base-model", pruned, "--pruned-model"]
        dense = self.base if steps > 1 else None
        self.train("coarse", options, seed, pruned, percent, dense, steps, teacher, activation, round_to, scale)

    def fine(self, seed, gradual=False):
        """Weights zeroed at once, or gradually."""
        pruned = self.folder / "base_fine_prune_90.pt"
        if not any(job.output == pruned for job in self.jobs):
            command = ["fine_prune.py", "base", "--base-model", self.base]
            command += ["--prune-ratio", 0.9, "--project", self.folder]
            self.jobs.append(Job("fine_90", command, pruned, [self.base]))
        options = ["--base-model", pruned, "--pruned-model"]
        self.train("fine", options, seed, pruned, 90, self.base if gradual else None)

    def smaller(self, shares):
        """Image sizes, multiples of the coarsest scale's stride, that are smaller than the base's."""
        sizes = {round(share * self.arguments.imgsz / 32) * 32 for share in shares}
        return sorted(sizes - {0, self.arguments.imgsz}, reverse=True)

    def rival(self, kind, left, seed):
        """A model that competes with pruned ones: at a smaller image size, narrower, or with fewer blocks."""
        imgsz = self.arguments.imgsz
        made = self.folder / f"{rival_of('base', kind, left, imgsz if kind == 'size' else 1)}.pt"
        if not any(job.output == made for job in self.jobs):
            command = ["make_rival.py", "--model", self.base, f"--{kind}", left, "--imgsz", imgsz]
            command += ["--output", self.folder, "--dataset", self.data]
            self.jobs.append(Job(made.stem, command, made, [self.base]))
        options = ["--base-model", made, "--pruned-model"]
        # The size is part of the model's name.
        size = {"imgsz": left} if kind == "size" else {"percent": round(100 * (1 - left))}
        self.train(kind, options, seed, made, **size)

    def train(
        self,
        kind,
        options,
        seed,
        needed=None,
        percent=0,
        dense=None,
        steps=1,
        teacher=None,
        activation=None,
        round_to=None,
        scale=None,
        imgsz=None,
    ):
        """A training, and the measurement that ends the run. Returns the model."""
        given = self.arguments
        epochs = given.plateau if kind == "base" else given.epochs
        # A narrower network has to begin anew.
        epochs += given.plateau if kind == "width" else 0
        schedule = schedules.chosen(epochs, dense, steps)
        parts = [f"{kind}{percent or imgsz or ''}", activation, schedule.name.replace(" ", "") if dense else ""]
        parts += ["taught" if teacher else ""]
        parts += [f"by_{teacher.stem}" if teacher and teacher.stem != f"twin_{given.seeds[0]}" else ""]
        parts += [named_multiples(round_to), named_scale(scale)]
        name = "_".join(filter(None, [*parts, "" if kind == "base" else str(seed)]))
        imgsz = imgsz or given.imgsz
        model = self.folder / f"{name}.pt"
        command = ["train.py", name, "--project", self.folder, "--dataset", self.data, *options, "--resume"]
        command += ["--gradual-from", dense, *(["--steps", steps] if steps > 1 else [])] if dense else []
        command += ["--epochs", epochs, "--patience", 0, "--average", min(AVERAGED, schedule.left)]
        command += ["--imgsz", imgsz, "--batch", 16]
        # Steps on small images are bound by the launching of kernels, of which mixed precision needs more.
        command += ["--set", "amp=False", *([f"scale={scale}"] if scale else [])]
        command += ["--device", given.device, "--workers", 1, "--seed", seed]
        record = self.training_record(name)
        command += ["--record", record, *(["--distill", teacher] if teacher else [])]
        self.jobs.append(Job(name, command, record, [path for path in (needed, teacher) if path], model=model))
        accuracy = self.folder / "records" / f"{name}_accuracy.json"
        command = ["evaluate.py", model, self.data, "--split", "val", "test", "--output", accuracy]
        command += ["--imgsz", imgsz, "--device", given.device]
        method = kind if kind in (*METHODS, *RIVALS) else "none"
        told = {"run": name, "method": method, "ratio": percent / 100, "round_to": round_to or ""}
        told |= {"schedule": schedule.name, "teacher": teacher.stem if teacher else "", "activation": activation or ""}
        told |= {"scale": scale or "", "imgsz": imgsz, "seed": seed, "epochs": epochs}
        self.jobs.append(Job(f"{name}_accuracy", command, accuracy, [record], told))
        return model

    def wanted(self):
        """The jobs of the runs that are asked for, in the order in which they are named, and what these need."""
        if not self.arguments.runs:
            return self.jobs
        rows = {job.row["run"]: job for job in self.jobs if job.row}
        if unknown := set(self.arguments.runs) - set(rows):
            sys.exit(f"--runs: there is no run {min(unknown)}; --list prints the runs")
        made_by = {job.output: job for job in self.jobs} | {job.model: job for job in self.jobs if job.model}
        jobs = []

        def add(job):
            for path in job.after:
                add(made_by[path])
            if job not in jobs:
                jobs.append(job)

        for name in self.arguments.runs:
            add(rows[name])
        return jobs

    def training_record(self, name):
        """The record of a training."""
        return self.folder / "records" / f"{name}_training.json"

    def row(self, job):
        """The row of a run whose jobs are done."""
        training = records.read(self.training_record(job.row["run"]), TrainingRecord).value
        accuracy = records.read(job.output, AccuracyRecord).value
        return job.row | {
            "seconds": training.seconds,
            "parameters": accuracy.nonzero_parameters,
            "macs": accuracy.macs,
            "val_map50_95": accuracy.splits["val"].map50_95,
            "test_map50_95": accuracy.splits["test"].map50_95,
            "best_epoch": training.best_epoch,
            "best_epoch_val_map50_95": training.curve[training.best_epoch - 1].map50_95,
            "averaged_val_map50_95": training.averaged_map50_95,
            "averaged_kept": training.averaged_epochs,
        }


class Runner:
    """Runs the jobs of a plan, the most important of those that can start first, so many at a time."""

    def __init__(self, plan, processes, ends):
        self.plan, self.ends = plan, ends
        self.waiting = [job for job in plan.wanted() if not job.output.exists()]
        self.lock = threading.Condition()
        self.threads = [threading.Thread(target=self.work) for _ in range(processes)]
        self.failed, self.running = [], 0
        threads = max(1, len(os.sched_getaffinity(0)) // processes)
        # Trainings pause by themselves in time; other commands are short.
        self.environment = os.environ | {"OMP_NUM_THREADS": str(threads), DEADLINE: str(ends)}

    def run(self):
        """Run until all is done, or the time is over."""
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join()

    def next(self):
        """The next job, or None if none will follow."""
        with self.lock:
            while time.time() < self.ends and self.waiting:
                ready = [job for job in self.waiting if all(path.exists() for path in job.after)]
                if ready:
                    self.waiting.remove(ready[0])
                    self.running += 1
                    return ready[0]
                if not self.running:
                    return None  # what the others need has failed
                self.lock.wait(1)
            return None

    def work(self):
        """Run one job after the other."""
        while job := self.next():
            begun = time.time()
            log = self.plan.folder / "logs" / f"{job.name}.log"
            with open(log, "a") as stream:
                command = [sys.executable, str(SCRIPTS / job.command[0]), *map(str, job.command[1:])]
                child = subprocess.Popen(command, stdout=stream, stderr=stream, env=self.environment)
                try:
                    code = child.wait(max(1, self.ends + 20 - time.time()))
                except subprocess.TimeoutExpired:
                    child.terminate()
                    code = child.wait()
            with self.lock:
                self.running -= 1
                paused = code == os.EX_TEMPFAIL
                said = "done" if code == 0 else "paused" if paused else f"failed ({code}): {last_line(log)}"
                print(f"{time.strftime('%H:%M:%S')} {job.name} {said}, {time.time() - begun:.0f} s", flush=True)
                if code == 0 and job.row:
                    write_results(self.plan)
                if code not in (0, os.EX_TEMPFAIL):
                    self.failed.append(job.name)
                self.lock.notify_all()


def named_multiples(round_to):
    """The part of a run's name that tells its multiples of channels, if they are not those of the default."""
    return f"{round_to}ch" if round_to not in (None, CoarsePruning.round_to) else ""


def named_scale(scale):
    """The part of a run's name that tells how much images change their size, if that is not Ultralytics' default."""
    return f"scale{round(100 * scale)}" if scale else ""


def last_line(log):
    """The last line of a log."""
    return (log.read_text().splitlines() or [""])[-1]


def write_results(plan):
    """Write a row for each run that is done."""
    path = plan.folder / "results.csv"
    with open(f"{path}.part", "w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(plan.row(job) for job in plan.jobs if job.row and job.output.exists())
    os.replace(f"{path}.part", path)


def main():
    """Parse the arguments and run the plan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("base", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--plateau", type=int, default=10, help="epochs of the base")
    parser.add_argument("--runs", nargs="+", help="only these, and what they need, in this order")
    parser.add_argument("--imgsz", type=int, default=160)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--device", default="gpu")
    parser.add_argument("--list", action="store_true", help="print the runs in their order and end")
    arguments = parser.parse_args()
    ends = time.time() + 60 * arguments.minutes
    plan = Plan(arguments.data.resolve(), arguments.base.resolve(), arguments.folder.resolve(), arguments)
    if arguments.list:
        print("\n".join(job.row["run"] for job in plan.jobs if job.row))
        return
    for name in ("logs", "records"):
        (plan.folder / name).mkdir(parents=True, exist_ok=True)
    runner = Runner(plan, arguments.processes, ends)
    runner.run()
    write_results(plan)
    print((plan.folder / "results.csv").read_text())
    if runner.failed:
        sys.exit(f"failed: {', '.join(runner.failed)}")


if __name__ == "__main__":
    main()
