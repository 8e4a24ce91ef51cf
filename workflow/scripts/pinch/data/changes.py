"""What has changed in the files of a data set since it was prepared, found by their sizes and times alone."""

import os
from collections.abc import Iterable
from pathlib import Path

from pinch.core import collection
from pinch.core.errors import PinchError
from pinch.core.files import read_json
from pinch.data import dataset
from pinch.data import manifest as manifests

CONVERSION = "conversion.json"
"""The file in a converted data set that says what it was converted from."""
STATE = "state"
"""Its key for the state of the source: modification times (ns) of files and folders, by path."""


@collection.paused()
def since_prepared(folder: Path, own: Path | None) -> list[str]:
    """What has changed since a run's data set was prepared, in a few words each.

    Args:
        folder: the run's folder with the prepared data.yaml.
        own: the user's data.yaml; None for a data set that was converted.

    Returns:
        Nothing, if nothing has changed or the data set has not been prepared.
    """
    known = manifests.read_stamps(folder / manifests.FILE)
    if not known or not (folder / "data.yaml").is_file():
        return []
    try:
        used = dataset.with_test_split(dataset.load(own or folder / "data.yaml"))
        found = manifests.changes(used, known, used.splits)
        return found if own else found + _in_source(read_json(folder / CONVERSION))
    except PinchError:
        return []  # what is wrong with the data set is said where it is prepared


def _in_source(request: dict) -> list[str]:
    """What has changed in the source of a conversion."""
    before = request.get(STATE, {})
    now = times(before)
    changed = [path for path in before if before[path] != now.get(path)]
    return [f"{len(changed):,} folders or annotation files of HaGRID ({changed[0]}, …)"] if changed else []


def times(paths: Iterable[str]) -> dict[str, int]:
    """Modification times (ns) of those paths that exist."""
    return {path: os.stat(path).st_mtime_ns for path in dict.fromkeys(paths) if os.path.exists(path)}  # noqa: PTH110, PTH116
