#!/usr/bin/env python
"""Compute intervals of the accuracy of all files of a run, and of what they keep of others, from their evidence."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records
from pinch.core.arguments import add_arguments
from pinch.run import record_paths
from pinch.run.settings.data import General


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments, compare, write RESULTS/records/intervals.json, and what it rests on beside it."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("results", type=Path, help="folder of a run, results/<name>, whose models were evaluated")
    add_arguments(parser, General, only=("seed",))
    arguments = parser.parse_args(argv)
    from pinch.measuring import resamples
    from pinch.tables import intervals
    from pinch.tables.reading import RunRecords

    found, on_val = intervals.compute(arguments.results, arguments.seed)
    path = arguments.results / record_paths.INTERVALS
    resamples.write(resamples.beside(path), on_val)
    records.write(path, found, arguments.seed, data=RunRecords(arguments.results).data)
    print(f"{path}: {len(found.files)} files, compared with {found.reference}")


if __name__ == "__main__":
    cli.run(main)
