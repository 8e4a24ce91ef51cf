#!/usr/bin/env python
"""Check a data set that is already in YOLO layout, and write its data.yaml with absolute paths.

Every image is decoded and every label is read. If there is no test split, the val split is used in its place.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records
from pinch.core.ownership import claim, require_claimable


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, check the data set, write data.yaml and record."""
    parser = cli.parser(__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="data.yaml of the data set")
    parser.add_argument("--out", type=Path, required=True, help="folder to write data.yaml to")
    parser.add_argument("--label-cache", action="store_true", help="also write Ultralytics' label caches")
    parser.add_argument("--record", type=cli.output_file, help="record of the data set to write (.json)")
    arguments = parser.parse_args(argv)

    from pinch.data import check, dataset, for_ultralytics

    source = dataset.load(arguments.data)
    prepared = dataset.with_test_split(source)
    place = (arguments.out, for_ultralytics.PREPARED, ["data.yaml", *map(for_ultralytics.list_name, prepared.splits)])
    require_claimable(*place)
    found = check.inspect(prepared)
    check.stop_at(found.broken)
    if prepared is not source:
        found.warnings.append(
            f"{source.path} names no test split: the val split is used in its place, so results are too optimistic"
        )
    claim(*place)
    written = dataset.load(for_ultralytics.ultralytics_yaml(prepared, arguments.out))
    if arguments.label_cache:
        for_ultralytics.make_label_cache(written)
    if arguments.record:
        records.write(arguments.record, found.record(written))
    for split, count in found.images.items():
        print(f"{split}: {count:,} images, {sum(found.boxes[split].values()):,} boxes")
    for warning in found.everything():
        print(f"warning: {warning}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
