#!/usr/bin/env python
"""Make a record of times that were measured on another device: by the web page, or by LiteRT's benchmark_model."""

from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli, records


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, match the times with the run's files, write the record."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        type=Path,
        help="what the web page saved (.json), or what benchmark_model printed (text); several files of one program "
        "are rounds of one measurement",
    )
    parser.add_argument("--results", type=Path, required=True, help="folder of the run whose files were measured")
    parser.add_argument(
        "--device", metavar="NAME", help="name of the device; the web page's files tell it, benchmark_model's do not"
    )
    parser.add_argument(
        "--output",
        type=cli.output_file,
        required=True,
        help="record to write (.json); tables have those of the files that measure.imported of the configuration names",
    )
    arguments = parser.parse_args(argv)
    from pinch.measuring.imported import reading, record
    from pinch.run import manifest

    found = reading.read(arguments.files, arguments.device)
    made = record.make(found, manifest.load(arguments.results), arguments.results)
    records.write(arguments.output, made)
    for timing in made.timings:
        ratio = timing.relative_to_baseline
        compared = f", {ratio:.3f} of {timing.baseline_file}" if ratio else ""
        print(f"{timing.file}, {made.device.name}, {timing.place}: {timing.p50_ms:.2f} ms{compared}")


if __name__ == "__main__":
    cli.run(main)
