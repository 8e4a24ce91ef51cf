#!/usr/bin/env python
"""Convert HaGRID (v1, v2 or v2-1M) to a YOLO data set with a data.yaml that Ultralytics trains on.

The folders and targets come from a file in the layout of HaGRID's converter_config.yaml (--cfg), from the options, or
from both: an option overrides the file. A second run changes only what differs.
"""

import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records
from pinch.core.arguments import add_arguments
from pinch.run.settings.data import General, Hagrid


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, convert, write the record."""
    parser = cli.parser(__doc__)
    parser.add_argument("--cfg", type=Path, help="file in the layout of HaGRID's converter_config.yaml")
    parser.add_argument("--out", type=Path, default="hagrid_yolo_format", help="folder of the YOLO data set")
    unset = {"images": "dataset_folder", "annotations": "dataset_annotations", "targets": "targets"}
    add_arguments(parser, Hagrid, unset={name: f"{key} of the file" for name, key in unset.items()})
    parser.add_argument("--phases", nargs="+", metavar="PHASE", help="folders of the annotations to convert")
    add_arguments(parser, General, only=("seed",))
    parser.add_argument("--skip-broken", action="store_true", help="leave out images that cannot be decoded")
    parser.add_argument("--copy", action="store_true", help="copy images instead of linking to them")
    parser.add_argument("--for-training", action="store_true", help="refuse classes without images in train or val")
    parser.add_argument("--record", type=cli.output_file, help="record of the data set to write (.json)")
    arguments = parser.parse_args(argv)

    from pinch.data import hagrid
    from pinch.data.conversion import ConversionSettings, convert

    source = hagrid.source(
        arguments.cfg,
        dataset_folder=arguments.images,
        dataset_annotations=arguments.annotations,
        targets=arguments.targets,
        phases=arguments.phases,
    )
    settings = ConversionSettings(
        arguments.mode, arguments.limit, arguments.seed, arguments.skip_broken, arguments.copy
    )
    progress = functools.partial(print, flush=True)
    converted, found, users = convert(source, arguments.out, settings, arguments.for_training, progress)
    if arguments.record:
        records.write(arguments.record, found.record(converted, users), arguments.seed)
    for split, count in found.images.items():
        print(f"{split}: {count:,} images of {users[split]:,} users, {sum(found.boxes[split].values()):,} boxes")
    for warning in found.everything():
        print(f"warning: {warning}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
