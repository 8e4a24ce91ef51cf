"""Writing files and folders completely or not at all; their hashes and sizes."""

import contextlib
import hashlib
import json
import os
import shutil
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pinch.core import disk
from pinch.core.errors import PinchError
from pinch.core.ownership import MARK, mark, remove_folder, require_replaceable


@contextlib.contextmanager
def atomic(path: str | Path, folder: str | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path` (same suffix), which is renamed to `path` if the block succeeds.

    After an error there is nothing under the temporary name, and `path` is unchanged.

    Args:
        path: the file or folder to write.
        folder: the kind of a folder, which is then created (see `pinch.core.ownership.mark`); None: it is a file.

    Raises:
        PinchError: Pinch may not replace what is at `path` (checked before the block), or the disk does not take it.
    """
    path = Path(path)
    require_replaceable(path, folder)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if folder:
            mark(temporary, folder)
        yield temporary
        if folder:
            remove_folder(path, folder)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        # PyTorch and OpenVINO raise a RuntimeError that does not say why they could not write.
        cause = error if isinstance(error, OSError) else disk.full(path.parent)
        if sentence := cause and disk.explain(cause, path):
            raise PinchError(f"{path} is not written: {sentence}") from error
        raise
    finally:
        with contextlib.suppress(OSError):  # the first error says more
            _remove(temporary)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    path.unlink(missing_ok=True)


def place(source: Path, target: Path, copy: bool = False) -> None:
    """Let `target` be the file `source`: by a second name or, where `copy` or the filesystem wants it, as a copy.

    If it is that already, it stays as it is; another file is replaced. A copy has the times of its original, which tell
    that it is one.

    Raises:
        PinchError: see `atomic`.
    """
    if target.exists() and _is_placed(source, target, copy):
        return
    with atomic(target) as temporary:
        if copy or not _link(source, temporary):
            shutil.copy2(source, temporary)


def _is_placed(source: Path, target: Path, copy: bool) -> bool:
    if target.samefile(source):
        return not copy
    old, new = target.stat(), source.stat()
    return (old.st_size, old.st_mtime_ns) == (new.st_size, new.st_mtime_ns)


def _link(source: Path, target: Path) -> bool:
    """Give a file a second name; False where the filesystem has no such links."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno in disk.FULL:
            raise
        return False
    return True


def write_text(path: str | Path, text: str) -> None:
    """Write text, completely or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text)


def update_text(path: Path, text: str) -> None:
    """The same, but a file that has this text already is left as it is, with its time."""
    if not path.is_file() or path.read_text() != text:
        write_text(path, text)


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, completely or not at all."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path, object_hook: Any = None) -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        object_hook: see `json.loads`.

    Raises:
        PinchError: it is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(), object_hook=object_hook)
    except FileNotFoundError as error:
        raise PinchError(f"{path} does not exist") from error
    except (ValueError, RecursionError) as error:  # also text that is no UTF-8
        raise PinchError(f"{path} is not valid JSON ({error}): restore or delete the file") from error


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file; of an artifact that is a folder, over the names and contents of its files."""
    digest = hashlib.sha256()
    if Path(path).is_dir():
        for member in members(path):
            digest.update(f"{member.relative_to(path)}\n{sha256(member)}\n".encode())
        return digest.hexdigest()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def members(path: str | Path) -> list[Path]:
    """The files of an artifact: the artifact itself or, if it is a folder, the files in it."""
    path = Path(path)
    return sorted(p for p in path.rglob("*") if p.is_file() and p.name != MARK) if path.is_dir() else [path]


def size(path: str | Path) -> int:
    """Bytes of an artifact; of a folder, bytes of all files in it."""
    return sum(member.stat().st_size for member in members(path))


def zipped_size(path: str | Path) -> int:
    """Bytes of an artifact after DEFLATE (level 9), as an app store or a download sends it."""
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
