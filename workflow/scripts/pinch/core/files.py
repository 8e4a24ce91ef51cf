"""Files that are either whole or not there, and what is worth knowing of them."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pinch.core.errors import PinchError
from pinch.core.ownership import MARK, mark, remove_folder, require_replaceable

# A full disk, a used-up quota, a file larger than the system allows.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def atomic(path: str | Path, folder: str | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path` (same suffix), renamed to `path` when the block ends well.

    On an error nothing is left under the temporary name, and what stood at `path` is untouched.

    Args:
        path: where the result is to be.
        folder: what kind of folder it is (see `pinch.core.ownership.mark`), which is then there; None: it is a file.

    Raises:
        PinchError: something that Pinch may not replace stands at `path` (before the block), or the disk is full.
    """
    path = Path(path)
    require_replaceable(path, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        if folder:
            mark(temporary, folder)
        yield temporary
        if folder:
            remove_folder(path, folder)
        os.replace(temporary, path)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise PinchError(f"no space left on the disk while writing {path}: free some and run again") from error
        raise
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        PinchError: it is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError as error:
        raise PinchError(f"{path} does not exist") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise PinchError(f"{path} is not valid JSON ({error}): restore or delete the file") from error


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def members(path: str | Path) -> list[Path]:
    """The files of an artifact: itself, or what lies in it where the artifact is a folder."""
    path = Path(path)
    return sorted(p for p in path.rglob("*") if p.is_file() and p.name != MARK) if path.is_dir() else [path]


def size(path: str | Path) -> int:
    """Bytes of an artifact (of all files in it where it is a folder)."""
    return sum(member.stat().st_size for member in members(path))


def zipped_size(path: str | Path) -> int:
    """Bytes of an artifact after DEFLATE (level 9): what an app store or a download sends."""
    with contextlib.closing(_CountingStream()) as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for member in members(path):
                archive.write(member, member.name)
        return stream.written


class _CountingStream:
    """A write-only stream that keeps only the number of bytes written."""

    def __init__(self) -> None:
        self.written = 0

    def write(self, data: bytes) -> int:
        self.written += len(data)
        return len(data)

    def flush(self) -> None: ...

    def close(self) -> None: ...
