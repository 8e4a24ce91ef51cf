#!/usr/bin/env python
"""Write down what processor this machine has, so that int8 files can be made for it on another machine."""

from collections.abc import Sequence

from pinch.core import cli, records
from pinch.core.provenance import hardware
from pinch.core.record_types.devices import ProcessorRecord
from pinch.run.targets import target_of


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, look, write the record."""
    parser = cli.parser(__doc__)
    parser.add_argument("--output", type=cli.output_file, required=True, help="record to write (.json)")
    arguments = parser.parse_args(argv)
    here = hardware()
    found = ProcessorRecord(cpu=here.cpu, target=target_of(here))
    records.write(arguments.output, found)
    print(f"{found.cpu}: target {found.target}")


if __name__ == "__main__":
    cli.run(main)
