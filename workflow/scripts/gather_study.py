#!/usr/bin/env python
"""Gather the records of a study's parts into the study's record."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records
from pinch.run.studies import STUDIES


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments, gather, write the record."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("study", choices=STUDIES, help="what scan_layers.py (layers) or explain_pruning.py measured")
    parser.add_argument("parts", nargs="+", type=Path, help="records of its parts, in the order of their rows")
    parser.add_argument("--output", type=cli.output_file, required=True, help="record to write")
    arguments = parser.parse_args(argv)

    from pinch.studies import parts

    study, made = parts.gather(arguments.study, arguments.parts)
    records.write(arguments.output, study, made.seed, made.data)
    print(f"{arguments.output}: {len(arguments.parts)} parts")


if __name__ == "__main__":
    cli.run(main)
