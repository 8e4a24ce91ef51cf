"""Pretrained weights, and detectors trained elsewhere."""

import shutil
from pathlib import Path
from typing import Any

from pinch.core.errors import PinchError
from pinch.core.files import atomic
from pinch.data import dataset
from pinch.weights import checkpoints
from pinch.weights.checkpoints import Checkpoint

PATIENCE = 5
"""Seconds to wait for each answer before the network counts as unreachable."""
RELEASES = "https://github.com/ultralytics/assets/releases/latest/download"


def fetch(name: str, output: Path) -> None:
    """Download one of Ultralytics' weights from its release page.

    Raises:
        PinchError: Ultralytics publishes no such file, or the network cannot be reached.
    """
    import requests
    from ultralytics.utils import downloads

    if name not in downloads.GITHUB_ASSETS_NAMES:
        raise PinchError(
            f"{name} is not one of Ultralytics' weights: for another checkpoint, give its path as base_model"
        )
    url = f"{RELEASES}/{name}"
    with atomic(output) as temporary:
        try:
            requests.head(url, timeout=PATIENCE)  # Ultralytics would wait for minutes
            downloads.safe_download(
                url, file=temporary.name, dir=temporary.parent, min_bytes=1e5, progress=False, retry=2
            )
        except (OSError, MemoryError) as error:
            unreachable = isinstance(error, ConnectionError | requests.RequestException)
            reason = "the network cannot be reached" if unreachable else error
            raise PinchError(
                f"{name} could not be downloaded from {url} ({reason}): run this with network access, or put the file"
                f" at {output}"
            ) from error
        if not temporary.exists():
            raise PinchError(f"{name} could not be downloaded: put the file at {output} yourself")
        checkpoints.load(temporary)


def adopt(model: Path, data: Path, output: Path) -> None:
    """Copy a detector that was trained elsewhere, after checking that it fits the data set.

    Raises:
        PinchError: the file is not a readable detection checkpoint, or its classes are not the data set's.
    """
    require_classes(checkpoints.load(model), dataset.load(data).names, str(data))
    with atomic(output) as temporary:
        shutil.copyfile(model, temporary)


def require_teacher(path: Path, student: Any, classes: list[str], source: str) -> None:
    """Refuse a checkpoint from which a network cannot learn.

    Args:
        path: the checkpoint.
        student: the network.
        classes: names that it detects, in their order.
        source: what has these classes, for the message.

    Raises:
        PinchError: it cannot be read, is no detector, or detects other classes or at other scales.
    """
    teacher = checkpoints.load(path)
    require_classes(teacher, classes, source)
    scales, own = (network.model[-1].nl for network in (teacher.model, student))
    if scales != own:
        raise PinchError(
            f"{path} detects at {scales} scales, but the network that learns from it at {own}: choose another teacher"
        )


def require_classes(checkpoint: Checkpoint, expected: list[str], source: str) -> None:
    """Refuse a detector that does not detect the expected classes.

    Args:
        checkpoint: the detector.
        expected: names of classes in their order.
        source: what has these classes, for the message.

    Raises:
        PinchError: they are not the same, in the same order.
    """
    if checkpoint.names != expected:
        raise PinchError(
            f"{checkpoint.path} detects {checkpoint.names}, but {source} has the classes {expected}: they must be the "
            "same, in the same order"
        )
