#!/usr/bin/env python
"""Describe this cluster for Pinch: read partitions, limits and nodes from `sinfo` and write them into site.yaml.

Account, staging folder and other options stay as they are. Check the result: partitions may be meant for other work.
"""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli
from pinch.core.files import write_text
from pinch.operations import sinfo, site, slurm


def main(argv: Sequence[str] | None = None) -> None:
    """Write site.yaml."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument(
        "--site", type=Path, default=site.path(), help=f"file to fill in; ${site.VARIABLE} names another default"
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would be written")
    arguments = parser.parse_args(argv)
    before = site.read(arguments.site)
    found = sinfo.partitions(slurm.ask(*sinfo.COMMAND))
    _print_partitions(found)
    values = sinfo.propose(found)
    for key, value in values.items():
        if getattr(before, key) != value:
            print(f"{key}: {_shown(getattr(before, key))} -> {_shown(value)}")
    if arguments.dry_run:
        return
    text = sinfo.filled_in(arguments.site.read_text(), values)
    write_text(arguments.site, text)
    print(f"Written to {arguments.site}: check the partitions, and give the account if your site needs one")


def _print_partitions(found: list[sinfo.Partition]) -> None:
    print(f"{'partition':<20} {'minutes':>8} {'nodes':>6} {'cores':>6} {'MB':>9}  GPUs of a node")
    for partition in found:
        for kind in partition.kinds:
            gpus = ", ".join(f"{count} {name or 'GPU'}" for name, count in kind.gpus.items())
            name = partition.name + ("*" if partition.is_default else "")
            minutes = _shown(partition.minutes)
            print(f"{name:<20} {minutes:>8} {kind.count:>6} {kind.cores:>6} {kind.memory_mb:>9}  {gpus}".rstrip())


def _shown(value: object) -> str:
    return "null" if value is None else str(value)


if __name__ == "__main__":
    cli.run(main)
