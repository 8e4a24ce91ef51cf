#!/usr/bin/env python
"""Make tables, choice, plots and pages of what was measured so far, in RESULTS/partial, and say what is missing.

The workflow does so by itself when it ends with failed jobs.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli
from pinch.run import wants


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments, make the report, print where it is."""
    parser = cli.parser((__doc__ or "").split("\n")[0])
    parser.add_argument("results", type=Path, help="folder of a run, results/<name>")
    parser.add_argument(
        "--reasons",
        action="store_true",
        help="read from standard input, as JSON, why records are missing: for the path of each, in RESULTS, a sentence",
    )
    wants.add_argument(parser)
    arguments = parser.parse_args(argv)
    asked_for = wants.from_arguments(arguments)
    from pinch.report import partial

    reasons = json.load(sys.stdin) if arguments.reasons else {}
    print(partial.make(arguments.results, reasons, asked_for))


if __name__ == "__main__":
    cli.run(main)
