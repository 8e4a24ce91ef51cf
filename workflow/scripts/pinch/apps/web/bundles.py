"""Bundles as the page needs them: read into memory within limits, or refused in one sentence. Nothing is unpacked."""

import hashlib
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pinch.apps.bundle import contract
from pinch.apps.bundle.contract import Contract
from pinch.core.errors import PinchError

MAX_BYTES = 500 << 20
"""Of a model's file: more than any detector for phones has."""
MAX_SMALL = 20 << 20
"""Of any other file."""


@dataclass(frozen=True)
class Bundle:
    """A model with its contract and test pictures.

    Attributes:
        contract: its model.json.
        files: content by name: the model's file and the test pictures.
    """

    contract: Contract
    files: dict[str, bytes]

    @property
    def pictures(self) -> list[str]:
        """Names of the test pictures."""
        return [picture.file for picture in self.contract.test_pictures]


def read(path: Path) -> Bundle:
    """Read what a page shows of a bundle.

    Raises:
        PinchError: it is no zip, is damaged, lacks something, or holds too much.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            said = contract.parse(json.loads(_member(archive, contract.FILE, MAX_SMALL)), f"{path}: {contract.FILE}")
            files = {said.file: _member(archive, said.file, MAX_BYTES)}
            for picture in said.test_pictures:
                files[picture.file] = _member(archive, picture.file, MAX_SMALL)
    except OSError as error:
        raise PinchError(f"{path} cannot be read ({error.strerror}): give a bundle made by bundle.py") from error
    except PinchError as error:
        raise PinchError(f"{path} is no whole bundle ({error})") from error
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise PinchError(f"{path} is no bundle, or is damaged ({error}): make it again with bundle.py") from error
    if hashlib.sha256(files[said.file]).hexdigest() != said.sha256:
        raise PinchError(
            f"{path}: {said.file} is not the file that its contract describes: make it again with bundle.py"
        )
    return Bundle(said, files)


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """The content of a file at the root of a zip, of at most so many bytes."""
    if PurePosixPath(name).name != name or name in ("", "..") or "\\" in name:
        raise PinchError(f"{name!r} is not the name of a file at its root")
    try:
        entry = archive.getinfo(name)
    except KeyError as error:
        raise PinchError(f"it has no {name}") from error
    # What a zip says of sizes need not be true, so no more is read than that.
    with archive.open(entry) as opened:
        content = opened.read(most + 1)
    if len(content) > most:
        raise PinchError(f"its {name} has more than {most >> 20} MB")
    return content
