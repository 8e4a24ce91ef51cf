"""The registry of artifact formats: one entry says how a format is named, exported, run and validated.

Rules, tables, commands and the demo page follow from it. Functions are named, not imported, because a job that times
an ONNX file must not pay for TensorFlow.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinch.errors import PinchError


@dataclass(frozen=True)
class Format:
    """One artifact format.

    Attributes:
        name: as it stands in tables, e.g. "onnx".
        ending: what follows the precision in a file's name, e.g. ".onnx".
        precisions: subset of ("full", "half", "int8").
        exporter: "module:function" called as exporter(job: pinch.export.job.Job) -> dict; writes job.output and returns
            what its record says besides the file: parity or guard, calibration, head.
        backend: "module:class" constructed as backend(path, device, threads), see pinch.runtimes.
    """

    name: str
    ending: str
    precisions: tuple[str, ...]
    exporter: str
    backend: str

    @property
    def is_folder(self) -> bool:
        """Whether an artifact of this format is a folder (then its ending is no suffix of a file)."""
        return not self.ending.startswith(".")

    def file(self, stem: str, precision: str | None) -> str:
        """The name of a file (or folder) of this format, e.g. "demo_int8.onnx"."""
        return f"{stem}{f'_{precision}' if precision else ''}{self.ending}"

    def load(self, attribute: str) -> Callable[..., Any]:
        """Import the function or class that `attribute` ("exporter" or "backend") names."""
        module, name = getattr(self, attribute).split(":")
        return getattr(importlib.import_module(module), name)


FORMATS = {
    entry.name: entry
    for entry in (
        Format(
            "onnx", ".onnx", ("full", "half", "int8"), "pinch.export.onnx:export", "pinch.runtimes.onnx:OnnxBackend"
        ),
        Format(
            "tflite",
            ".tflite",
            ("full", "half", "int8"),
            "pinch.export.tflite:export",
            "pinch.runtimes.tflite:TfliteBackend",
        ),
        Format(
            "openvino",
            "_openvino",
            ("full", "int8"),
            "pinch.export.openvino:export",
            "pinch.runtimes.openvino:OpenvinoBackend",
        ),
    )
}


def specs() -> list[str]:
    """Every artifact the registry can make, e.g. ["full.onnx", ..., "int8_openvino"]."""
    return [f"{precision}{entry.ending}" for entry in FORMATS.values() for precision in entry.precisions]


def parse_spec(spec: str) -> tuple[str, Format]:
    """Split "int8.onnx" into its precision and format.

    Raises:
        PinchError: no format of the registry makes it.
    """
    for entry in FORMATS.values():
        for precision in entry.precisions:
            if spec == f"{precision}{entry.ending}":
                return precision, entry
    raise PinchError(f"{spec!r} is not an artifact that can be made: choose from {', '.join(specs())}")


def format_of(path: str | Path) -> Format | None:
    """The format of a file or folder by its ending, whoever made it; None for a checkpoint or an unknown file."""
    return next((entry for entry in FORMATS.values() if Path(path).name.endswith(entry.ending)), None)
