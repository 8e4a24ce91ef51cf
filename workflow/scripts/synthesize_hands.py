#!/usr/bin/env python
"""Render a hand-gesture data set in HaGRID's own layout, and a video of a hand changing gestures."""

from collections.abc import Sequence
from pathlib import Path

from pinch import cli


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments and render."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("output", type=Path, help="folder that gets images/ and annotations/")
    parser.add_argument(
        "--images",
        type=int,
        nargs=3,
        default=[60, 12, 12],
        metavar=("TRAIN", "VAL", "TEST"),
        help="pictures per gesture",
    )
    parser.add_argument("--users", type=int, default=40, help="simulated people, each in one split only")
    parser.add_argument("--size", type=int, default=320, help="pixels of the longer side of a picture")
    parser.add_argument("--seed", type=int, default=0, help="other seeds are other people and rooms")
    parser.add_argument("--gestures", nargs="+", help="subset of the ten gestures")
    parser.add_argument("--video", type=cli.output_file, help="also render this video (.mp4)")
    parser.add_argument("--processes", type=int, default=1, help="processes that render")
    args = parser.parse_args(argv)

    from pinch.synthesis import dataset

    gestures = {"gestures": tuple(args.gestures)} if args.gestures else {}
    plan = dataset.Plan(tuple(args.images), args.users, args.size, args.seed, **gestures)
    total = sum(plan.images) * len(plan.gestures)
    for done in dataset.synthesize(plan, args.output, args.processes):
        if done % 200 == 0 or done == total:
            print(f"{done} of {total} pictures", flush=True)
    if args.video:
        dataset.film(plan, args.video)


if __name__ == "__main__":
    cli.run(main)
