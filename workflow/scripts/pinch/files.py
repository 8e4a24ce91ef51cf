"""Files that are either whole or not there, and what is worth knowing of them."""

import contextlib
import errno
import hashlib
import json
import os
import pickletools
import shutil
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pinch.errors import PinchError

# A full disk, a used-up quota, a file larger than the system allows.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# The file that marks a folder as made by Pinch, and says what for. Without it, no folder is ever replaced or removed.
MARK = ".made-by-pinch"
# What marks a checkpoint: strings of its entry `pinch`, see pinch.checkpoints.
_CHECKPOINT_ENTRY = {"pinch", "method", "ratio", "tuned"}


@contextlib.contextmanager
def atomic(path: str | Path, folder: str | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path` (same suffix), renamed to `path` when the block ends well.

    On an error nothing is left under the temporary name, and what stood at `path` is untouched.

    Args:
        path: where the result is to be.
        folder: what kind of folder it is (see `mark`), the temporary one is then there; None: it is a file.

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


def require_replaceable(path: str | Path, folder: str | None = None) -> None:
    """Refuse a place where something stands that Pinch may not replace. Commands look before long work.

    A file that the user names as an output is replaced, as by any command; but not a checkpoint from elsewhere, which
    may be days of training. A folder is replaced only by a folder of the same kind, and only if Pinch made it.

    Args:
        path: where something is to be written.
        folder: what kind of folder that is (see `mark`); None: it is a file.

    Raises:
        PinchError: what stands there must stay.
    """
    path, found = Path(path), None
    if path.is_dir():
        found = None if folder and is_marked(path, folder) else "a folder that was not made for this"
    elif folder and path.exists():
        found = "a file"
    elif _is_foreign_checkpoint(path):
        found = "a checkpoint that Pinch did not make"
    if found:
        raise PinchError(f"{path} is {found}, so it is left as it is: move it away or choose another name")


def mark(folder: Path, kind: str) -> None:
    """Make a folder if it is missing, and mark it as made by Pinch, which may replace and remove it from then on.

    Args:
        folder: the folder.
        kind: what it is made for, in a word or two. A folder of one kind never gives way to one of another.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text(f"{kind}\n")


def is_marked(folder: Path, kind: str) -> bool:
    """Whether Pinch made a folder (not a link to one) of this kind."""
    path = folder / MARK
    return not folder.is_symlink() and path.is_file() and path.read_text().strip() == kind


def claim(folder: Path, kind: str, names: Iterable[str]) -> None:
    """Mark a folder in which Pinch is going to write and remove `names`, files or folders.

    Raises:
        PinchError: one of them is there already, and the folder is not marked.
    """
    found = [name for name in names if (folder / name).exists()]
    if found and not is_marked(folder, kind):
        raise PinchError(f"{folder} holds {' and '.join(found)} that Pinch did not make: choose another folder")
    mark(folder, kind)


def remove_folder(folder: Path, kind: str) -> None:
    """Remove a folder that Pinch made; nothing to do where there is none.

    Raises:
        PinchError: it is not marked as one of this kind.
    """
    require_replaceable(folder, kind)
    if folder.is_dir():
        shutil.rmtree(folder)


def _is_foreign_checkpoint(path: Path) -> bool:
    """Whether a .pt file lacks Pinch's entry. Its pickle is read but not run."""
    if path.suffix != ".pt" or not path.is_file():
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            pickled = next(archive.read(name) for name in archive.namelist() if name.endswith("/data.pkl"))
            strings = {argument for _, argument, _ in pickletools.genops(pickled) if isinstance(argument, str)}
    except (zipfile.BadZipFile, StopIteration, ValueError):
        return True  # an older format, or torn: what Pinch writes is neither
    return not strings >= _CHECKPOINT_ENTRY


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
