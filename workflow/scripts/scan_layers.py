#!/usr/bin/env python
"""Prune each layer alone and measure the accuracy lost on val, without tuning.

The workflow measures each ratio in a job of its own and gathers their records (gather_study.py). With several ratios,
this command measures them one after another and writes the same record.
"""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records
from pinch.core.arguments import add_arguments, from_arguments
from pinch.run.settings.data import General
from pinch.run.settings.measuring import Runtime
from pinch.run.settings.pruning import LayerScan
from pinch.run.settings.training import Batches, ImageSize


def main(argv: Sequence[str] | None = None) -> None:
    """Write one sensitivity record with a row for each layer and ratio."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("model", type=Path, help="checkpoint of a trained detector")
    parser.add_argument("dataset", type=Path, help="data.yaml")
    parser.add_argument(
        "--method", choices=["coarse", "fine"], default="coarse", help="remove channels or zero weights"
    )
    add_arguments(parser, LayerScan)
    add_arguments(parser, ImageSize, unset={"imgsz": "the model's"})
    add_arguments(parser, Batches)
    add_arguments(parser, Runtime)
    add_arguments(parser, General, only=("seed",))
    parser.add_argument("--output", type=cli.output_file, required=True, help="record to write")
    arguments = parser.parse_args(argv)

    from pinch.data import dataset
    from pinch.studies import layer_scan
    from pinch.studies.validation import Conditions

    conditions = from_arguments(
        Conditions, arguments, images=arguments.images, imgsz=arguments.imgsz, seed=arguments.seed
    )
    result = layer_scan.scan(arguments.model, arguments.dataset, arguments.method, arguments.ratios, conditions)
    records.write(arguments.output, result, arguments.seed, dataset.load(arguments.dataset).digest)


if __name__ == "__main__":
    cli.run(main)
