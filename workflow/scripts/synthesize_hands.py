#!/usr/bin/env python
"""Render a hand-gesture data set in HaGRID's layout, and a video of a hand that goes through the gestures."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli
from pinch.core.arguments import add_arguments, from_arguments
from pinch.run.settings.data import Synthetic


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments and render."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("output", type=Path, help="folder that gets images/ and annotations/")
    add_arguments(parser, Synthetic)
    parser.add_argument("--gestures", nargs="+", help="gestures to render (default: all ten)")
    parser.add_argument("--video", type=cli.output_file, help="also render this video (.mp4)")
    parser.add_argument("--processes", type=cli.whole, default=1, help="number of processes")
    args = parser.parse_args(argv)

    from pinch.data.synthesis import dataset

    gestures = {"gestures": tuple(args.gestures)} if args.gestures else {}
    settings = from_arguments(dataset.SynthesisSettings, args, **gestures)
    total = sum(settings.images) * len(settings.gestures)
    for done in dataset.synthesize(settings, args.output, args.processes):
        if done % 200 == 0 or done == total:
            print(f"{done} of {total} images", flush=True)
    if args.video:
        dataset.film(settings, args.video)


if __name__ == "__main__":
    cli.run(main)
