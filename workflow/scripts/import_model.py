#!/usr/bin/env python
"""Copy a detector that was trained elsewhere, after checking that it fits the data set."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, check and copy."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("model", type=Path, help="checkpoint (.pt) of a detector")
    parser.add_argument("data", type=Path, help="data.yaml of the data set")
    parser.add_argument("output", type=cli.output_file, help="checkpoint to write")
    args = parser.parse_args(argv)

    from pinch.weights import sources

    sources.adopt(args.model, args.data, args.output)


if __name__ == "__main__":
    cli.run(main)
