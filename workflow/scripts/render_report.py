#!/usr/bin/env python
"""Fill in the report's captions with a run's numbers and write its tables and sections as HTML."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli
from pinch.report import contents


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments, write captions, tables and pages."""
    optional = [item.path for item in contents.ITEMS if item.optional]
    parser = cli.parser(__doc__ or "")
    parser.add_argument("results", type=Path, help="folder of a run, results/<name>, after plot_results.py")
    parser.add_argument("--optional", nargs="*", default=[], choices=optional, help="optional plots that this run has")
    arguments = parser.parse_args(argv)
    from pinch.report import captions, pages, partial

    written = captions.render(arguments.results, tuple(arguments.optional))
    written += pages.render(arguments.results, tuple(arguments.optional))
    partial.remove(arguments.results)
    print(f"{arguments.results}: {len(written)} captions, tables and pages")


if __name__ == "__main__":
    cli.run(main)
