#!/usr/bin/env python
"""Gather the records of a run into tables/*.csv."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments, gather, write the tables."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("results", type=Path, help="folder of a run, results/<name>")
    parser.add_argument(
        "--partial", action="store_true", help="make the tables without the missing records, and list those"
    )
    arguments = parser.parse_args(argv)
    from pinch.tables import gathering

    gathered = gathering.gather(arguments.results, arguments.partial)
    for name, table in gathered.tables.items():
        gathering.write(arguments.results, name, table)
    rows = ", ".join(f"{len(gathered.tables[name])} {name}" for name in ("models", "artifacts", "inference"))
    print(f"{arguments.results}/tables: {rows}")
    for row in gathered.missing:
        print(f"missing in {row['table']}: {row['row']} ({row['record']}: {row['reason']})")


if __name__ == "__main__":
    cli.run(main)
