#!/usr/bin/env python
"""Print the main tables of a run, and where its report is."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments, print."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("results", type=Path, help="folder of a run, results/<name>")
    arguments = parser.parse_args(argv)
    from pinch.tables import summary

    print(summary.text(arguments.results))
    report = arguments.results / "report.html"
    print(f"\nTables: {arguments.results}/tables\nReport: {report if report.exists() else 'not made yet'}")


if __name__ == "__main__":
    cli.run(main)
