#!/usr/bin/env python
"""Export a checkpoint to files that other runtimes execute, in several formats and precisions.

Every file is checked: full and half are compared with PyTorch, int8 must keep its mAP50-95 on the val split. One that
fails is written all the same; a warning and its record say what is wrong.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli
from pinch.core.arguments import add_arguments, from_arguments
from pinch.core.ownership import require_output, require_replaceable
from pinch.run import formats
from pinch.run.settings.data import General
from pinch.run.settings.exporting import Artifacts, Export
from pinch.run.settings.measuring import Evaluation, Runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments and export."""
    arguments = _parser().parse_args(argv)
    wanted = [formats.parse_spec(spec) for spec in arguments.artifacts]
    from pinch.artifacts import job

    settings = from_arguments(job.ExportSettings, arguments, imgsz=arguments.imgsz, seed=arguments.seed)
    stem = arguments.name or arguments.model.stem
    outputs = [arguments.output / entry.file(stem, precision) for precision, entry in wanted]
    records = [arguments.records / f"{path.name}.json" if arguments.records else None for path in outputs]
    for (_, entry), path, record in zip(wanted, outputs, records, strict=True):
        require_replaceable(path, job.ARTIFACT if entry.is_folder else None)
        if record:
            require_output(record)
    with job.open_session(arguments.model, arguments.dataset, settings) as session:
        for (precision, entry), path, record in zip(wanted, outputs, records, strict=True):
            result = job.run(session, precision, entry, path, record)
            print(f"{path}: {result.bytes} bytes in {result.seconds} s")


def _parser() -> argparse.ArgumentParser:
    precisions = ", ".join(f"{entry.name} is {entry.meaning}" for entry in formats.PRECISIONS.values())
    parser = cli.parser(f"{__doc__.splitlines()[0]} Of the precisions, {precisions}.")
    parser.add_argument("model", type=Path, help="checkpoint (.pt)")
    parser.add_argument("dataset", type=Path, help="data.yaml; train calibrates int8, val guards it")
    parser.add_argument("output", type=Path, help="folder for the artifacts")
    parser.add_argument("--imgsz", type=int, default=None, help="side of the input in pixels (default: as trained)")
    add_arguments(parser, Artifacts)
    parser.add_argument("--name", default=None, help="what file names start with (default: the checkpoint's name)")
    add_arguments(parser, Export)
    add_arguments(parser, Evaluation)
    add_arguments(parser, General, only=("seed",))
    add_arguments(parser, Runtime, only=("threads",))
    parser.add_argument("--records", type=Path, default=None, help="folder for one JSON record per artifact")
    return parser


if __name__ == "__main__":
    cli.run(main)
