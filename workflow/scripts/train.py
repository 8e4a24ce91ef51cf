#!/usr/bin/env python
"""Train a detector, or fine-tune a trained or pruned one."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records
from pinch.core.arguments import add_arguments, from_arguments
from pinch.core.errors import PausedError, PinchError
from pinch.operations import slurm
from pinch.run.settings.data import General
from pinch.run.settings.training import Batches, ImageSize, Loading, Start, Training

# Seconds within which Slurm ends a job that it runs again.
_UNTIL_ENDED = 60


def main(argv: Sequence[str] | None = None) -> None:
    """Train PROJECT/NAME.pt."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument(
        "name", help="name of the model: writes PROJECT/NAME.pt, and the run folder PROJECT/NAME beside it"
    )
    parser.add_argument("--dataset", required=True, type=Path, help="data.yaml of a data set in YOLO layout")
    parser.add_argument("--project", required=True, type=Path, help="folder of models")
    add_arguments(parser, Start)
    parser.add_argument("--pruned-model", action="store_true", help="the base model is pruned: keep its pruning")
    again = parser.add_mutually_exclusive_group()
    again.add_argument(
        "--resume",
        action="store_true",
        help="continue an interrupted run of the same request, or reuse the model of a finished one",
    )
    again.add_argument(
        "--fresh", action="store_true", help="train from the beginning and discard an earlier run (the default)"
    )
    add_arguments(parser, Training)
    add_arguments(parser, ImageSize, unset={"imgsz": "the base model's"})
    add_arguments(parser, Batches)
    parser.add_argument("--device", default=General.device, help="cpu, gpu, or numbers of GPUs such as 0,1")
    parser.add_argument("--gpus", type=int, default=1, help="with --device gpu: number of GPUs")
    parser.add_argument(
        "--stage-to",
        metavar="FOLDER",
        type=_folder_on_node,
        help="existing folder on a faster disk (of the node) to which images are copied for the time of training",
    )
    add_arguments(parser, Loading)
    add_arguments(parser, General, only=("seed",))
    parser.add_argument(
        "--distill", type=Path, metavar="TEACHER", help="also learn from the features of this checkpoint"
    )
    parser.add_argument(
        "--gradual-from",
        type=Path,
        metavar="DENSE",
        help="for a fine-pruned base: the model before pruning; start from it and zero its weights gradually",
    )
    parser.add_argument("--record", type=cli.output_file, help="write a training record")
    arguments = parser.parse_args(argv)

    from pinch.data import dataset
    from pinch.weights.training.fit import train
    from pinch.weights.training.request import Request
    from pinch.weights.training.trainer import DEADLINE

    request = from_arguments(
        Request,
        arguments,
        name=arguments.name,
        data=arguments.dataset,
        project=arguments.project,
        base=arguments.base_model,
        imgsz=arguments.imgsz,
        pruned=arguments.pruned_model,
        resume=arguments.resume,
        device=arguments.device,
        gpus=arguments.gpus,
        stage_to=arguments.stage_to,
        seed=arguments.seed,
        teacher=arguments.distill,
        dense=arguments.gradual_from,
    )
    if arguments.resume and (deadline := slurm.deadline()):
        os.environ[DEADLINE] = str(deadline)
    try:
        result = train(request)
    except PausedError as paused:
        _send_again(paused)
        raise
    if arguments.record:
        records.write(arguments.record, result, arguments.seed, dataset.load(arguments.dataset).digest)


def _send_again(paused: PausedError) -> None:
    """Let Slurm run this job again under its own number; its training then resumes."""
    try:
        slurm.requeue()
    except PinchError as error:
        raise PausedError(f"{paused}. Slurm does not run it again ({error}): start the same command again") from error
    print(f"{paused}. Slurm runs it again, and it continues", flush=True)
    time.sleep(_UNTIL_ENDED)


def _folder_on_node(text: str) -> Path | None:
    """A folder whose name may hold environment variables of the node, such as $SLURM_TMPDIR; None if it is empty."""
    return Path(os.path.expandvars(text)) if text else None


if __name__ == "__main__":
    cli.run(main)
