"""The zip of a bundle: the same contents give the same bytes."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

from pinch.core.files import atomic

_MADE = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can say."""
_READABLE = 0o644 << 16


def write(path: Path, contents: Mapping[str, bytes]) -> None:
    """Write a zip of files by their names, completely or not at all.

    Raises:
        PinchError: there is another zip that Pinch did not make, or the disk does not take it.
    """
    with atomic(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, _MADE)
            entry.create_system, entry.external_attr = 3, _READABLE  # as on Linux, wherever it is made
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, contents[name], compresslevel=9)
