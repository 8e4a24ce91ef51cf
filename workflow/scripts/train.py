#!/usr/bin/env python
"""Train a detector, or fine-tune a trained or pruned one."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records
from pinch.core.arguments import add_arguments, from_arguments
from pinch.operations import pausing
from pinch.run.identity import METHODS
from pinch.run.settings.data import General
from pinch.run.settings.training import BaseActivation, Batches, CoarseTuning, ImageSize, Loading, Start, Training


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
    parser.add_argument(
        "--as-after",
        choices=METHODS,
        help="tune a base that is not pruned as after this pruning: its twin, to compare pruned models with",
    )
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
    add_arguments(parser, BaseActivation)
    parser.add_argument("--device", default=General.device, help="cpu, gpu, or numbers of GPUs such as 0,1")
    parser.add_argument("--gpus", type=int, default=1, help="with --device gpu: number of GPUs")
    cli.add_stage_to(parser)
    add_arguments(parser, Loading)
    add_arguments(parser, General, only=("seed",))
    parser.add_argument(
        "--distill", type=Path, metavar="TEACHER", help="also learn from the features of this checkpoint"
    )
    parser.add_argument(
        "--gradual-from",
        type=Path,
        metavar="DENSE",
        help="the model from which the base was pruned: start from it, and zero its weights gradually or, with --steps,"
        " remove its channels in steps",
    )
    add_arguments(parser, CoarseTuning, only=("steps",))
    parser.add_argument("--record", type=cli.output_file, help="write a training record")
    arguments = parser.parse_args(argv)

    from pinch.data import dataset
    from pinch.weights.training.fit import train
    from pinch.weights.training.request import Request

    request = from_arguments(
        Request,
        arguments,
        name=arguments.name,
        data=arguments.dataset,
        project=arguments.project,
        base=arguments.base_model,
        imgsz=arguments.imgsz,
        pruned=arguments.pruned_model,
        as_after=arguments.as_after,
        resume=arguments.resume,
        device=arguments.device,
        gpus=arguments.gpus,
        stage_to=arguments.stage_to,
        seed=arguments.seed,
        teacher=arguments.distill,
        dense=arguments.gradual_from,
        steps=arguments.steps,
    )
    with pausing.before_deadline() if arguments.resume else contextlib.nullcontext():
        result = train(request)
    if arguments.record:
        records.write(arguments.record, result, arguments.seed, dataset.load(arguments.dataset).digest)


if __name__ == "__main__":
    cli.run(main)
