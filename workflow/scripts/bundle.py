#!/usr/bin/env python
"""Pack models for apps: one zip each, with the file, a contract, a model card, test pictures, and decoders."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli
from pinch.core.arguments import add_arguments
from pinch.core.errors import PinchError
from pinch.run.settings.data import General
from pinch.run.settings.measuring import Runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, write a zip for each model."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "models", metavar="MODEL", type=Path, nargs="*", help="files to pack (default: those that --results chose)"
    )
    parser.add_argument("--results", type=Path, help="folder of the run that measured them, results/<name>")
    parser.add_argument("--data", type=Path, help="data.yaml to take test pictures from (default: the run's)")
    parser.add_argument(
        "--pictures",
        metavar="IMAGE",
        type=Path,
        nargs="+",
        default=[],
        help="pictures to choose test pictures from instead",
    )
    add_arguments(parser, General, only=("hide_images",))
    add_arguments(parser, Runtime, only=("threads",))
    parser.add_argument(
        "--output",
        metavar="FOLDER",
        type=Path,
        help="for the zips (default: <results>/bundles for all chosen, else here)",
    )
    arguments = parser.parse_args(argv)
    if not arguments.models and arguments.results is None:
        raise PinchError("nothing to pack: name files, or with --results the run whose chosen files are meant")

    from pinch.apps.bundle import making

    sources = making.Sources(
        results=arguments.results,
        data=arguments.data,
        pictures=arguments.pictures,
        hide_images=arguments.hide_images,
        threads=arguments.threads,
    )
    if arguments.models:
        made = making.make_all(arguments.models, arguments.output or Path(), sources)
    else:
        made = making.make_chosen(arguments.output or arguments.results / "bundles", sources)
    for sentence in made:
        print(sentence, flush=True)


if __name__ == "__main__":
    cli.run(main)
