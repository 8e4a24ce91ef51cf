"""A format that does not exist, registered in one place, to see that everything else follows.

python tests/made_up_format.py ARGUMENTS               Snakemake, in a process that knows the format
python tests/made_up_format.py COMMAND.py ARGUMENTS    a command, likewise
"""

import json
import runpy
import sys
from pathlib import Path

import numpy as np

SCRIPTS = Path(__file__).parents[1] / "workflow/scripts"
sys.path.insert(0, str(SCRIPTS))

from pinch.core.record_types.exports import ExportDetails, Limits, Parity  # noqa: E402
from pinch.run import formats  # noqa: E402
from pinch.runtimes.base import Backend  # noqa: E402

ENTRY = formats.Format(
    name="invented",
    ending=".invented",
    backend="made_up_format:MadeUpBackend",
    devices=("cpu", "gpu"),
    precisions=("full", "half", "int8"),
    exporter="made_up_format:export",
    environment="export_onnx",
    is_default=True,
    filling="top",
)


def register() -> None:
    """All that makes the format known."""
    formats.FORMATS[ENTRY.name] = ENTRY


def export(job) -> ExportDetails:
    """Write the class names, which is all that there is to such a file."""
    job.output.write_text(json.dumps(dict(enumerate(job.session.checkpoint.names))))
    parity = Parity(box=0.0, box_pixels=0.0, score=0.0, limits=Limits(0.0, 0.0), images=0, candidates=0)
    return ExportDetails(parity=parity)


class MadeUpBackend(Backend):
    """Finds the same box of the first class in every picture."""

    def __init__(self, path, device="cpu", threads=1, imgsz=None, exact=False):
        super().__init__(path, {"names": json.loads(path.read_text())}, (64, 64))

    def run(self, inputs):
        box, scores = (32, 32, 20, 10), np.eye(len(self.names))[0] * 0.9
        return np.array([*box, *scores], np.float32).reshape(1, -1, 1)


if __name__ == "__main__":
    register()
    if sys.argv[1].endswith(".py"):
        sys.argv = [str(SCRIPTS / sys.argv[1]), *sys.argv[2:]]
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        from snakemake.cli import main

        main(sys.argv[1:])
