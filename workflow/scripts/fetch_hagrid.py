#!/usr/bin/env python
"""Download HaGRID, or some gestures or pictures of it, into the folders that hagrid_to_yolo.py reads.

It says first what it takes. Interrupted, the same command goes on. docs/hagrid.md says what there is.
"""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli
from pinch.core.arguments import add_arguments
from pinch.core.errors import PinchError
from pinch.run.settings.data import Fetch, General


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, say what will be taken, and fetch it."""
    parser = cli.parser(__doc__ or "")
    add_arguments(parser, Fetch)
    parser.add_argument("--targets", nargs="+", metavar="GESTURE", help="gestures to fetch, or all (default: all)")
    add_arguments(parser, General, only=("seed",))
    parser.add_argument("--out", type=Path, default="data/hagrid", help="folder for annotations and images")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be taken")
    arguments = parser.parse_args(argv)

    from pinch.data.download import catalogue, http, job, plan

    if not (arguments.accept_licence or arguments.dry_run):
        raise PinchError(
            f"HaGRID has {catalogue.LICENCE}: read {catalogue.LICENCE_URL}, and give --accept-licence if you accept it"
        )
    release = catalogue.RELEASES[arguments.version, arguments.size]
    request = plan.Request(
        release,
        release.gestures if arguments.targets in (None, ["all"]) else tuple(arguments.targets),
        arguments.limit,
        arguments.seed,
        arguments.out,
        arguments.url,
        arguments.connections,
    )
    with http.session(arguments.connections) as session:
        planned = plan.make(request, session, must_answer=not arguments.dry_run)
        for line in planned.lines():
            print(line, flush=True)
        if not arguments.dry_run:
            job.run(planned, print)
            print(f"{arguments.out}/images and {arguments.out}/annotations are complete")


if __name__ == "__main__":
    cli.run(main)
