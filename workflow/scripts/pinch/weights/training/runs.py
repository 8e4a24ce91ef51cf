"""The run folder of a training: whether Pinch made it, and whether its content belongs to this request.

A training is requested again after a kill, a time limit or a change of the configuration. An earlier run is resumed or
reused only if it gives the same result. So everything that shapes the result is part of a request's identity, which is
saved in every checkpoint of the run. Other versions of packages may change the result a little: an unfinished run then
starts from the beginning, but a finished model stays valid.
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
"""The kind of run folders, see `pinch.core.ownership.mark`."""

# Training arguments that do not change the result, but say where and how fast a training runs.
_LOCAL = ("project", "name", "exist_ok", "workers", "cache", "distill_model")
# Packages that compute, or change images, during training.
_PACKAGES = ("torch", "torchvision", "ultralytics", "numpy", "opencv-python")


def claim(folder: Path) -> None:
    """Check, before any work, that a run may be written to `folder` and removed from it.

    Raises:
        PinchError: the folder exists and is not a run folder of Pinch.
    """
    if folder.is_dir() and not is_marked(folder, KIND) and _is_of_earlier_version(folder):
        mark(folder, KIND)
    require_replaceable(folder, KIND)


def _is_of_earlier_version(folder: Path) -> bool:
    """Whether it is a run folder of a version without marks: its training read files of a scratch folder of Pinch."""
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
    """The identity of a request, which is equal for requests of the same training.

    Args:
        arguments: all training arguments, including those of the recipe.
        sources: checkpoints that it starts or learns from; None for one that is not used.
        data: the data set; its location does not matter (see `pinch.data.dataset.digest`).

    Returns:
        `request`, a digest of everything that shapes the result, and the `versions` of the packages that compute it.
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
        finished: whether it was finished.
        versions: versions of the packages that it used.
    """

    last: Path
    finished: bool
    versions: dict[str, str]


def left_by(folder: Path, wanted: dict[str, Any]) -> Left | None:
    """What an earlier run of the same request left; None if training must start from the beginning.

    The reason is printed.

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
        print(f"{error}: training starts from the beginning", flush=True)
        return None
    if found.get("request") != wanted["request"]:
        print(f"{last} is of another request (data, base or settings): training starts from the beginning", flush=True)
        return None
    if is_finished(last):
        print(f"{last} is of this request and finished: its model is reused (--fresh trains again)", flush=True)
        return Left(last, True, found["versions"])
    if changed := _changes(found.get("versions", {}), wanted["versions"]):
        print(f"{last} was made with other packages ({changed}): training starts from the beginning", flush=True)
        return None
    print(f"resuming from {last}", flush=True)
    return Left(last, False, found["versions"])


def _changes(before: dict[str, str], now: dict[str, str]) -> str:
    return ", ".join(
        f"{name} {before.get(name)} then, {now[name]} now" for name in now if before.get(name) != now[name]
    )


def is_finished(last: Path) -> bool:
    """Whether training ended, even if the job did not; its last step strips last.pt, which sets the epoch to -1."""
    import torch

    content = torch.load(last, map_location="cpu", weights_only=False)
    return content["epoch"] < 0 or content["epoch"] + 1 >= content["train_args"]["epochs"]


def renew(folder: Path) -> None:
    """Remove the run folder of an earlier run, and create a new one."""
    remove_folder(folder, KIND)
    mark(folder, KIND)
