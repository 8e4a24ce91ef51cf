#!/usr/bin/env python
"""Draw a sheet of pictures in which the chosen files fail to find what the unpruned model of a run finds."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments, draw."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("results", type=Path, help="folder of a run, results/<name>, after compare_chosen.py")
    parser.add_argument("data", metavar="DATA", type=Path, help="data.yaml of its data set")
    parser.add_argument("output", metavar="OUTPUT", type=cli.output_file, help="file to write (.png or .jpg)")
    arguments = parser.parse_args(argv)
    from pinch.data import dataset
    from pinch.report import failures

    count = failures.draw(arguments.results, dataset.load(arguments.data), arguments.output)
    print(f"{arguments.output}: {count} pictures")


if __name__ == "__main__":
    cli.run(main)
