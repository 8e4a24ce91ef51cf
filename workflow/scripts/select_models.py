#!/usr/bin/env python
"""Choose which artifact to ship for each device and want, and write the tables selection and output_types."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli
from pinch.run import wants
from pinch.run.comparing import LEAST


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments, choose, write the table."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("results", type=Path, help="folder of a run, results/<name>, after gather.py")
    wants.add_argument(parser)
    arguments = parser.parse_args(argv)
    asked_for = wants.from_arguments(arguments)
    from pinch.tables import output_types, selection

    chosen = output_types.write_choices(arguments.results, asked_for)
    if chosen.empty:
        print(
            "nothing to choose from: no artifact that passed its check is both timed and evaluated, or the base and "
            f"its twin do not reach mAP50-95 {LEAST:g} on val"
        )
    for row in chosen.itertuples():
        print(f"{row.place}, {row.want}: {row.file}: {row.reason}")
    for row in selection.left_out(arguments.results).itertuples():
        print(f"left out: {row.file} {row.failed}")


if __name__ == "__main__":
    cli.run(main)
