#!/usr/bin/env python
"""Serve a web page that runs a model on an image, a video or the webcam."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli
from pinch.core.arguments import add_arguments
from pinch.run import formats
from pinch.run.settings.measuring import Runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, load the model, serve until Ctrl-C."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "model",
        metavar="MODEL",
        type=Path,
        help=f"checkpoint or exported model ({', '.join(formats.endings())}), made here or by others",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to serve at; 0.0.0.0 opens it to the network")
    parser.add_argument("--port", type=cli.whole, default=7860, help="port to serve at")
    add_arguments(parser, Runtime)
    parser.add_argument(
        "--confidence",
        type=cli.fraction,
        default=None,
        help="lowest score of a box that is shown at first (default: the model's best on val, or 0.25)",
    )
    parser.add_argument(
        "--example", type=_image, nargs="*", default=[], metavar="IMAGE", help="images that the page offers to try"
    )
    arguments = parser.parse_args(argv)

    from pinch.apps import page

    detector = page.Detector(arguments.model, arguments.device, arguments.threads)
    built = page.build(detector, arguments.confidence, arguments.example)
    address = page.launch(built, arguments.host, arguments.port)
    print(f"{arguments.model.name} is at {address} (Ctrl-C ends)", flush=True)
    built.block_thread()


def _image(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no image {text}")
    return path


if __name__ == "__main__":
    cli.run(main)
