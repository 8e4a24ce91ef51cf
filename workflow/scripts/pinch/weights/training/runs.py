"""The run folder of a training: whether Pinch made it, and whether its content belongs to this request.

A training is requested again after a kill, a time limit or a change of the configuration. An earlier run is resumed or
reused only if it gives the same result. So everything that shapes the result is part of a request's identity, which is
saved in every checkpoint of the run. Other versions of packages may change the result a little: an unfinished run then
starts from the beginning, but a finished model stays valid.
"""

import hashlib
import importlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from pinch import __version__
from pinch.core.files import sha256
from pinch.core.ownership import is_marked, mark, remove_folder, require_replaceable
from pinch.weights import checkpoints
from pinch.weights.training import results

KIND = "training run"
"""The kind of run folders, see `pinch.core.ownership.mark`."""

# Training arguments that do not change the result, but say where and how fast a training runs.
_LOCAL = ("project", "name", "exist_ok", "workers", "cache", "distill_model")
# Packages that compute, or change images, during training.
_PACKAGES = ("torch", "torchvision", "ultralytics", "numpy", "opencv-python")
# The module of a package, where another build of it has another name: on machines without a screen, for example.
_MODULES = {"opencv-python": "cv2"}


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


def identity(arguments: dict[str, Any], sources: list[Path | None], data: str) -> dict[str, Any]:
    """The identity of a request, which is equal for requests of the same training.

    Args:
        arguments: all training arguments, including those of the recipe.
        sources: checkpoints that it starts or learns from; None for one that is not used.
        data: digest of the data set's train and val splits (see `pinch.data.manifest`).

    Returns:
        `request`, a digest of everything that shapes the result, and the `versions` of the packages that compute it.
    """
    shaping = {key: value for key, value in arguments.items() if key not in _LOCAL}
    files = [sha256(path) if path and path.is_file() else str(path) for path in sources]
    content = json.dumps([shaping, files, data], sort_keys=True, default=str)
    versions = {package: _version(package) for package in _PACKAGES}
    return {"request": hashlib.sha256(content.encode()).hexdigest(), "versions": versions | {"pinch": __version__}}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return importlib.import_module(_MODULES.get(package, package)).__version__


class Left(NamedTuple):
    """What an earlier run of the same request left.

    Attributes:
        last: the checkpoint to go on from: its last.pt or, if that cannot be read, its best.pt.
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
    if not (folder / results.RESULTS).is_file():
        return None
    last, best = folder / "weights" / "last.pt", folder / "weights" / "best.pt"
    for path in (last, best):
        if path.is_file() and (content := _open(path)) is not None:
            break
    else:
        return None
    found = _identity_of(content)
    if found.get("request") != wanted["request"]:
        print(f"{path} is of another request (data, base or settings): training starts from the beginning", flush=True)
        return None
    if _is_finished(content):
        if path == last and not (best.is_file() and _open(best)):
            print(f"the model of this finished run, {best}, is lost: training starts from the beginning", flush=True)
            return None
        print(f"{path} is of this request and finished: its model is reused (--fresh trains again)", flush=True)
        return Left(path, True, found["versions"])
    if changed := _changes(found.get("versions", {}), wanted["versions"]):
        print(f"{path} was made with other packages ({changed}): training starts from the beginning", flush=True)
        return None
    print(f"resuming from {path}, which has {content['epoch'] + 1} epochs", flush=True)
    return Left(path, False, found["versions"])


def _open(path: Path) -> dict[str, Any] | None:
    """The content of a checkpoint of a run; None if it cannot be read, which is printed."""
    try:
        content = checkpoints.content(path)
        _is_finished(content)
    except Exception as error:  # of many types, depending on where the file is broken
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        print(f"{path} cannot be read ({reason})", flush=True)
        return None
    return content


def _identity_of(content: dict[str, Any]) -> dict[str, Any]:
    """The identity that the network of a checkpoint carries, inside the one that trains it with a teacher as well."""
    network = content.get("ema") or content.get("model")
    return getattr(getattr(network, "student_model", network), "pinch", {})


def _changes(before: dict[str, str], now: dict[str, str]) -> str:
    return ", ".join(
        f"{name} {before.get(name)} then, {now[name]} now" for name in now if before.get(name) != now[name]
    )


def is_finished(last: Path) -> bool:
    """Whether the run of a last.pt has ended, and did not only pause."""
    content = _open(last)
    return content is not None and _is_finished(content)


def _is_finished(content: dict[str, Any]) -> bool:
    """Whether training ended, even if the job did not; its last step strips last.pt, which sets the epoch to -1."""
    done, arguments = content["epoch"] + 1, content["train_args"]
    if done <= 0 or done >= arguments["epochs"]:
        return True
    # As Ultralytics' EarlyStopping decides, which has seen the epoch that is saved.
    return 0 < arguments["patience"] <= done - content["stopper"]["best_epoch"]


def renew(folder: Path, keep: bool) -> None:
    """Create a run folder in the place of an earlier run's.

    Args:
        folder: the run folder.
        keep: whether a model in it is kept: the folder is moved to `earlier/` beside it, where it replaces the one
            before.
    """
    if keep and any((folder / "weights").glob("*.pt")):
        kept = folder.parent / "earlier" / folder.name
        remove_folder(kept, KIND)
        kept.parent.mkdir(exist_ok=True)
        folder.rename(kept)
        print(f"the earlier run is kept in {kept}", flush=True)
    remove_folder(folder, KIND)
    mark(folder, KIND)
