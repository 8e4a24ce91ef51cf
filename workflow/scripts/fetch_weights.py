#!/usr/bin/env python
"""Download pretrained weights of Ultralytics by name. No other command uses the network; run it on a login node."""

from collections.abc import Sequence

from pinch.core import cli


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments and download."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("name", help="e.g. yolo11n.pt")
    parser.add_argument("output", type=cli.output_file, help="file to write")
    args = parser.parse_args(argv)

    from pinch.weights import sources

    sources.fetch(args.name, args.output)


if __name__ == "__main__":
    cli.run(main)
