"""The registry of artifact formats and precisions: one entry has all that the workflow must know about one.

Rules, environments, tables, plots, commands and the demo page are made from it. Functions are named, not imported: a
job that times an ONNX file must not import TensorFlow.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pinch.core import provenance
from pinch.core.errors import PinchError


@dataclass(frozen=True)
class Precision:
    """How the numbers of an artifact are stored.

    Attributes:
        name: in file names and tables.
        meaning: what it means, for help texts.
        quantized: whether the file is checked by its accuracy on val; else it must compute what the checkpoint does.
        peak: the type of factors whose peak rate the speed of its files on the CPU is compared with (see
            `pinch.measuring.peak`); None where runtimes compute in several types.
        needs: instruction sets of which a processor must have one to compute in it; empty where every processor can.
            Elsewhere its files are made, but neither checked nor measured, because a runtime would compute otherwise,
            and slowly.
        marker: matplotlib's marker of an artifact in plots.
        colour: name of a colour in `pinch.report.plots.style.PALETTE`.
    """

    name: str
    meaning: str
    quantized: bool
    peak: str | None
    marker: str
    colour: str
    needs: tuple[str, ...] = ()

    @property
    def lacking(self) -> str | None:
        """Why this processor cannot run its files as they are meant; None where it can."""
        if not self.needs or provenance.has_any(self.needs):
            return None
        return f"this processor does not compute in {self.meaning} (it has none of {', '.join(self.needs)})"


PRECISIONS = {
    entry.name: entry
    for entry in (
        Precision("full", "float32", False, "float32", "o", "black"),
        Precision("half", "float16", False, None, "s", "orange"),
        Precision("bf16", "bfloat16", False, None, "P", "blue", ("avx512_bf16", "amx_bf16", "bf16")),
        Precision("int8", "8-bit integers", True, "int8", "^", "green"),
    )
}
"""By name, in the order of legends."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """One artifact format.

    Attributes:
        name: in tables, e.g. "onnx"; `export_<name>` is the rule that makes its artifacts.
        ending: what follows the precision in a file's name, e.g. ".onnx"; a folder's does not begin with a dot.
        backend: "module:class" constructed as backend(path, device, threads, imgsz, exact), see pinch.runtimes.
        devices: devices of that runtime, a subset of ("cpu", "gpu").
        content: a pattern of files in a folder of this format, by which a folder with another name is recognized.
        precisions: precisions that can be exported, a subset of PRECISIONS.
        exporter: "module:function" called as exporter(job: pinch.artifacts.job.ExportJob). It writes job.output and
            returns what its record says besides the file, as `pinch.core.record_types.exports.ExportDetails`.
        environment: the conda environment of its export, `envs/<environment>.yaml`.
        is_default: whether quantization.py makes it by default.
        filling: matplotlib's fill style of the markers in plots.
        slow: why files of a precision whose network has an activation are known to be slow, by both.
        costly: what takes their time where they are not faster than float ones, by both.
        targeted: whether quantized files are made for one kind of processor (see `pinch.run.targets`).
        app_runtime: what runs its files in an app on a phone; None: nothing does.
    """

    name: str
    ending: str
    backend: str
    devices: tuple[str, ...] = ("cpu",)
    content: str | None = None
    precisions: tuple[str, ...] = ()
    exporter: str = ""
    environment: str = ""
    is_default: bool = False
    filling: str = "full"
    slow: Mapping[tuple[str, str], str] = field(default_factory=dict, hash=False)
    costly: Mapping[tuple[str, str], str] = field(default_factory=dict, hash=False)
    targeted: bool = False
    app_runtime: str | None = None

    @property
    def is_folder(self) -> bool:
        """Whether an artifact of this format is a folder (its ending is then not a file suffix)."""
        return not self.ending.startswith(".")

    def file(self, stem: str, precision: str | None) -> str:
        """The name of a file (or folder) of this format, e.g. "demo_int8.onnx"."""
        return f"{stem}{f'_{precision}' if precision else ''}{self.ending}"

    @property
    def specs(self) -> list[str]:
        """Every artifact of this format, e.g. ["full.onnx", "half.onnx", "int8.onnx"]."""
        return [f"{precision}{self.ending}" for precision in self.precisions]

    def require_app_runtime(self, path: str | Path) -> str:
        """What runs a file of this format in an app on a phone.

        Raises:
            PinchError: nothing does.
        """
        if self.app_runtime is None:
            fit = ", ".join(entry.ending for entry in FORMATS.values() if entry.app_runtime)
            raise PinchError(f"{path} cannot be bundled: apps on phones run {fit} files, so export it to one of these")
        return self.app_runtime

    def load(self, attribute: str) -> Callable[..., Any]:
        """Import the function or class that `attribute` ("exporter" or "backend") names."""
        module, name = getattr(self, attribute).split(":")
        return getattr(importlib.import_module(module), name)


FORMATS = {
    entry.name: entry
    for entry in (
        Format(
            name="onnx",
            ending=".onnx",
            backend="pinch.runtimes.onnx:OnnxBackend",
            devices=("cpu", "gpu"),
            precisions=("full", "half", "int8"),
            exporter="pinch.artifacts.onnx:export",
            environment="export_onnx",
            is_default=True,
            filling="full",
            costly={("int8", "silu"): "ONNX Runtime computes SiLU of integers in two operators, that of floats in one"},
            targeted=True,
            app_runtime="ONNX Runtime",
        ),
        Format(
            name="tflite",
            ending=".tflite",
            backend="pinch.runtimes.tflite:TfliteBackend",
            precisions=("full", "half", "int8"),
            exporter="pinch.artifacts.tflite:export",
            environment="export_tflite",
            is_default=True,
            filling="none",
            slow={("int8", "hardswish"): "LiteRT has no fast integer hardswish on x86"},
            app_runtime="LiteRT",
        ),
        Format(
            name="openvino",
            ending="_openvino",
            backend="pinch.runtimes.openvino:OpenvinoBackend",
            content="*.xml",  # Ultralytics calls such folders <model>_openvino_model
            precisions=("full", "bf16", "int8"),
            exporter="pinch.artifacts.openvino:export",
            environment="export_openvino",
            filling="left",
            targeted=True,
        ),
    )
}
"""By name, in the order of tables and legends."""
REFERENCE = ("full", "onnx")
"""Precision and format of the artifact of a model that others are compared with, in time and size."""
CHECKPOINT = Format(name="pt", ending=".pt", backend="pinch.runtimes.torch:TorchBackend", devices=("cpu", "gpu"))
"""How a checkpoint is run. It is not in the registry because it is no artifact."""


def lacking(precision: str | None) -> str | None:
    """Why this processor cannot run files of a precision as they are meant; None where it can, or if it is unknown."""
    return PRECISIONS[precision].lacking if precision in PRECISIONS else None


def endings() -> list[str]:
    """The endings of all models that can be run, checkpoints first."""
    return [entry.ending for entry in (CHECKPOINT, *FORMATS.values())]


def specs() -> list[str]:
    """Every artifact the registry can make, e.g. ["full.onnx", ..., "int8_openvino"]."""
    return [spec for entry in FORMATS.values() for spec in entry.specs]


def default_specs() -> list[str]:
    """The artifacts that are made by default."""
    return [spec for entry in FORMATS.values() if entry.is_default for spec in entry.specs]


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
    """The format of a file or folder by its ending, or of a folder by its content, made by Pinch or others.

    Returns:
        None for a checkpoint or an unknown format.
    """
    path = Path(path)
    by_name = (entry for entry in FORMATS.values() if path.name.endswith(entry.ending))
    by_content = (entry for entry in FORMATS.values() if entry.content and next(path.glob(entry.content), None))
    return next(by_name, None) or next(by_content, None)
