#!/usr/bin/env python
"""Remove whole channels of a detector (structured pruning), and fine-tune the result where asked to."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pinch import cli, records
from pinch.errors import PinchError
from pinch.pruning import kinds
from pinch.pruning.activations import ACTIVATIONS
from pinch.run.identity import Model


def main(argv: Sequence[str] | None = None) -> None:
    """Write one file: OUTPUT/<model>_coarse_prune_<percent>.pt, with --fine-tune ..._tuned.pt."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("--model", required=True, type=Path, help="checkpoint of a trained detector")
    parser.add_argument("--sparsity", required=True, type=cli.fraction, help="fraction of the channels to remove")
    parser.add_argument("--output", required=True, type=Path, help="folder to write to")
    parser.add_argument(
        "--dataset", type=Path, help="data.yaml: for fine-tuning, batch-norm statistics, ranking taylor"
    )
    # Options of some kinds only have no default here: what was not given is not there, and the kind has its default.
    parser.add_argument(
        "--mode",
        choices=kinds.MODES,
        default=kinds.ChannelRemoval.mode,
        help="mask: zero the filters of least norm instead, to compare",
    )
    parser.add_argument(
        "--ranking",
        choices=kinds.RANKINGS,
        default=argparse.SUPPRESS,
        help="which channels go (default: by taylor with a data set, else by group_norm)",
    )
    parser.add_argument(
        "--norm",
        type=int,
        choices=[1, 2],
        default=argparse.SUPPRESS,
        help=f"order of the norm, for ln, group_norm and --mode mask (default: {kinds.GroupNorm.norm})",
    )
    parser.add_argument(
        "--spread",
        choices=kinds.SPREADS,
        default=argparse.SUPPRESS,
        help=f"how many go where (default: {kinds.ChannelRemoval.spread.name})",
    )
    parser.add_argument(
        "--macs-limit",
        type=float,
        default=argparse.SUPPRESS,
        help="for global: most MACs left, relative to those of uniform or half the share of channels (the larger; "
        f"default: {kinds.Global.macs_limit})",
    )
    parser.add_argument(
        "--sensitivity",
        dest="scan",
        type=Path,
        metavar="SCAN",
        default=argparse.SUPPRESS,
        help="record of scan_layers.py, for that spread",
    )
    parser.add_argument(
        "--round-to",
        type=int,
        default=argparse.SUPPRESS,
        help=f"widths become multiples of this (default: {kinds.ChannelRemoval.round_to})",
    )
    parser.add_argument(
        "--activation",
        choices=ACTIVATIONS,
        default=argparse.SUPPRESS,
        help=f"in place of SiLU: cheaper, if fine-tuning makes up for it (default: {kinds.ChannelRemoval.activation})",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the choice of training pictures, and of fine-tuning"
    )
    parser.add_argument("--fine-tune", action="store_true", help="fine-tune on the data set")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of fine-tuning at most")
    parser.add_argument("--patience", type=int, default=3, help="stop it after so many epochs without improvement")
    parser.add_argument("--device", default="cpu", help="of fine-tuning: cpu, gpu, or numbers of GPUs such as 0,1")
    parser.add_argument("--record", type=cli.output_file, help="write a pruning record")
    arguments = parser.parse_args(argv)
    if arguments.fine_tune and not arguments.dataset:
        raise PinchError("--fine-tune needs a data set: add --dataset data.yaml")

    pruning = _pruning(arguments)

    from pinch import dataset
    from pinch.pruning import coarse

    data = dataset.load(arguments.dataset) if arguments.dataset else None
    model = Model(arguments.model.stem, "coarse", arguments.sparsity, arguments.fine_tune)
    output = arguments.output / f"{model}.pt"
    if arguments.fine_tune:
        from pinch.training import tuned_pruning

        result = tuned_pruning(
            lambda path: coarse.prune_file(arguments.model, path, pruning, data),
            output,
            arguments.dataset,
            epochs=arguments.epochs,
            patience=arguments.patience,
            device=arguments.device,
            seed=arguments.seed,
        )
    else:
        result = coarse.prune_file(arguments.model, output, pruning, data)
    before, after = result["before"], result["after"]
    shares = ", ".join(f"{after[key] / before[key]:.1%} of the {key}" for key in ("parameters", "macs"))
    print(f"{output.name}: {shares} of {arguments.model.name}")
    if arguments.record:
        records.write(arguments.record, "pruning", result, arguments.seed)


def _pruning(arguments: argparse.Namespace) -> kinds.CoarsePruning:
    """What the arguments describe; with a data set, channels to remove are ranked by it unless they say otherwise."""
    options = {name: getattr(arguments, name, None) for name in kinds.OPTIONS}
    if arguments.dataset and arguments.mode == kinds.ChannelRemoval.mode:
        options["ranking"] = options["ranking"] or kinds.Taylor.name
    return kinds.coarse_pruning(arguments.sparsity, arguments.mode, arguments.seed, **options)


if __name__ == "__main__":
    cli.run(main)
