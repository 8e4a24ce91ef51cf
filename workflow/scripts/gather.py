#!/usr/bin/env python
"""Gather the records of a run into tables/*.csv."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments, gather, write the tables."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("results", type=Path, help="folder of a run, results/<name>")
    arguments = parser.parse_args(argv)
    from pinch.tables import gathering

    gathered = gathering.gather(arguments.results)
    gathering.write_all(arguments.results, gathered.tables)
    rows = ", ".join(f"{len(gathered.tables[name])} {name}" for name in ("models", "artifacts", "inference"))
    print(f"{arguments.results}/tables: {rows}")


if __name__ == "__main__":
    cli.run(main)
