#!/usr/bin/env python
"""Look at a data set that is already in YOLO layout, and write its manifest and a data.yaml with absolute paths.

Every image is decoded and every label is read, once: a second run looks only at files that are new or have changed. The
data set itself is only read. If there is no test split, the val split is used in its place.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, look at the data set, write data.yaml, manifest and record."""
    parser = cli.parser(__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="data.yaml of the data set")
    parser.add_argument("--out", type=Path, required=True, help="folder to write data.yaml and manifest to")
    parser.add_argument("--for-training", action="store_true", help="refuse classes without images in train or val")
    parser.add_argument("--record", type=cli.output_file, help="record of the data set to write (.json)")
    arguments = parser.parse_args(argv)

    from pinch.data import dataset
    from pinch.data.prepare import prepare

    progress = functools.partial(print, flush=True)
    written, found = prepare(dataset.load(arguments.data), arguments.out, arguments.for_training, progress)
    found.tell(written, arguments.record)


if __name__ == "__main__":
    cli.run(main)
