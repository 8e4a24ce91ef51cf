#!/usr/bin/env python
"""Draw the plots of a run into plots/*.png."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments, draw."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("results", type=Path, help="folder of a run, results/<name>, after gather.py")
    arguments = parser.parse_args(argv)
    from pinch.report.plots import draw

    for path in draw.draw(arguments.results):
        print(path)


if __name__ == "__main__":
    cli.run(main)
