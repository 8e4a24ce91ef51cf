#!/usr/bin/env python
"""Export a checkpoint to files that other runtimes execute, in several formats and precisions.

Every file is checked before it gets its name: full and half against PyTorch, int8 by its mAP50-95 on the val split.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pinch  # noqa: F401
from pinch import cli, formats
from pinch.ownership import require_output, require_replaceable


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments and export."""
    arguments = _parser().parse_args(argv)
    wanted = [formats.parse_spec(spec) for spec in arguments.artifacts]
    from pinch.export import job

    settings = job.Settings(
        imgsz=arguments.imgsz,
        candidates=arguments.candidates,
        target=job.resolve_target(arguments.target),
        methods=tuple(arguments.methods),
        per_class=arguments.calibration_images,
        guard=arguments.guard,
        floor=arguments.floor,
        seed=arguments.seed,
        threads=arguments.threads,
    )
    stem = arguments.name or arguments.model.stem
    outputs = [arguments.output / entry.file(stem, precision) for precision, entry in wanted]
    records = [arguments.records / f"{path.name}.json" if arguments.records else None for path in outputs]
    for (_, entry), path, record in zip(wanted, outputs, records, strict=True):
        require_replaceable(path, job.ARTIFACT if entry.is_folder else None)
        if record:
            require_output(record)
    with job.open_session(arguments.model, arguments.dataset, settings) as session:
        for (precision, entry), path, record in zip(wanted, outputs, records, strict=True):
            result = job.run(session, precision, entry, path, record)
            print(f"{path}: {result['bytes']} bytes in {result['seconds']} s")


def _parser() -> argparse.ArgumentParser:
    precisions = ", ".join(f"{entry.name} is {entry.meaning}" for entry in formats.PRECISIONS.values())
    parser = cli.parser(f"{__doc__.splitlines()[0]} Of the precisions, {precisions}.")
    specs, default = formats.specs(), formats.default_specs()
    parser.add_argument("model", type=Path, help="checkpoint (.pt)")
    parser.add_argument("dataset", type=Path, help="data.yaml; train calibrates int8, val guards it")
    parser.add_argument("output", type=Path, help="folder for the artifacts")
    parser.add_argument("--imgsz", type=int, default=None, help="side of the input in pixels (default: as trained)")
    parser.add_argument("--artifacts", nargs="+", default=default, metavar="ARTIFACT", help=f"of {', '.join(specs)}")
    parser.add_argument("--name", default=None, help="what file names start with (default: the checkpoint's name)")
    parser.add_argument("--candidates", type=_candidates, default=300, help="most anchors that the head decodes")
    parser.add_argument(
        "--target",
        choices=("auto", "x86-vnni", "x86", "arm"),
        default="auto",
        help="processor of int8 ONNX files; auto: this machine's",
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=("minmax", "percentile", "entropy"),
        default=["minmax", "percentile", "entropy"],
        help="calibration methods to try for int8 ONNX files; the most accurate on val is kept",
    )
    parser.add_argument("--calibration-images", type=int, default=10, help="images per class that calibrate int8")
    parser.add_argument("--guard", type=float, default=0.99, help="share of float mAP50-95 that int8 must keep on val")
    parser.add_argument("--floor", type=float, default=0.95, help="share of float mAP50-95 below which int8 fails")
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice of calibration images")
    parser.add_argument("--threads", type=int, default=1, help="processor threads")
    parser.add_argument("--records", type=Path, default=None, help="folder for one JSON record per artifact")
    return parser


def _candidates(text: str) -> int:
    """Six columns would be taken for finished detections by Ultralytics, and so few anchors are of no use."""
    if int(text) < 10:
        raise argparse.ArgumentTypeError("at least 10 candidates are needed")
    return int(text)


if __name__ == "__main__":
    cli.run(main)
