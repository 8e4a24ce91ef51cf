#!/usr/bin/env python
"""Export a checkpoint to ONNX, TFLite or OpenVINO files: full (float32), half (float16) and int8.

Every file is checked before it gets its name: full and half against PyTorch, int8 by its mAP50-95 on the val split.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pinch  # noqa: F401
from pinch import cli, formats
from pinch.arguments import add_arguments, from_arguments
from pinch.settings.data import General
from pinch.settings.exporting import Artifacts, Export
from pinch.settings.measuring import Runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments and export."""
    arguments = _parser().parse_args(argv)
    wanted = [formats.parse_spec(spec) for spec in arguments.artifacts]
    from pinch.export import job

    settings = from_arguments(job.Settings, arguments, imgsz=arguments.imgsz, seed=arguments.seed)
    stem = arguments.name or arguments.model.stem
    with job.open_session(arguments.model, arguments.dataset, settings) as session:
        for precision, entry in wanted:
            artifact = formats.Artifact(stem, precision, entry)
            record = arguments.records / f"{artifact.file}.json" if arguments.records else None
            result = job.run(session, precision, entry, arguments.output / artifact.file, record)
            print(f"{arguments.output / artifact.file}: {result['bytes']} bytes in {result['seconds']} s")


def _parser() -> argparse.ArgumentParser:
    parser = cli.parser(__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, help="checkpoint (.pt)")
    parser.add_argument("dataset", type=Path, help="data.yaml; train calibrates int8, val guards it")
    parser.add_argument("output", type=Path, help="folder for the artifacts")
    parser.add_argument("--imgsz", type=int, default=None, help="side of the input in pixels (default: as trained)")
    add_arguments(parser, Artifacts)
    parser.add_argument("--name", default=None, help="what file names start with (default: the checkpoint's name)")
    add_arguments(parser, Export)
    add_arguments(parser, General, only=("seed",))
    add_arguments(parser, Runtime, only=("threads",))
    parser.add_argument("--records", type=Path, default=None, help="folder for one JSON record per artifact")
    return parser


if __name__ == "__main__":
    cli.run(main)
