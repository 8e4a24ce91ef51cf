#!/usr/bin/env python
"""Measure the accuracy of a model of any format on splits of a data set."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records
from pinch.core.arguments import add_arguments
from pinch.core.ownership import require_replaceable
from pinch.run.settings.data import General
from pinch.run.settings.exporting import LeanHead
from pinch.run.settings.measuring import Evaluation, Runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, evaluate, write the record."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "model", metavar="MODEL", type=Path, help="checkpoint or exported model, made here or by others"
    )
    parser.add_argument("data", metavar="DATA", type=Path, help="data.yaml of the data set")
    parser.add_argument("--split", nargs="+", default=["test"], choices=["train", "val", "test"], help="splits")
    parser.add_argument(
        "--output",
        type=cli.output_file,
        required=True,
        help="record to write (.json); what was found in each image is written beside it (.npz)",
    )
    parser.add_argument("--imgsz", type=cli.whole, help="side of the images in pixels (default: the model's)")
    add_arguments(parser, Runtime)
    parser.add_argument("--batch", type=cli.whole, default=16, help="images per batch, for checkpoints")
    add_arguments(parser, Evaluation)
    add_arguments(parser, LeanHead)
    add_arguments(parser, General, only=("seed",))
    arguments = parser.parse_args(argv)

    from pinch.measuring import evidence

    beside = evidence.beside(arguments.output)
    require_replaceable(beside)

    from pinch.data import dataset
    from pinch.measuring.evaluation import evaluate_with_evidence

    result, found_in_images = evaluate_with_evidence(
        arguments.model,
        arguments.data,
        arguments.split,
        imgsz=arguments.imgsz,
        device=arguments.device,
        threads=arguments.threads,
        batch=arguments.batch,
        limit=arguments.limit,
        seed=arguments.seed,
        candidates=arguments.candidates,
    )
    evidence.write(beside, result.sha256 or "", found_in_images)
    records.write(arguments.output, result, arguments.seed, data=dataset.load(arguments.data).digest)
    if result.skipped:
        print(f"{result.file} is not evaluated: {result.skipped}")
    for split, found in result.splits.items():
        if found.map50 is not None:
            print(
                f"{result.file} {split}: mAP50 {found.map50:.4f}, mAP50-95 {found.map50_95:.4f} on {found.images:,} of"
                f" {found.images_in_split:,} images"
            )


if __name__ == "__main__":
    cli.run(main)
