#!/usr/bin/env python
"""Measure what two mistakes cost that make pruning look useless: zeroing DFL's table, and losing masks in tuning.

The workflow measures each variant in a job of its own and gathers their records (gather_study.py). With several
variants, this command measures them one after another and writes the same record. Tuned variants stay in PROJECT: the
same command goes on with a tuning that was interrupted, and reuses those that are finished.
"""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records
from pinch.core.arguments import add_arguments, from_arguments
from pinch.operations import pausing
from pinch.run.settings.data import General
from pinch.run.settings.measuring import Runtime
from pinch.run.settings.pruning import Explain
from pinch.run.settings.training import Batches, FineTuning, ImageSize, Loading
from pinch.run.studies import VARIANTS


def main(argv: Sequence[str] | None = None) -> None:
    """Write one sensitivity record: each mistake and the right way, by ratio, without and with tuning."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("model", type=Path, help="checkpoint of a trained detector")
    parser.add_argument("dataset", type=Path, help="data.yaml")
    parser.add_argument(
        "--variant",
        nargs="+",
        choices=VARIANTS,
        default=list(VARIANTS),
        help=f"what to measure; {', '.join(name for name, variant in VARIANTS.items() if variant.tuned)} are tuned",
    )
    add_arguments(parser, Explain)
    parser.add_argument("--split", choices=["val", "test"], default="test", help="split to measure on")
    parser.add_argument(
        "--project", type=Path, help="folder of tuned variants (default: that of the record, without its suffix)"
    )
    add_arguments(parser, FineTuning)
    add_arguments(parser, ImageSize, unset={"imgsz": "the model's"})
    add_arguments(parser, Batches)
    add_arguments(parser, Runtime)
    add_arguments(parser, Loading)
    cli.add_stage_to(parser)
    add_arguments(parser, General, only=("seed",))
    parser.add_argument("--output", type=cli.output_file, required=True, help="record to write")
    arguments = parser.parse_args(argv)

    from pinch.data import dataset
    from pinch.studies import explain
    from pinch.weights.training.request import Request

    request = from_arguments(
        Request,
        arguments,
        name=arguments.model.stem,
        data=arguments.dataset,
        project=arguments.project or arguments.output.with_suffix(""),
        base=arguments.model,
        imgsz=arguments.imgsz,
        device=arguments.device,
        stage_to=arguments.stage_to,
        seed=arguments.seed,
    )
    with pausing.before_deadline():
        result = explain.explain(
            request,
            [VARIANTS[name] for name in arguments.variant],
            from_arguments(Explain, arguments),
            arguments.split,
            arguments.threads,
        )
    for row in result.rows:
        tuned = "tuned" if row.tuned else "not tuned"
        print(f"{row.variant} {row.ratio:.0%} {tuned}: mAP50-95 {row.map50_95:.3f}, zeros {row.sparsity:.1%}")
    records.write(arguments.output, result, arguments.seed, dataset.load(arguments.dataset).digest)


if __name__ == "__main__":
    cli.run(main)
