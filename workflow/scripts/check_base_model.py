#!/usr/bin/env python
"""Check that a base model is a detector that can be pruned as wanted; if not, fail within seconds and say why."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records
from pinch.core.arguments import add_arguments
from pinch.run.settings.pruning import CoarsePruning, FinePruning
from pinch.run.settings.training import Training
from pinch.weights.pruning import kinds


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, check, write the record."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("base", help="checkpoint (.pt), or a .yaml of Ultralytics")
    parser.add_argument("--output", type=cli.output_file, required=True, help="record to write (.json)")
    parser.add_argument("--trained", action="store_true", help="it is used as it is, so it must detect the classes")
    named = parser.add_mutually_exclusive_group(required=True)
    named.add_argument("--classes", nargs="+", help="names of the classes, in order")
    named.add_argument("--dataset", type=Path, help="data.yaml that names them")
    parser.add_argument("--coarse", nargs="+", type=cli.fraction, default=[], help="shares of channels to remove")
    add_arguments(parser, CoarsePruning, only=("mode",))
    parser.add_argument("--fine", nargs="+", type=cli.fraction, default=[], help="shares of weights to zero")
    add_arguments(parser, FinePruning, unset={"scope": f"{FinePruning.scope}, without a pattern"})
    parser.add_argument(
        "--teachers", nargs="+", type=Path, default=[], help="checkpoints that pruned models learn from"
    )
    add_arguments(parser, Training, only=("options",))
    parser.add_argument("--widths", nargs="+", type=cli.fraction, default=[], help="shares of the width, of rivals")
    parser.add_argument("--depths", nargs="+", type=cli.fraction, default=[], help="shares of the blocks, of rivals")
    arguments = parser.parse_args(argv)

    coarse = [kinds.coarse_pruning(ratio, arguments.mode) for ratio in arguments.coarse]
    fine = [kinds.fine_pruning(ratio, arguments.scope, arguments.pattern) for ratio in arguments.fine]

    from pinch.data import dataset
    from pinch.weights import base_check
    from pinch.weights.training.request import check_options

    classes = arguments.classes or dataset.load(arguments.dataset).names
    for key, value in arguments.options:
        check_options({key: value})
    rivals = arguments.widths, arguments.depths
    found = base_check.check(arguments.base, classes, coarse, fine, arguments.trained, arguments.teachers, *rivals)
    records.write(arguments.output, found)
    print(f"{found.base_model}: {found.parameters:,} parameters, {len(found.classes)} classes")


if __name__ == "__main__":
    cli.run(main)
