#!/usr/bin/env python
"""Train a detector, or fine-tune a trained or pruned one."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pinch import cli, records
from pinch.errors import PinchError


def main(argv: Sequence[str] | None = None) -> None:
    """Train PROJECT/NAME.pt."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument(
        "name", help="name of the model: writes PROJECT/NAME.pt, and the run folder PROJECT/NAME beside it"
    )
    parser.add_argument("--dataset", required=True, type=Path, help="data.yaml of a data set in YOLO layout")
    parser.add_argument("--project", required=True, type=Path, help="folder of models")
    parser.add_argument(
        "--base-model", default="yolo11n.pt", help="checkpoint to start from, or a .yaml to train from scratch"
    )
    parser.add_argument("--pruned-model", action="store_true", help="the base model is pruned: keep its pruning")
    again = parser.add_mutually_exclusive_group()
    again.add_argument(
        "--resume",
        action="store_true",
        help="go on where an interrupted run of the same request stopped, and take the model of a finished one",
    )
    again.add_argument(
        "--fresh", action="store_true", help="train anew, whatever an earlier run left (as without --resume)"
    )
    parser.add_argument("--epochs", type=int, default=100, help="train at most so many epochs")
    parser.add_argument(
        "--patience", type=int, default=100, help="stop after so many epochs without improvement; 0: never"
    )
    parser.add_argument("--imgsz", type=int, help="image size in pixels (default: the base model's)")
    parser.add_argument("--batch", type=int, default=16, help="images per step")
    parser.add_argument("--device", default="cpu", help="cpu, gpu, or numbers of GPUs such as 0,1")
    parser.add_argument("--gpus", type=int, default=1, help="with --device gpu: train on so many of them")
    parser.add_argument(
        "--stage-to",
        metavar="FOLDER",
        type=_folder_on_node,
        help="copy the pictures to a new folder in this one (a node's own disk) while training",
    )
    parser.add_argument("--workers", type=int, default=8, help="processes that load images (on GPUs)")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random")
    parser.add_argument("--distill", type=Path, metavar="TEACHER", help="learn from this checkpoint's features as well")
    parser.add_argument(
        "--gradual-from",
        type=Path,
        metavar="DENSE",
        help="fine-pruned models: start from this one, unpruned, and zero gradually",
    )
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="Ultralytics' training settings, e.g. lr0=0.002 mosaic=0",
    )
    parser.add_argument("--record", type=cli.output_file, help="write a training record")
    arguments = parser.parse_args(argv)
    settings = dict(_setting(text) for text in arguments.set)

    from pinch.training import Request, train

    request = Request(
        name=arguments.name,
        data=arguments.dataset,
        project=arguments.project,
        base=arguments.base_model,
        pruned=arguments.pruned_model,
        resume=arguments.resume,
        epochs=arguments.epochs,
        patience=arguments.patience,
        imgsz=arguments.imgsz,
        batch=arguments.batch,
        device=arguments.device,
        gpus=arguments.gpus,
        stage_to=arguments.stage_to,
        workers=arguments.workers,
        seed=arguments.seed,
        teacher=arguments.distill,
        dense=arguments.gradual_from,
        settings=settings,
    )
    result = train(request)
    if arguments.record:
        records.write(arguments.record, "training", result, arguments.seed)


def _folder_on_node(text: str) -> Path | None:
    """A folder whose name may hold variables of the node's, such as $SLURM_TMPDIR; nothing where nothing is named."""
    return Path(os.path.expandvars(text)) if text else None


def _setting(text: str) -> tuple[str, Any]:
    import yaml

    key, separator, value = text.partition("=")
    if not separator:
        raise PinchError(f"--set takes KEY=VALUE, not {text!r}")
    return key, yaml.safe_load(value)


if __name__ == "__main__":
    cli.run(main)
