"""The checkpoint from which a training starts."""

from pathlib import Path
from typing import Any

from pinch.core.errors import PinchError
from pinch.data import dataset
from pinch.weights import checkpoints
from pinch.weights.checkpoints import Checkpoint
from pinch.weights.pruning import activations
from pinch.weights.sources import require_teacher
from pinch.weights.training.request import Request


def open_base(request: Request, data: dataset.Dataset) -> Checkpoint:
    """The base of a training, from its file or, for a .yaml, with random weights.

    Raises:
        PinchError: it does not exist, or does not fit the request or the data set.
    """
    base = Path(request.base)
    checkpoint = open_file(base, len(data.names), request.seed)
    if request.teacher:
        require_teacher(request.teacher, checkpoint.model, data.names, str(data.path))
    if request.as_after and checkpoint.names != data.names:
        raise PinchError(
            f"{base} does not know the classes of {data.path}, so it cannot be tuned as --as-after says: leave that out"
        )
    if checkpoint.path.suffix != ".pt":
        return checkpoint
    pruned = checkpoints.is_pruned(checkpoint)
    if pruned and not request.pruned:
        raise PinchError(f"{base} is pruned: add --pruned-model, because training would make it dense otherwise")
    if request.pruned and not pruned:
        raise PinchError(f"{base} is not pruned: leave out --pruned-model")
    if pruned and len(checkpoint.names) != len(data.names):
        raise PinchError(
            f"{base} is pruned for {len(checkpoint.names)} classes, but {data.path} has {len(data.names)}: "
            "train on its classes, or train a dense model first and then prune it"
        )
    request.schedule.require_fitting(checkpoint)
    return checkpoint


def open_file(base: str | Path, classes: int, seed: int = 0) -> Checkpoint:
    """A base from its checkpoint or, for a .yaml, with random weights.

    Args:
        base: a checkpoint, or a .yaml of Ultralytics.
        classes: number of them, for a .yaml.
        seed: of the weights, for a .yaml.

    Raises:
        PinchError: it does not exist, cannot be read, or is no detector.
    """
    base = Path(base)
    if base.suffix in {".yaml", ".yml"}:
        return _from_scratch(base, classes, seed)
    if not base.is_file():
        hint = f": download it from the Ultralytics assets release to {base}" if len(base.parts) == 1 else ""
        raise PinchError(f"the base model {base} does not exist{hint}, or name another with --base-model")
    return checkpoints.load(base)


def _from_scratch(base: Path, classes: int, seed: int) -> Checkpoint:
    import torch
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(seed)
    try:
        model = DetectionModel(str(base), nc=classes, verbose=False)
    except Exception as error:  # Ultralytics builds whatever the file says
        raise PinchError(
            f"Ultralytics cannot build a plain detector from {base}: use a YOLO such as yolo11n.yaml"
        ) from error
    checkpoints.require_detection(base, model)
    return Checkpoint(base, model, {"method": "none", "ratio": 0.0, "tuned": False})


def sources(request: Request) -> list[Path | None]:
    """The checkpoints that a training starts or learns from."""
    return [Path(request.base), request.dense, request.teacher]


def write_start(request: Request, base: Checkpoint, identity: dict[str, Any], folder: Path) -> Path:
    """Write the checkpoint that Ultralytics starts from: the base, with what the trainer needs in its `pinch`."""
    model, noted = request.schedule.start(base)
    activations.replace(model, request.activation)
    checkpoints.save(folder / "start.pt", model, {**base.meta, **identity, **noted}, base)
    return folder / "start.pt"
