#!/usr/bin/env python
"""Convert HaGRID (v1, v2 or v2-1M) to a YOLO data set with a data.yaml that Ultralytics trains on.

The folders and targets come from a file in the layout of HaGRID's converter_config.yaml (--cfg), from the options, or
from both: an option overrides the file. A second run changes only what differs.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli
from pinch.core.arguments import add_arguments, from_arguments
from pinch.run.settings.data import General, Hagrid


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, convert, write the record."""
    parser = cli.parser(__doc__)
    parser.add_argument("--cfg", type=Path, help="file in the layout of HaGRID's converter_config.yaml")
    parser.add_argument("--out", type=Path, default="hagrid_yolo_format", help="folder of the YOLO data set")
    unset = {"images": "dataset_folder", "annotations": "dataset_annotations", "targets": "targets"}
    add_arguments(parser, Hagrid, unset={name: f"{key} of the file" for name, key in unset.items()})
    parser.add_argument(
        "--phases", nargs="+", metavar="PHASE", help="folders of annotations to convert (default: one for each split)"
    )
    add_arguments(parser, General, only=("seed",))
    parser.add_argument("--skip-broken", action="store_true", help="leave out images that cannot be decoded")
    parser.add_argument("--copy", action="store_true", help="copy images instead of linking to their folders")
    parser.add_argument(
        "--labels", type=Path, help="folder for label files that several data sets share (default: --out)"
    )
    parser.add_argument("--processes", type=cli.whole, default=1, help="how many read annotations at the same time")
    parser.add_argument("--for-training", action="store_true", help="refuse classes without images in train or val")
    parser.add_argument("--record", type=cli.output_file, help="record of the data set to write (.json)")
    arguments = parser.parse_args(argv)

    from pinch.data.hagrid import source
    from pinch.data.hagrid.conversion import convert
    from pinch.data.hagrid.settings import ConversionSettings

    found = source.from_config(
        arguments.cfg,
        dataset_folder=arguments.images,
        dataset_annotations=arguments.annotations,
        targets=arguments.targets,
        phases=arguments.phases,
        background=arguments.background,
    )
    settings = from_arguments(
        ConversionSettings,
        arguments,
        targets=tuple(found.targets),
        seed=arguments.seed,
        skip_broken=arguments.skip_broken,
        copy=arguments.copy,
    )
    progress = functools.partial(print, flush=True)
    converted, findings = convert(
        found, arguments.out, settings, arguments.for_training, progress, arguments.processes, arguments.labels
    )
    findings.tell(converted, arguments.record, arguments.seed)


if __name__ == "__main__":
    cli.run(main)
