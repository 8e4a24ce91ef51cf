#!/usr/bin/env python
"""Prune each layer alone and measure the accuracy lost on val, without tuning."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records
from pinch.core.arguments import add_arguments
from pinch.run.settings.data import General
from pinch.run.settings.pruning import Sensitivity


def main(argv: Sequence[str] | None = None) -> None:
    """Write one sensitivity record with a row for each layer and ratio."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("model", type=Path, help="checkpoint of a trained detector")
    parser.add_argument("dataset", type=Path, help="data.yaml")
    parser.add_argument(
        "--method", choices=["coarse", "fine"], default="coarse", help="remove channels or zero weights"
    )
    add_arguments(parser, Sensitivity)
    add_arguments(parser, General, only=("seed",))
    parser.add_argument("--output", type=cli.output_file, required=True, help="record to write")
    arguments = parser.parse_args(argv)

    from pinch.data import dataset
    from pinch.studies import layer_scan

    result = layer_scan.scan(
        arguments.model, arguments.dataset, arguments.method, arguments.ratios, arguments.images, arguments.seed
    )
    records.write(arguments.output, result, arguments.seed, dataset.load(arguments.dataset).digest)


if __name__ == "__main__":
    cli.run(main)
