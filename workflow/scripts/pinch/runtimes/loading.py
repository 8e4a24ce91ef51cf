"""Find the runtime of a model, and load it there."""

from pathlib import Path

from pinch.core.errors import PinchError
from pinch.run.formats import CHECKPOINT, Format, endings, format_of
from pinch.runtimes.base import Backend


def open(path: str | Path, device: str = "cpu", threads: int = 1, imgsz: int | None = None) -> Backend:
    """Load a detector, made by Pinch or by others, into its runtime.

    Args:
        path: `.pt`, or a file or folder of a format in the registry.
        device: "cpu" or "gpu".
        threads: number of threads of the runtime on the CPU.
        imgsz: side of the input in pixels, for models that take any size.

    Raises:
        PinchError: the file does not exist, has no known format or cannot be read, or the device cannot run it.
    """
    path = Path(path)
    entry = find_format(path)
    if device not in entry.devices:
        raise PinchError(f"{path} cannot run on the {device}: its runtime runs on {', '.join(entry.devices)} only")
    backend = entry.load("backend")
    try:
        return backend(path, device, threads, imgsz)
    except PinchError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise PinchError(f"{path} cannot be loaded ({reason}): it may be incomplete, so export it again") from error


def find_format(path: str | Path) -> Format:
    """The format of a model, checkpoints included.

    Raises:
        PinchError: it does not exist or is of no known format.
    """
    path = Path(path)
    if not path.exists():
        raise PinchError(f"model {path} does not exist: correct the path")
    if path.suffix == CHECKPOINT.ending:
        return CHECKPOINT
    entry = format_of(path)
    if entry is None:
        raise PinchError(f"{path} is not a model that Pinch can run: its name must end in {', '.join(endings())}")
    return entry
