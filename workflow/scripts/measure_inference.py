#!/usr/bin/env python
"""Measure time per frame, memory and energy of a model of any format on real frames."""

from collections.abc import Sequence
from pathlib import Path

import pinch  # noqa: F401  (first: it settles how Ultralytics behaves)
from pinch import cli, records


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, write the record."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "model", metavar="MODEL", type=Path, help="checkpoint or exported model, made here or by others"
    )
    parser.add_argument(
        "video", metavar="VIDEO", type=Path, help="video, picture, folder of pictures, or data.yaml (its val split)"
    )
    parser.add_argument("--device", default="cpu", choices=["cpu", "gpu"], help="where to run the model")
    parser.add_argument("--output", type=cli.output_file, required=True, help="record to write (.json)")
    parser.add_argument("--baseline", type=Path, help="another model, timed in turns with this one, for a fair ratio")
    parser.add_argument(
        "--imgsz", type=cli.whole, help="side of the input of a checkpoint (default: as it was trained)"
    )
    parser.add_argument("--threads", type=cli.whole, default=1, help="threads of the runtime")
    parser.add_argument("--frames", type=cli.whole, default=40, help="most different frames")
    parser.add_argument("--warmup", type=cli.whole, default=10, help="frames thrown away at the start of each round")
    parser.add_argument("--rounds", type=cli.whole, default=3, help="fresh processes for each model")
    parser.add_argument("--min-seconds", type=float, default=0.5, help="least time of the samples of a round")
    parser.add_argument("--energy-seconds", type=float, default=5.0, help="window of the energy counters, 0 for none")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the rounds")
    arguments = parser.parse_args(argv)

    from pinch.timing import Plan, measure

    named = {name: getattr(arguments, name) for name in Plan.__dataclass_fields__}
    result = measure(arguments.model, arguments.video, Plan(**named), arguments.baseline)
    records.write(arguments.output, "inference", result, seed=arguments.seed)
    relative = result["relative_to_baseline"]
    compared = f", {relative:.3f} of {result['baseline']['file']}" if relative else ""
    print(
        f"{result['file']}, {result['device']}, {result['threads']} threads: {result['p50_ms']:.2f} ms (p50),"
        f" {result['p90_ms']:.2f} ms (p90){compared}"
    )


if __name__ == "__main__":
    cli.run(main)
