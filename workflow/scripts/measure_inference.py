#!/usr/bin/env python
"""Measure time per frame, memory and energy of a model of any format on real frames."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records
from pinch.core.arguments import add_arguments, from_arguments
from pinch.run.settings.data import General
from pinch.run.settings.measuring import Runtime, Timing


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, write the record."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "model", metavar="MODEL", type=Path, help="checkpoint or exported model, made here or by others"
    )
    parser.add_argument(
        "video", metavar="VIDEO", type=Path, help="video, image, folder of images, or data.yaml (its val split)"
    )
    add_arguments(parser, Runtime)
    parser.add_argument("--output", type=cli.output_file, required=True, help="record to write (.json)")
    parser.add_argument(
        "--baseline", type=Path, help="another model, timed in turns with this one, which gives a ratio without drift"
    )
    parser.add_argument(
        "--imgsz", type=cli.whole, help="side of the input of a checkpoint (default: as it was trained)"
    )
    add_arguments(parser, Timing)
    add_arguments(parser, General, only=("seed",))
    arguments = parser.parse_args(argv)

    from pinch.measuring.timing import TimingSettings, measure

    settings = from_arguments(TimingSettings, arguments, imgsz=arguments.imgsz, seed=arguments.seed)
    result = measure(arguments.model, arguments.video, settings, arguments.baseline)
    records.write(arguments.output, result, arguments.seed)
    if result.skipped:
        print(f"{result.file} is not timed: {result.skipped}")
        return
    compared = f", {result.relative_to_baseline:.3f} of {result.baseline.file}" if result.baseline else ""
    print(
        f"{result.file}, {result.device}, {result.threads} threads: {result.p50_ms:.2f} ms (p50),"
        f" {result.p90_ms:.2f} ms (p90){compared}"
    )


if __name__ == "__main__":
    cli.run(main)
