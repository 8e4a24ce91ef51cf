#!/usr/bin/env python
"""Set two runs side by side, and say which differences are larger than noise.

It prints what differs in configuration, versions, hardware and data; then models, files, times and choices. Both runs
may be of one configuration on two processors, before and after a change, or on two data sets.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments, compare, print, write the page and the table."""
    parser = cli.parser((__doc__ or "").split("\n")[0])
    parser.add_argument("a", type=Path, metavar="A", help="folder of a run, results/<name>")
    parser.add_argument("b", type=Path, metavar="B", help="folder of the run that is compared with it")
    parser.add_argument(
        "--output",
        type=_page,
        metavar="FILE.html",
        help="also write everything that was compared as a page, and as a table beside it (FILE.csv)",
    )
    arguments = parser.parse_args(argv)
    from pinch.tables.across import comparison, text

    found = comparison.compare(arguments.a, arguments.b)
    print(text.text(found))
    if arguments.output:
        from pinch.report import across

        print(f"\nPage: {across.write(found, arguments.output)}")


def _page(text: str) -> Path:
    """An argument that names a page, which Pinch may replace like the table beside it."""
    path = cli.output_file(text)
    if path.suffix != ".html":
        raise argparse.ArgumentTypeError(f"{text} is to be a page: give it a name that ends in .html")
    cli.output_file(text.removesuffix(".html") + ".csv")
    return path


if __name__ == "__main__":
    cli.run(main)
