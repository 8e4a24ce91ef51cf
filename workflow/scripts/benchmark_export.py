#!/usr/bin/env python
"""Time exported files beside Ultralytics' exports of the same model, and print the ratios as a table.

Everything is exported again and timed in one run: shuffled rounds, a fresh process for each, medians. Nothing else
should run on the machine meanwhile.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli
from pinch.core.arguments import add_arguments, from_arguments
from pinch.core.errors import PinchError
from pinch.core.files import write_json
from pinch.run import formats
from pinch.run.settings.exporting import Export
from pinch.run.settings.measuring import Runtime
from pinch.run.targets import resolved


def main(argv: Sequence[str] | None = None) -> None:
    """Export, time and print the table."""
    arguments = _parser().parse_args(argv)
    models = named([("base", arguments.base), *arguments.pruned])
    for spec in arguments.artifacts:
        formats.parse_spec(spec)
    from pinch.artifacts.session import ExportSettings
    from pinch.core.provenance import hardware
    from pinch.measuring.timing import TimingSettings
    from pinch.studies import export_benchmark

    target = resolved(arguments.target, hardware())
    settings = from_arguments(
        ExportSettings, arguments, imgsz=arguments.imgsz, target=target, class_guard=0.0, floor=0.0, threads=1
    )
    timing_settings = TimingSettings(threads=arguments.threads, rounds=arguments.rounds, energy_seconds=0)
    with tempfile.TemporaryDirectory() as folder:
        rows = export_benchmark.benchmark(
            models,
            arguments.dataset,
            arguments.source,
            settings,
            timing_settings,
            arguments.artifacts,
            {path.stem: path for path in arguments.others},
            Path(folder),
        )
    print(export_benchmark.table(rows))
    print(f"\nTimes relative to Ultralytics' float32 ONNX of the base:\n\n{export_benchmark.time_table(rows)}")
    if arguments.output:
        write_json(arguments.output, {"made_by": "Pinch", "target": target, "imgsz": arguments.imgsz, "rows": rows})


def named(pairs: Sequence[tuple[str, Path]]) -> dict[str, Path]:
    """Checkpoints by their names in the table.

    Raises:
        PinchError: two have the same name, or a name has folders: files are called by it.
    """
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise PinchError(f"two checkpoints are called {name}: give one as NAME=FILE, with another name")
        if Path(name).name != name:
            raise PinchError(f"{name!r} is not a name for a checkpoint: give one without folders")
    return dict(pairs)


def _pair(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    return (name, Path(path)) if separator else (Path(text).stem, Path(text))


def _parser() -> argparse.ArgumentParser:
    parser = cli.parser(__doc__.split("\n")[0])
    parser.add_argument("base", type=Path, help="checkpoint that the ratios refer to")
    parser.add_argument("dataset", type=Path, help="data.yaml that calibrates and guards int8")
    parser.add_argument("source", type=Path, help="video, image or folder of images to time on")
    parser.add_argument(
        "--pruned",
        nargs="*",
        type=_pair,
        default=[],
        metavar="[NAME=]FILE",
        help="more checkpoints, e.g. the coarse 50%%, or bases with other activations; NAME is that in the table",
    )
    parser.add_argument("--others", nargs="*", type=Path, default=[], help="further exported files to time")
    parser.add_argument(
        "--artifacts",
        nargs="+",
        default=["full.onnx", "int8.onnx", "full.tflite", "int8.tflite"],
        help=f"of {', '.join(formats.specs())}",
    )
    parser.add_argument("--imgsz", type=int, default=None, help="side of the input in pixels (default: as trained)")
    add_arguments(parser, Export, only=("target", "calibration_images", "calibration_methods"))
    parser.add_argument(
        "--guard",
        type=float,
        default=0.0,
        help="share of the accuracy that an int8 file must keep; operators are returned to float until it does",
    )
    add_arguments(parser, Runtime, only=("threads",))
    parser.add_argument("--rounds", type=cli.whole, default=5, help="rounds for each file, each in a fresh process")
    parser.add_argument("--output", type=cli.output_file, default=None, help="JSON with the rows")
    return parser


if __name__ == "__main__":
    cli.run(main)
