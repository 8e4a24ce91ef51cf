"""What has changed in the files of a data set since it was prepared, found by their sizes and times alone."""

from pathlib import Path

from pinch.core import collection
from pinch.core.errors import PinchError
from pinch.core.files import read_json
from pinch.data import dataset
from pinch.data import manifest as manifests
from pinch.data.hagrid import Source

CONVERSION = "conversion.json"
"""The file in a converted data set that says what it was converted from."""
STATE = "state"
"""Its key for the state of the source, see `Source.state`."""


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
    images, annotations = Path(request["images"]), Path(request["annotations"])
    source = Source(images, annotations, request["targets"], request["phases"])
    before, now = request.get(STATE, {}), source.state()
    changed = [path for path in before | now if before.get(path) != now.get(path)]
    return [f"{len(changed):,} folders or annotation files of HaGRID ({changed[0]}, …)"] if before and changed else []
