#!/usr/bin/env python
"""Choose which artifact to ship for each device and goal, and write tables/selection.csv."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli
from pinch.core.arguments import add_arguments
from pinch.run.comparing import LEAST
from pinch.run.settings.measuring import Selection


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments, choose, write the table."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("results", type=Path, help="folder of a run, results/<name>, after gather.py")
    add_arguments(parser, Selection)
    arguments = parser.parse_args(argv)
    from pinch.tables import gathering, selection

    chosen = selection.select(arguments.results, arguments.keep)
    gathering.write(arguments.results, "selection", chosen)
    if chosen.empty:
        print(
            "nothing to choose from: no artifact that passed its check is both timed and evaluated, or the base and "
            f"its twin do not reach mAP50-95 {LEAST:g} on val"
        )
    for row in chosen.itertuples():
        print(f"{row.device}, threads: {row.threads}, {row.want}: {row.file}: {row.reason}")
    for row in selection.left_out(arguments.results).itertuples():
        print(f"left out: {row.file} {row.failed}")


if __name__ == "__main__":
    cli.run(main)
