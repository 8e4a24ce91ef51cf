"""Checkpoints: as Ultralytics saves them, with one more entry that says how the model was pruned.

A checkpoint is Ultralytics' dictionary; `model` is a `DetectionModel` of stock classes in half precision, so it opens
wherever Ultralytics is installed. The entry `pinch` is a plain dictionary:

    method         "none", "coarse" or "fine"
    ratio          the requested fraction of channels (coarse) or weights (fine)
    tuned          whether it was trained after pruning, or is the twin of a base, which was trained likewise
    masks          fine only: {name of the weight: packed bits}, see pinch.weights.pruning.masks
    source_sha256  SHA-256 of the checkpoint that was pruned
    settings       how it was pruned (ranking, spread, ...)
"""

import contextlib
import copy
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pinch.core.environment import SAFE_LOAD
from pinch.core.errors import PinchError
from pinch.core.files import atomic, sha256
from pinch.core.record_types.weights import NetworkSize
from pinch.run import predicting

_STOCK_PACKAGES = ("torch.nn.", "ultralytics.nn.")
# Share of exact zeros among convolution weights above which a checkpoint from elsewhere counts as pruned: training
# leaves almost none, and usual ratios are 10% or more.
_PRUNED_ZEROS = 0.05
# Numpy's types of numbers, of which Ultralytics allows one; metrics may be of any.
_NUMBERS: list[Any] = [getattr(np.dtypes, name) for name in np.dtypes.__all__ if "Object" not in name]
# What PyTorch says of a pickle that asks for more than Ultralytics' list of classes.
_FOREIGN = re.compile(r"GLOBAL (\S+)|got <class '(\S+)'>|function (<.+?>)|unsafe (getattr)")


@dataclass
class Checkpoint:
    """An opened checkpoint.

    Attributes:
        path: the file that it was read from.
        model: the network (`ultralytics.nn.tasks.DetectionModel`), float32, in eval mode, on the CPU.
        meta: the entry `pinch` (see above); `{"method": "none", ...}` if the file has none.
        train_args: Ultralytics' training arguments, as far as they are in the file.
    """

    path: Path
    model: Any
    meta: dict[str, Any]
    train_args: dict[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Class names in the order of the classes' numbers."""
        names = self.model.names
        return [str(names[i]) for i in sorted(names)] if isinstance(names, dict) else [str(n) for n in names]

    @property
    def imgsz(self) -> int:
        """The image size that it was trained at, in pixels; Ultralytics' default if the file does not say."""
        said = self.train_args.get("imgsz")
        return said if isinstance(said, int) and said > 0 else predicting.IMGSZ

    @property
    def sha256(self) -> str:
        """SHA-256 of the file."""
        return sha256(self.path)


def load(path: str | Path) -> Checkpoint:
    """Open a detection checkpoint, made by Pinch or by Ultralytics, without running code of it.

    Raises:
        PinchError: the file is missing, is an exported or quantized model, cannot be read, needs classes that detectors
            do not consist of, or is not a detection model.
    """
    from ultralytics.nn.tasks import load_checkpoint

    path = Path(path)
    model: Any
    with _reading(path):
        model, content = load_checkpoint(path)
    require_detection(path, model, quantized=bool(content.get("modelopt")))
    meta = content.get("pinch") or {"method": "none", "ratio": 0.0, "tuned": False}
    return Checkpoint(path, model, meta, dict(content.get("train_args") or {}))


def content(path: Path) -> dict[str, Any]:
    """The dictionary in a checkpoint, opened as by `load`; see there for what is raised."""
    from ultralytics.nn.tasks import torch_safe_load

    with _reading(path):
        return torch_safe_load(path)[0]


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Check that Ultralytics may open `path`, and say in one sentence what goes wrong when it does."""
    from ultralytics.utils import SAFE_LOAD as RESTRICTED

    assert RESTRICTED or SAFE_LOAD in os.environ, "isolate_ultralytics must be called before Ultralytics is imported"
    _require_whole(path)
    take_names_as_they_are()
    torch.serialization.add_safe_globals(_NUMBERS)
    try:
        yield
    except (OSError, MemoryError):
        raise
    except Exception as error:
        if foreign := _FOREIGN.search(str(error.__cause__)):
            raise PinchError(
                f"the checkpoint {path} is not opened because it needs {foreign[foreign.lastindex or 0]}, which is no"
                f" part of a detector and may run any code: if you trust its origin, set the variable {SAFE_LOAD}=0"
            ) from error
        raise _unreadable(path) from error


def take_names_as_they_are() -> None:
    """Make Ultralytics open exactly the file that is named: it changes some names and looks online for the new ones."""
    from ultralytics.nn import tasks
    from ultralytics.utils import downloads

    tasks.check_suffix = lambda **_: None  # takes what follows a question mark for a part of an address
    downloads.attempt_download_asset = lambda file, **_: str(file)


def _require_whole(path: Path) -> None:
    if path.suffix != ".pt":
        raise PinchError(
            f"{path} is not a .pt checkpoint: exported and quantized models cannot be pruned or trained, so give the "
            "checkpoint that it was made from"
        )
    if not path.is_file():
        raise PinchError(f"the checkpoint {path} does not exist: correct the path")
    try:
        with zipfile.ZipFile(path) as archive:
            whole = archive.testzip() is None  # PyTorch does not compare checksums
    except zipfile.BadZipFile:
        whole = False
    if not whole:
        raise _unreadable(path)


def _unreadable(path: Path) -> PinchError:
    return PinchError(
        f"the checkpoint {path} cannot be read: it is damaged or was not saved by Ultralytics, so give another one"
    )


def require_detection(path: Path, model: Any, quantized: bool = False) -> None:
    """Refuse a network that is not a plain YOLO detector.

    Raises:
        PinchError: it is quantized, or made for another task.
    """
    from ultralytics.nn.modules.head import Detect, v10Detect
    from ultralytics.nn.tasks import DetectionModel

    if quantized or any(not p.is_floating_point() for p in model.parameters()):
        raise PinchError(f"{path} is a quantized checkpoint: give the one that it was made from")
    task = getattr(model, "task", None)
    layers: Any = getattr(model, "model", [None])
    # Heads of other tasks, which a .yaml may name, are subclasses of Detect.
    if type(model) is not DetectionModel or type(layers[-1]) not in (Detect, v10Detect):
        found = type(layers[-1] if type(model) is DetectionModel else model).__name__
        found = f"a model for {task!r}" if task and task != "detect" else f"a {found}"
        raise PinchError(f"{path} is not a detection model but {found}: only YOLO detectors are supported")


def save(path: str | Path, model: nn.Module, meta: dict[str, Any], like: Checkpoint) -> None:
    """Write `model`, which is not changed, with `meta` in half precision; training arguments are those of `like`."""
    import ultralytics

    _require_stock(model)
    content = {
        "epoch": -1,
        "model": _frozen_half(model),
        "ema": None,
        "optimizer": None,
        "train_args": like.train_args,
        "version": ultralytics.__version__,
        "license": "AGPL-3.0 License (https://ultralytics.com/license)",
        "docs": "https://docs.ultralytics.com",
        "pinch": meta,
    }
    with atomic(path) as temporary, open(temporary, "wb") as stream:
        torch.save(content, stream)  # to a path, PyTorch would not say why it cannot write


def _frozen_half(model: nn.Module) -> nn.Module:
    frozen: Any = copy.deepcopy(model).half().eval()
    for leftover in ("criterion", "pt_path", "pinch"):
        if hasattr(frozen, leftover):
            delattr(frozen, leftover)
    if hasattr(frozen, "args"):
        arguments = frozen.args
        frozen.args = dict(arguments if isinstance(arguments, dict) else vars(arguments))
    return frozen.requires_grad_(False)


def _require_stock(model: nn.Module) -> None:
    ours = {f"{type(m).__module__}.{type(m).__name__}" for m in model.modules()}
    ours = {name for name in ours if not name.startswith(_STOCK_PACKAGES)}
    assert not ours, f"classes that a plain Ultralytics cannot open: {sorted(ours)}"


def describe(model: nn.Module, imgsz: int) -> NetworkSize:
    """Number of parameters, of nonzero ones, and of multiply-accumulates for an image of imgsz x imgsz pixels.

    Multiply-accumulates are those of convolutions and matrix products: half of what torch's counter calls
    floating-point operations.
    """
    parameters = list(model.parameters())
    channels = int(next(p for p in parameters if p.ndim == 4).shape[1])
    image = torch.zeros(1, channels, imgsz, imgsz, device=parameters[0].device, dtype=parameters[0].dtype)
    counter = FlopCounterMode(display=False)
    training = model.training
    with torch.no_grad(), counter:
        model.eval()(image)
    model.train(training)
    return NetworkSize(
        parameters=count_parameters(model),
        nonzero_parameters=sum(int(p.count_nonzero()) for p in parameters),
        macs=counter.get_total_flops() // 2,
    )


def count_parameters(network: Any) -> int:
    """The number of a network's parameters, zeros too."""
    return sum(parameter.numel() for parameter in network.parameters())


def is_pruned(checkpoint: Checkpoint) -> bool:
    """Whether it was pruned, by Pinch (see its `pinch` entry) or elsewhere (zeros, or narrower than its yaml)."""
    return (
        checkpoint.meta["method"] != "none"
        or conv_sparsity(checkpoint.model) > _PRUNED_ZEROS
        or _is_reshaped(checkpoint)
    )


def require_unpruned(checkpoint: Checkpoint) -> None:
    """Refuse to prune twice.

    Raises:
        PinchError: it is pruned already.
    """
    if is_pruned(checkpoint):
        raise PinchError(f"{checkpoint.path} is already pruned: prune the model that it was made from")


def conv_sparsity(model: nn.Module) -> float:
    """The fraction of exact zeros among all convolution weights."""
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Conv2d)]
    return 1 - sum(int(w.count_nonzero()) for w in weights) / sum(w.numel() for w in weights)


def _is_reshaped(checkpoint: Checkpoint) -> bool:
    """Whether the network differs from what Ultralytics would build from its yaml, as after the removal of channels."""
    from ultralytics.nn.tasks import DetectionModel

    plan = copy.deepcopy(checkpoint.model.yaml)
    try:
        stock = DetectionModel(plan, ch=plan.get("channels", 3), verbose=False)
    except Exception as error:
        raise PinchError(
            f"Ultralytics cannot build the network that {checkpoint.path} describes: give another checkpoint"
        ) from error
    shapes = {name: tensor.shape for name, tensor in checkpoint.model.state_dict().items()}
    return shapes != {name: tensor.shape for name, tensor in stock.state_dict().items()}
