#!/usr/bin/env python
"""Write what is generated from the declared options: the configuration's schema and the tables of config/README.md."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli
from pinch.core.errors import PinchError
from pinch.run import reference

ROOT = Path(__file__).resolve().parents[2]


def main(argv: Sequence[str] | None = None) -> None:
    """Write or check the generated files."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument(
        "--check", action="store_true", help="write nothing, and fail if a generated file is out of date"
    )
    arguments = parser.parse_args(argv)
    stale = {path: text for path, text in reference.generated(ROOT).items() if path.read_text() != text}
    if arguments.check and stale:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        raise PinchError(f"not up to date with the declared options: {names}; run `make generate`")
    for path, text in stale.items():
        path.write_text(text)
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    cli.run(main)
