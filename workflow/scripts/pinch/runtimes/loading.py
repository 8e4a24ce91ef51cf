"""Find the runtime of a model, and load it there."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from pinch.core.errors import PinchError
from pinch.run.formats import CHECKPOINT, Format, endings, format_of
from pinch.runtimes.base import Backend
from pinch.runtimes.postprocess import is_end_to_end


def open(
    path: str | Path, device: str = "cpu", threads: int = 1, imgsz: int | None = None, exact: bool = False
) -> Backend:
    """Load a detector, made by Pinch or by others, into its runtime.

    Args:
        path: `.pt`, or a file or folder of a format in the registry.
        device: "cpu" or "gpu".
        threads: number of threads of the runtime on the CPU.
        imgsz: side of the input in pixels, for models that take any size.
        exact: compute an int8 file for other processors (see `pinch.run.targets`) as those do, in more time, where the
            runtime can; for measuring accuracy, not time.

    Raises:
        PinchError: the file does not exist, has no known format, cannot be read or is no detector, or the device cannot
            run it.
    """
    return try_once(load(path, device, threads, imgsz, exact))


def load(
    path: str | Path, device: str = "cpu", threads: int = 1, imgsz: int | None = None, exact: bool = False
) -> Backend:
    """The first step of `open`: load a file, without running it."""
    path = Path(path)
    kind = backend_of(path, device)
    with _one_sentence(path):
        return kind(path, device, threads, imgsz, exact)


def try_once(backend: Backend) -> Backend:
    """The second step of `open`: run a loaded file on a black image, and refuse it if it is no detector."""
    with _one_sentence(backend.path):
        output = backend.infer(np.zeros((1, 3, *backend.shape), np.float32))
    _require_detections(backend, output.shape)
    return backend


def backend_of(path: Path, device: str) -> Callable[..., Backend]:
    """Import the runtime of a file.

    Raises:
        PinchError: the file does not exist or has no known format, or its runtime does not run on the device.
    """
    entry = find_format(path)
    if device not in entry.devices:
        raise PinchError(f"{path} cannot run on the {device}: its runtime runs on {', '.join(entry.devices)} only")
    return entry.load("backend")


@contextlib.contextmanager
def _one_sentence(path: Path) -> Iterator[None]:
    """Whatever a runtime raises in the block is said in one sentence.

    Raises:
        PinchError: always in place of another exception.
    """
    try:
        yield
    except PinchError:
        raise
    except Exception as error:
        raise PinchError(
            f"{path} cannot be loaded ({_reason(error)}): it may be damaged or no detector, so export it again"
        ) from error


def _reason(error: Exception) -> str:
    """The first line of an error that says something."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line for line in lines if line and not line.startswith("Exception from ")), type(error).__name__)


def _require_detections(backend: Backend, shape: tuple[int, ...]) -> None:
    """Refuse a model whose output for one image has another shape than a detector's.

    Raises:
        PinchError: it is another, for example because the model segments or classifies.
    """
    if is_end_to_end(shape):
        return
    classes = len(backend.names) or "classes"
    if len(shape) != 3 or (shape[1] != 4 + len(backend.names) if backend.names else shape[1] <= 4):
        raise PinchError(
            f"{backend.path} is no YOLO detector: its output has the shape {shape}, not (1, 4 + {classes}, anchors)"
        )


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
