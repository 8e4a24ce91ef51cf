#!/usr/bin/env python
"""Prune single weights of a detector by magnitude (unstructured). It only prunes: train.py --pruned-model tunes."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records
from pinch.core.arguments import add_arguments
from pinch.run.identity import Model
from pinch.run.settings.pruning import FinePruning
from pinch.weights.pruning import kinds


def main(argv: Sequence[str] | None = None) -> None:
    """Write PROJECT/NAME_fine_prune_<percent>.pt."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument(
        "name", help="name of the model, usually the base model's: writes PROJECT/NAME_fine_prune_<percent>.pt"
    )
    parser.add_argument("--base-model", required=True, type=Path, help="checkpoint of a trained detector")
    parser.add_argument("--prune-ratio", required=True, type=cli.fraction, help="fraction of the weights to zero")
    parser.add_argument("--project", required=True, type=Path, help="folder of models")
    parser.add_argument(
        "--dataset", type=Path, help=argparse.SUPPRESS
    )  # accepted because the reference's command has it; pruning by magnitude needs no data
    add_arguments(parser, FinePruning, unset={"scope": f"{FinePruning.scope}, without a pattern"})
    parser.add_argument("--record", type=cli.output_file, help="write a pruning record")
    arguments = parser.parse_args(argv)

    pruning = kinds.fine_pruning(arguments.prune_ratio, arguments.scope, arguments.pattern)

    from pinch.weights.pruning import fine

    model = Model(arguments.name, "fine", arguments.prune_ratio)
    result = fine.prune_file(arguments.base_model, arguments.project / f"{model}.pt", pruning)
    print(f"{model}: {result.sparsity:.2%} of the weights are zero")
    if arguments.record:
        records.write(arguments.record, result)


if __name__ == "__main__":
    cli.run(main)
