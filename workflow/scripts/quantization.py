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
from pinch.core.record_types.devices import ProcessorRecord
from pinch.core.records import read
from pinch.run import formats
from pinch.run.settings.data import General
from pinch.run.settings.exporting import Artifacts, Export
from pinch.run.settings.measuring import Evaluation, Runtime
from pinch.run.targets import AUTO


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments and export."""
    arguments = _parser().parse_args(argv)
    wanted = [formats.parse_spec(spec) for spec in arguments.artifacts]
    from pinch.artifacts import job, session

    others = {"imgsz": arguments.imgsz, "seed": arguments.seed}
    if arguments.target == AUTO and arguments.measured_on:
        others["target"] = read(arguments.measured_on, ProcessorRecord).value.target
    settings = from_arguments(session.ExportSettings, arguments, **others)
    stem = arguments.name or arguments.model.stem
    outputs = [arguments.output / entry.file(stem, precision) for precision, entry in wanted]
    records = [arguments.records / f"{path.name}.json" if arguments.records else None for path in outputs]
    for (_, entry), path, record in zip(wanted, outputs, records, strict=True):
        require_replaceable(path, job.ARTIFACT if entry.is_folder else None)
        if record:
            require_output(record)
    with session.open_session(arguments.model, arguments.dataset, settings, arguments.accuracy) as opened:
        for (precision, entry), path, record in zip(wanted, outputs, records, strict=True):
            result = job.run(opened, precision, entry, path, record)
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
    parser.add_argument(
        "--measured-on",
        type=Path,
        default=None,
        help="record of describe_processor.py from where the files will be timed (default: this machine)",
    )
    parser.add_argument(
        "--accuracy",
        type=Path,
        default=None,
        help="record of the checkpoint's accuracy on val, if there is one already",
    )
    parser.add_argument("--records", type=Path, default=None, help="folder for one JSON record per artifact")
    return parser


if __name__ == "__main__":
    cli.run(main)
