#!/usr/bin/env python
"""Compare the chosen files of a run with its unpruned model: by class, by size of box, and detection by detection."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli
from pinch.core.arguments import add_arguments
from pinch.run.settings.data import General


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments, compare, write the tables classes, sizes_of_boxes, confusion and agreement."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("results", type=Path, help="folder of a run, results/<name>, after select_models.py")
    add_arguments(parser, General, only=("seed",))
    arguments = parser.parse_args(argv)
    from pinch.tables import degradation, gathering

    found = degradation.compute(arguments.results, seed=arguments.seed)
    gathering.write_all(arguments.results, found)
    for row in gathering.rows(found["agreement"]):
        print(f"{row['file']} finds {row['agrees']:.1%} of what {row['reference']} finds")


if __name__ == "__main__":
    cli.run(main)
