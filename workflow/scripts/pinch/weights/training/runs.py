"""The run folder of a training: whose it is, and whether what lies in it belongs to this request.

A training is asked for again after a kill, a time limit or a change of the configuration. What it left is gone on with
only if it would come out the same: what shapes a result makes a request's identity, which every checkpoint of a run
carries. Versions of packages may change a result a little: they end an unfinished run, but a finished model stands.
"""

import hashlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from pinch import __version__
from pinch.core.errors import PinchError
from pinch.core.files import sha256
from pinch.core.ownership import is_marked, mark, remove_folder, require_replaceable
from pinch.data import dataset
from pinch.data.dataset import Dataset
from pinch.weights import checkpoints

KIND = "training run"
"""The mark of run folders, see `pinch.core.ownership.mark`."""

# Training arguments that say where and how fast a training runs, not what comes out.
_LOCAL = ("project", "name", "exist_ok", "workers", "cache", "distill_model")
# What computes or changes pictures during training.
_PACKAGES = ("torch", "torchvision", "ultralytics", "numpy", "opencv-python")


def claim(folder: Path) -> None:
    """Make sure that a run may be written to `folder`, and removed from it; before any work.

    Raises:
        PinchError: the folder is there and is no run folder of Pinch.
    """
    if folder.is_dir() and not is_marked(folder, KIND) and _is_of_earlier_version(folder):
        mark(folder, KIND)
    require_replaceable(folder, KIND)


def _is_of_earlier_version(folder: Path) -> bool:
    """Whether it is a run folder of a version that set no mark: its training started from a scratch folder of Pinch."""
    path = folder / "args.yaml"
    if not path.is_file():
        return False
    try:
        arguments = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError):
        return False
    if not isinstance(arguments, dict):
        return False
    origins = [Path(str(arguments.get(key))).parent.name for key in ("model", "data")]
    return any(origin.startswith(f".{folder.name}-") for origin in origins)


def identity(arguments: dict[str, Any], sources: list[Path | None], data: Dataset) -> dict[str, Any]:
    """What makes two requests the same training.

    Args:
        arguments: all training arguments, those of the recipe included.
        sources: checkpoints that it starts or learns from; None for one that is not used.
        data: the data set. Its classes in their order, its pictures' names and sizes, and its labels count, not where
            it lies.

    Returns:
        `request`, a digest of what shapes the result, and the `versions` of the packages that compute it.
    """
    shaping = {key: value for key, value in arguments.items() if key not in _LOCAL}
    files = [sha256(path) if path and path.is_file() else str(path) for path in sources]
    content = json.dumps([shaping, files, dataset.digest(data, ("train", "val"))], sort_keys=True, default=str)
    versions = {package: importlib.metadata.version(package) for package in _PACKAGES}
    return {"request": hashlib.sha256(content.encode()).hexdigest(), "versions": versions | {"pinch": __version__}}


class Left(NamedTuple):
    """What an earlier run of the same request left.

    Attributes:
        last: its last.pt.
        finished: whether it had come to its end.
        versions: of the packages that it ran with.
    """

    last: Path
    finished: bool
    versions: dict[str, str]


def left_by(folder: Path, wanted: dict[str, Any]) -> Left | None:
    """What an earlier run of the same request left; None where the training begins anew, after saying why.

    Args:
        folder: the run folder.
        wanted: the request's `identity`.
    """
    last = folder / "weights" / "last.pt"
    if not last.is_file():
        return None
    try:
        found = getattr(checkpoints.load(last).model, "pinch", {})
    except PinchError as error:
        print(f"{error}: starting anew", flush=True)
        return None
    if found.get("request") != wanted["request"]:
        print(f"{last} is of another request (other data, base or settings): starting anew", flush=True)
        return None
    if _is_finished(last):
        print(f"{last} is the finished training of this request: its model is taken (--fresh trains anew)", flush=True)
        return Left(last, True, found["versions"])
    if changed := _changes(found.get("versions", {}), wanted["versions"]):
        print(f"{last} is of an unfinished training with other packages ({changed}): starting anew", flush=True)
        return None
    print(f"going on from {last}", flush=True)
    return Left(last, False, found["versions"])


def _changes(before: dict[str, str], now: dict[str, str]) -> str:
    return ", ".join(
        f"{name} {before.get(name)} then, {now[name]} now" for name in now if before.get(name) != now[name]
    )


def _is_finished(last: Path) -> bool:
    """Whether training ended (its last step strips last.pt, which sets the epoch to -1), if not the whole job."""
    import torch

    content = torch.load(last, map_location="cpu", weights_only=False)
    return content["epoch"] < 0 or content["epoch"] + 1 >= content["train_args"]["epochs"]


def renew(folder: Path) -> None:
    """Remove what an earlier run left, and make a new run folder."""
    remove_folder(folder, KIND)
    mark(folder, KIND)
