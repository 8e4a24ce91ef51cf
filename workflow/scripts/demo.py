#!/usr/bin/env python
"""Serve a web page that runs models on images, videos or the webcam, two beside each other if wanted."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli
from pinch.core.arguments import add_arguments
from pinch.core.errors import PinchError
from pinch.run import formats, predicting
from pinch.run.settings.measuring import Runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, open the models, serve until Ctrl-C."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "models",
        metavar="MODEL",
        type=Path,
        nargs="*",
        help=f"checkpoints or exported models ({', '.join(formats.endings())}), made here or by others",
    )
    parser.add_argument(
        "--results",
        metavar="RUN",
        type=Path,
        help="a run, results/<name>: its exported files are offered, the chosen ones first, and its images and clip",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to serve at; 0.0.0.0 opens it to the network")
    parser.add_argument("--port", type=cli.port, default=7860, help="port to serve at; 0: any free one")
    add_arguments(parser, Runtime)
    parser.add_argument(
        "--confidence",
        type=cli.fraction,
        default=None,
        help="lowest score of a box that is shown at first (default: each model's best on val, or "
        f"{predicting.CONFIDENCE})",
    )
    parser.add_argument(
        "--iou",
        type=cli.fraction,
        default=predicting.IOU,
        help="overlap at first, above which the weaker of two boxes is dropped",
    )
    parser.add_argument(
        "--example",
        type=Path,
        nargs="+",
        default=[],
        metavar="EXAMPLE",
        help="images, folders of images, data.yaml files or a video to begin with (default: those of the model's run)",
    )
    arguments = parser.parse_args(argv)
    if not (arguments.models or arguments.results):
        raise PinchError("there is nothing to show: name a model, or a run with --results results/<name>")

    from pinch.apps import ports
    from pinch.apps.demo import desk, page

    ports.free(arguments.host, arguments.port)  # refused before models are opened
    offered = desk.gather(arguments.models, arguments.results, arguments.example, arguments.device, arguments.threads)
    built = page.build(**vars(offered), confidence=arguments.confidence, iou=arguments.iou)
    address = page.launch(built, arguments.host, arguments.port)
    for line in (*offered.notes, f"{offered.title} is at {address} (Ctrl-C ends)"):
        print(line, flush=True)
    built.block_thread()


if __name__ == "__main__":
    cli.run(main)
