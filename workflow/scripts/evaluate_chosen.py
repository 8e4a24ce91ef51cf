#!/usr/bin/env python
"""Measure the accuracy of the chosen artifacts on all of test, where all artifacts were measured on a part of it.

What was measured stays in records/accuracy_whole/: a second start does only what is missing.
"""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records
from pinch.core.arguments import add_arguments
from pinch.core.errors import PinchError
from pinch.core.record_types.measurements import AccuracyRecord
from pinch.run.settings.measuring import Runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, evaluate, write the table."""
    parser = cli.parser(__doc__)
    parser.add_argument("results", type=Path, help="folder of a run, results/<name>, after select_models.py")
    parser.add_argument("data", metavar="DATA", type=Path, help="data.yaml of the data set")
    add_arguments(parser, Runtime, only=("threads",))
    arguments = parser.parse_args(argv)

    from pinch.data import dataset
    from pinch.measuring import evaluation
    from pinch.tables import chosen, gathering

    data = dataset.load(arguments.data)
    measured = []
    for file in chosen.files(arguments.results):
        artifact, record = arguments.results / "artifacts" / file, chosen.record(arguments.results, file)
        found = _measured(record, artifact, data.digest)
        if found is None:
            found = evaluation.evaluate(artifact, data, ["test"], threads=arguments.threads)
            records.write(record, found, data=data.digest)
        measured.append(found)
        print(f"{file}: mAP50-95 {found.splits['test'].map50_95} on {found.splits['test'].images:,} images", flush=True)
    gathering.write(arguments.results, "chosen", chosen.table(arguments.results, measured))


def _measured(record: Path, artifact: Path, digest: str | None) -> AccuracyRecord | None:
    """What an earlier start measured on the same file and data."""
    from pinch.core.files import sha256

    try:
        found = records.read(record, AccuracyRecord)
    except PinchError:
        return None
    same = found.value.sha256 == sha256(artifact) and found.provenance.data == digest
    return found.value if same else None


if __name__ == "__main__":
    cli.run(main)
