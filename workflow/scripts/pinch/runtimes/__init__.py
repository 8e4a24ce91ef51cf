"""Run a detector of any format: from picture to boxes, numpy in and numpy out.

Importing this package loads no runtime: `open` imports the one that the file needs.
"""

from pathlib import Path
from typing import Any

from pinch.errors import PinchError
from pinch.formats import FORMATS, Format, format_of
from pinch.runtimes.base import Backend

CHECKPOINT = Format("pt", ".pt", (), "", "pinch.runtimes.torch:TorchBackend")
"""How to run a checkpoint; it is no artifact, so it stands outside the registry."""

__all__ = ["Backend", "find_format", "open"]


def open(path: str | Path, device: str = "cpu", threads: int = 1, imgsz: int | None = None) -> Backend:
    """Load a detector, made here or by others, into its runtime.

    Args:
        path: `.pt`, a file or folder of a format in the registry, or a folder of OpenVINO.
        device: "cpu" or "gpu".
        threads: threads the runtime may use on the CPU.
        imgsz: side of the input in pixels, for models that take any.

    Raises:
        PinchError: nothing there, no known format, not readable, or the device cannot run it.
    """
    path = Path(path)
    backend: Any = find_format(path).load("backend")
    if device not in backend.devices:
        raise PinchError(
            f"{path} cannot run on the {device} here: its runtime runs on {', '.join(backend.devices)} only"
        )
    try:
        return backend(path, device, threads, imgsz)
    except PinchError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise PinchError(f"{path} cannot be loaded ({reason}): is it a whole model? Export it again") from error


def find_format(path: str | Path) -> Format:
    """The format of a model, checkpoints included.

    Raises:
        PinchError: it does not exist or is of no known format.
    """
    path = Path(path)
    if not path.exists():
        raise PinchError(f"model {path} does not exist")
    if path.suffix == CHECKPOINT.ending:
        return CHECKPOINT
    entry = format_of(path)
    if entry is None and path.is_dir() and next(path.glob("*.xml"), None):
        entry = FORMATS["openvino"]  # Ultralytics calls such folders <model>_openvino_model
    if entry is None:
        endings = ", ".join([CHECKPOINT.ending, *(entry.ending for entry in FORMATS.values())])
        raise PinchError(f"{path} is no model Pinch can run: expected a name ending in {endings}")
    return entry
