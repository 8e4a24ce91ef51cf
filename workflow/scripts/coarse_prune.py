#!/usr/bin/env python
"""Remove whole channels of a detector (structured pruning) and, with --fine-tune, fine-tune the result."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records
from pinch.core.arguments import add_arguments, changed_options, from_arguments
from pinch.core.errors import PinchError
from pinch.run.identity import Model
from pinch.run.settings.data import General
from pinch.run.settings.pruning import CoarsePruning
from pinch.run.settings.training import CoarseTuning, Training
from pinch.weights.pruning import kinds
from pinch.weights.training import schedules


def main(argv: Sequence[str] | None = None) -> None:
    """Write one file: OUTPUT/<name>_coarse_prune_<percent>.pt, with --fine-tune ..._tuned.pt."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("--model", required=True, type=Path, help="checkpoint of a trained detector")
    parser.add_argument("--sparsity", required=True, type=cli.fraction, help="fraction of the channels to remove")
    parser.add_argument("--output", required=True, type=Path, help="folder to write to")
    parser.add_argument("--name", help="name of the model in the file's name (default: that of the checkpoint)")
    parser.add_argument(
        "--dataset", type=Path, help="data.yaml: for fine-tuning, batch-norm statistics, ranking taylor"
    )
    # Options that only some kinds of pruning have are None if they are not given; the kind then uses its default.
    defaults = {name: str(getattr(CoarsePruning, name)) for name in kinds.OPTIONS if name != "scan"}
    add_arguments(parser, CoarsePruning, unset=defaults | {"ranking": "taylor with a data set, else group_norm"})
    parser.add_argument(
        "--sensitivity", dest="scan", type=Path, metavar="SCAN", help="record of scan_layers.py, for that spread"
    )
    add_arguments(parser, General, only=("seed",))
    parser.add_argument("--fine-tune", action="store_true", help="fine-tune on the data set")
    add_arguments(parser, CoarseTuning)
    parser.add_argument(
        "--device", default=General.device, help="of fine-tuning: cpu, gpu, or numbers of GPUs such as 0,1"
    )
    parser.add_argument("--record", type=cli.output_file, help="write a pruning record")
    arguments = parser.parse_args(argv)
    if arguments.fine_tune and not arguments.dataset:
        raise PinchError("--fine-tune needs a data set: add --dataset data.yaml")
    tuning = [option.flag for option in changed_options(CoarseTuning, arguments)]
    if tuning and not arguments.fine_tune:
        raise PinchError(f"{tuning[0]} is for fine-tuning: add --fine-tune, or leave it out")
    dense = arguments.model if arguments.steps > 1 else None
    schedules.require_removal(arguments.steps, arguments.mode)
    schedules.chosen(arguments.epochs, dense, arguments.steps).require_fit(arguments.average)

    pruning = _pruning(arguments)

    from pinch.data import dataset
    from pinch.weights.pruning import coarse

    data = dataset.load(arguments.dataset) if arguments.dataset else None
    name = arguments.name or arguments.model.stem
    model = Model(name, "coarse", arguments.sparsity, arguments.fine_tune)
    output = arguments.output / f"{model}.pt"
    if arguments.fine_tune:
        from pinch.weights.training.fit import tuned_pruning

        result = tuned_pruning(
            lambda path: coarse.prune_file(arguments.model, path, pruning, data),
            output,
            arguments.dataset,
            device=arguments.device,
            seed=arguments.seed,
            dense=dense,
            steps=arguments.steps,
            **vars(from_arguments(Training, arguments)),
        )
    else:
        result = coarse.prune_file(arguments.model, output, pruning, data)
    before, after = vars(result.before), vars(result.after)
    shares = ", ".join(f"{after[key] / before[key]:.1%} of the {key}" for key in ("parameters", "macs"))
    print(f"{output.name}: {shares} of {arguments.model.name}")
    if arguments.record:
        records.write(arguments.record, result, arguments.seed, data.digest if data else None)


def _pruning(arguments: argparse.Namespace) -> kinds.CoarsePruning:
    """The pruning that the arguments describe; with a data set, the default ranking of channels uses it."""
    options = {name: getattr(arguments, name) for name in kinds.OPTIONS}
    if arguments.dataset and arguments.mode == kinds.ChannelRemoval.mode:
        options["ranking"] = options["ranking"] or kinds.Taylor.name
    return kinds.coarse_pruning(arguments.sparsity, arguments.mode, arguments.seed, **options)


if __name__ == "__main__":
    cli.run(main)
