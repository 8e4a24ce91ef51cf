#!/usr/bin/env python
"""Check that PyTorch and ONNX Runtime can use the GPU; if not, fail within seconds and say why."""

import dataclasses
from collections.abc import Sequence

from pinch.core import cli, records


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, check, write the record."""
    parser = cli.parser(__doc__)
    parser.add_argument("--output", type=cli.output_file, required=True, help="record to write (.json)")
    parser.add_argument(
        "--torch-only", action="store_true", help="check PyTorch only, which is all that training needs"
    )
    arguments = parser.parse_args(argv)

    from pinch.core import gpu_check

    found = gpu_check.check()
    if not arguments.torch_only:
        from pinch.runtimes import onnx

        found = dataclasses.replace(found, onnxruntime=onnx.check_gpu())
    records.write(arguments.output, found)
    print(", ".join(f"{key} {value}" for key, value in vars(found).items() if value))


if __name__ == "__main__":
    cli.run(main)
