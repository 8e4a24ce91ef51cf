#!/usr/bin/env python
"""Restore the zeros of a fine-pruned model in the model that was tuned from it without masks."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli


def main(argv: Sequence[str] | None = None) -> None:
    """Write the tuned model with its zeros restored."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("pruned", type=Path, help="fine-pruned model before tuning")
    parser.add_argument("tuned", type=Path, help="the same model after tuning")
    parser.add_argument("output", type=cli.output_file, help="where to write the model with its zeros restored")
    arguments = parser.parse_args(argv)

    from pinch.weights.pruning import fine

    measured = fine.reapply(arguments.pruned, arguments.tuned, arguments.output)
    print(f"{arguments.output}: {measured:.2%} of the weights are zero")


if __name__ == "__main__":
    cli.run(main)
