#!/usr/bin/env python
"""Show the progress of a run: epoch, accuracy on val and time left of its trainings, and why Slurm jobs wait.

It reads the files that trainings write, so it works on any machine that sees the folder, such as a login node. Waiting
jobs are shown where Slurm is, if they were submitted from the folder in which this starts.
"""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli
from pinch.operations import progress, slurm


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line for each training that has begun, and what waits."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("results", type=Path, help="folder of a run, such as results/demo")
    parser.add_argument("--all", action="store_true", help="also show the trainings that are done")
    parser.add_argument(
        "--watch",
        type=cli.whole,
        metavar="SECONDS",
        help="seconds between two updates of the display; without it, show once",
    )
    arguments = parser.parse_args(argv)
    while True:
        _print(progress.trainings(arguments.results), arguments.all)
        _print_pending(slurm.pending(Path.cwd()))
        if not arguments.watch:
            return
        time.sleep(arguments.watch)


def _print(trainings: list[progress.Training], everything: bool) -> None:
    shown = [training for training in trainings if everything or training.state != "done"]
    done = sum(training.state == "done" for training in trainings)
    print(f"{time.strftime('%H:%M:%S')}  {done} trainings done, {len(trainings) - done} begun")
    if shown:
        print(
            f"{'model':<40} {'state':<8} {'epoch':>9} {'mAP50':>7} {'mAP50-95':>9} {'best':>7} {'left':>8}  last change"
        )
    for training in shown:
        accuracy = [
            "" if value is None else f"{value:.3f}" for value in (training.map50, training.map50_95, training.best)
        ]
        left = "" if training.seconds_left is None else _duration(training.seconds_left)
        print(
            f"{training.model:<40} {training.state:<8} {training.epoch:>4}/{training.epochs:<4} {accuracy[0]:>7}"
            f" {accuracy[1]:>9} {accuracy[2]:>7} {left:>8}  {_duration(training.silent_seconds)} ago"
        )


def _print_pending(jobs: list[slurm.PendingJob]) -> None:
    """One line for each reason to wait, and one for each job that needs help."""
    for reason, count in Counter(job.reason for job in jobs).items():
        print(f"{count} jobs wait in Slurm's queue: {reason}")
    for job in jobs:
        if job.advice:
            print(f"  {job.number} {job.purpose} ({job.reason}): {job.advice}")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


if __name__ == "__main__":
    cli.run(main)
