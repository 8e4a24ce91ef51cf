#!/usr/bin/env python
"""Make a rival of pruning from a detector: for smaller images, narrower, or with fewer blocks. train.py tunes it."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records
from pinch.core.arguments import add_arguments
from pinch.run.rivals import rival_of
from pinch.run.settings.data import General


def main(argv: Sequence[str] | None = None) -> None:
    """Write one file: OUTPUT/<model>_size_<pixels>.pt, ..._width_<percent>.pt or ..._depth_<percent>.pt."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("--model", required=True, type=Path, help="checkpoint of a trained detector")
    kinds = parser.add_mutually_exclusive_group(required=True)
    kinds.add_argument("--size", type=cli.whole, help="side of the images in pixels, smaller than the model's")
    kinds.add_argument("--width", type=cli.fraction, help="share of the model's width (channels)")
    kinds.add_argument("--depth", type=cli.fraction, help="share of the residual blocks to keep")
    parser.add_argument("--output", required=True, type=Path, help="folder to write to")
    parser.add_argument("--name", help="name of the model in the file's name (default: that of the checkpoint)")
    parser.add_argument("--imgsz", type=cli.whole, help="side of the model's images in pixels (default: as trained)")
    parser.add_argument("--dataset", type=Path, help="data.yaml: needed for --depth, and for batch-norm statistics")
    add_arguments(parser, General, only=("seed",))
    parser.add_argument("--record", type=cli.output_file, help="write a record")
    arguments = parser.parse_args(argv)

    from pinch.data import dataset
    from pinch.weights import checkpoints, rivals

    name = arguments.name or arguments.model.stem
    data = dataset.load(arguments.dataset) if arguments.dataset else None
    if arguments.size:
        whole = arguments.imgsz or checkpoints.load(arguments.model).imgsz
        rival = rival_of(name, "size", arguments.size, whole)
    elif arguments.width:
        rival = rival_of(name, "width", arguments.width)
    else:
        rival = rival_of(name, "depth", arguments.depth)
    output = arguments.output / f"{rival}.pt"
    result = rivals.make_file(arguments.model, output, rival, arguments.imgsz, data, arguments.seed)
    before, after = vars(result.before), vars(result.after)
    shares = ", ".join(f"{after[key] / before[key]:.1%} of the {key}" for key in ("parameters", "macs"))
    print(f"{output.name}: {shares} of {arguments.model.name}")
    if arguments.record:
        records.write(arguments.record, result, arguments.seed, data.digest if data else None)


if __name__ == "__main__":
    cli.run(main)
