"""What the accuracy of all files of a run would be on other sets of images, kept to compare any two of them later."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pinch.core.errors import PinchError
from pinch.core.files import atomic
from pinch.data.manifest import pack_names, unpack_names
from pinch.measuring.evidence import UNREADABLE
from pinch.measuring.statistics import Resampled

_NUMBERS = ("images", "groups", "persons")


def beside(record: Path) -> Path:
    """Where they lie, beside the record of intervals."""
    return record.with_suffix(".npz")


def write(path: Path, files: Mapping[str, Resampled]) -> None:
    """Write the resamples of files, by name, completely or not at all; values are rounded to float32.

    Raises:
        PinchError: Pinch may not replace what is at `path`, or the disk does not take it.
    """
    arrays: dict[str, Any] = {"files": pack_names(list(files))}
    for number, found in enumerate(files.values()):
        arrays[f"{number}/values"] = found.values.astype(np.float32)
        arrays[f"{number}/names"] = pack_names(found.names)
        arrays[f"{number}/digest"] = np.array(found.digest.encode())
        arrays[f"{number}/counts"] = np.array([getattr(found, name) for name in _NUMBERS])
    with atomic(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def read(path: Path) -> dict[str, Resampled]:
    """Read what `write` wrote; empty if there is no such file, as in a run made by hand.

    Raises:
        PinchError: it is something else, or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            return {
                file: Resampled(
                    **dict(zip(_NUMBERS, content[f"{number}/counts"].tolist(), strict=True)),
                    digest=content[f"{number}/digest"].item().decode(),
                    names=unpack_names(content[f"{number}/names"]),
                    values=content[f"{number}/values"].astype(float),
                )
                for number, file in enumerate(unpack_names(content["files"]))
            }
    except FileNotFoundError:
        return {}
    except UNREADABLE as error:
        raise PinchError(f"{path} cannot be read ({error}): make it again with compare_accuracy.py") from error
