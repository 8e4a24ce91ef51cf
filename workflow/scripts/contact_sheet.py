#!/usr/bin/env python
"""Draw a contact sheet of a data set: images of every class and split with their boxes."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli
from pinch.core.arguments import add_arguments
from pinch.run.settings.data import General


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, draw the sheet."""
    parser = cli.parser(__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="data.yaml of the data set")
    parser.add_argument("output", metavar="OUTPUT", type=cli.output_file, help="file to write (.png or .jpg)")
    parser.add_argument("--images", type=cli.whole, default=40, help="about how many images to show")
    parser.add_argument("--columns", type=cli.whole, default=8, help="images in a row")
    add_arguments(parser, General, only=("seed",))
    parser.add_argument("--title", default="Samples of the data set", help="first line of the sheet")
    arguments = parser.parse_args(argv)

    from pinch.data import contact_sheet, dataset

    contact_sheet.draw(
        dataset.load(arguments.data),
        arguments.output,
        count=arguments.images,
        columns=arguments.columns,
        seed=arguments.seed,
        title=arguments.title,
    )


if __name__ == "__main__":
    cli.run(main)
