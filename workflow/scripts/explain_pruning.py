#!/usr/bin/env python
"""Measure what two mistakes cost that make pruning look useless: zeroing DFL's table, and losing masks in tuning."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records
from pinch.core.arguments import add_arguments
from pinch.run.settings.data import General


def main(argv: Sequence[str] | None = None) -> None:
    """Write one sensitivity record: each mistake and the right way, by ratio, without and with tuning."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("model", type=Path, help="checkpoint of a trained detector")
    parser.add_argument("dataset", type=Path, help="data.yaml")
    parser.add_argument("--ratios", type=cli.fraction, nargs="+", default=[0.1, 0.3, 0.5], help="of weights to zero")
    parser.add_argument("--tuning-ratio", type=cli.fraction, default=0.3, help="ratio to tune at")
    parser.add_argument("--epochs", type=int, default=3, help="epochs of tuning; 0: none")
    parser.add_argument("--device", default=General.device, help="of tuning: cpu, gpu, or numbers of GPUs such as 0,1")
    parser.add_argument("--split", choices=["val", "test"], default="test", help="split to measure on")
    add_arguments(parser, General, only=("seed",))
    parser.add_argument("--output", type=cli.output_file, required=True, help="record to write")
    arguments = parser.parse_args(argv)

    from pinch.data import dataset
    from pinch.studies import explain

    result = explain.explain(
        arguments.model,
        arguments.dataset,
        arguments.ratios,
        arguments.tuning_ratio if arguments.epochs else None,
        arguments.split,
        epochs=arguments.epochs,
        device=arguments.device,
        seed=arguments.seed,
    )
    for row in result.rows:
        tuned = "tuned" if row.tuned else "not tuned"
        print(f"{row.variant} {row.ratio:.0%} {tuned}: mAP50-95 {row.map50_95:.3f}, zeros {row.sparsity:.1%}")
    records.write(arguments.output, result, arguments.seed, dataset.load(arguments.dataset).digest)


if __name__ == "__main__":
    cli.run(main)
