"""Members of zip archives, on this machine or on a server: which are wanted, and getting them."""

import copy
import io
import re
import stat
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fsspec.spec import AbstractBufferedFile

from pinch.core.errors import PinchError
from pinch.core.files import atomic
from pinch.data.dataset import IMAGE_SUFFIXES, SPLITS
from pinch.data.download.catalogue import Archive
from pinch.data.download.http import Remote

SPAN = 16 << 20
"""Bytes of neighbouring members that one request asks for."""
GAP = 64 << 10
"""Unwanted bytes between two members that are cheaper to fetch than another request."""
DIRECTORY_ENTRY = 120
"""About as many bytes has a picture in an archive's directory."""
# The temporary names of `pinch.core.files.atomic`.
_HALF_WRITTEN = re.compile(r"\..+\.[0-9a-f]{8}\.\w+")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError)


@dataclass(frozen=True)
class Member:
    """A member of an archive and the file that it becomes."""

    info: zipfile.ZipInfo
    path: Path


class _RemoteFile(AbstractBufferedFile):
    """A file on a server that can be read from anywhere, for `zipfile`."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        super().__init__(None, remote.url, size=remote.size, block_size=1 << 20)

    def _fetch_range(self, start: int, end: int) -> bytes:
        return self.remote.read(start, end)


class _Window(io.BytesIO):
    """Some bytes of a file, at their positions in the file."""

    def __init__(self, content: bytes, start: int) -> None:
        super().__init__(content)
        self._start = start

    def seek(self, offset: int, whence: int = 0) -> int:
        return super().seek(offset - self._start) + self._start

    def tell(self) -> int:
        return super().tell() + self._start


def open_archive(source: Path | Remote) -> zipfile.ZipFile:
    """Read the directory of an archive; of one on a server, nothing else is fetched.

    Raises:
        PinchError: it is no zip archive, or a member would be written outside the folder.
    """
    name = source.url if isinstance(source, Remote) else str(source)
    try:
        archive = zipfile.ZipFile(_RemoteFile(source) if isinstance(source, Remote) else source)
    except zipfile.BadZipFile as error:
        removed = "" if isinstance(source, Remote) else "remove it, so that it is fetched again, or "
        raise PinchError(f"{name} is no zip archive ({error}): {removed}give a mirror with --url") from error
    for info in archive.infolist():
        if fault := _fault(info):
            raise PinchError(f"{name} is refused: its member {info.filename!r} {fault}, so it is not HaGRID's archive")
    return archive


def _fault(info: zipfile.ZipInfo) -> str | None:
    """What is wrong with a member that HaGRID's archives do not have."""
    parts = PurePosixPath(info.filename.replace("\\", "/")).parts
    if parts[:1] == ("/",) or ".." in parts or (parts and parts[0].endswith(":")):
        return "leads out of the archive's folder"
    return "is a link" if stat.S_ISLNK(info.external_attr >> 16) else None


def pictures(archive: zipfile.ZipFile, published: Archive, gestures: Collection[str], folder: Path) -> Iterator[Member]:
    """The pictures of some gestures in an archive.

    Pictures lie in a folder with the name of their gesture (in v1 after `train_val_`), within any others. An archive of
    one gesture may have no folders.

    Args:
        archive: the archive.
        published: which archive it is.
        gestures: which of its gestures.
        folder: holds one folder for each gesture.
    """
    only = published.gestures[0] if len(published.gestures) == 1 else None
    for info in archive.infolist():
        path = PurePosixPath(info.filename)
        gesture = only or path.parent.name.removeprefix("train_val_")
        if gesture in gestures and path.suffix.lower() in IMAGE_SUFFIXES and not _is_litter(path):
            yield Member(info, folder / gesture / path.name)


def annotations(
    archive: zipfile.ZipFile, published: Archive, gestures: Collection[str], folder: Path
) -> Iterator[Member]:
    """The annotation files of some gestures in an archive, which become `<folder>/<phase>/<gesture>.json`."""
    for info in archive.infolist():
        path = PurePosixPath(info.filename)
        phase = path.parent.name if path.parent.name in SPLITS else published.phase
        if path.suffix == ".json" and path.stem in gestures and phase and not _is_litter(path):
            yield Member(info, folder / phase / path.name)


def _is_litter(path: PurePosixPath) -> bool:
    """Whether a member is what editors and systems leave behind."""
    return any(part.startswith((".", "__")) for part in path.parts)


def missing(members: Iterable[Member]) -> list[Member]:
    """The members whose files are not there. A file that is there is whole, since it came by renaming."""
    there: dict[Path, set[str]] = {}
    left = []
    for member in members:
        folder = member.path.parent
        if folder not in there:
            there[folder] = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        if member.path.name not in there[folder]:
            left.append(member)
    return left


def remove_half_written(folder: Path) -> None:
    """Remove what a killed download left of files in the folders within a folder."""
    for path in folder.glob("*/.*"):
        if _HALF_WRITTEN.fullmatch(path.name):
            path.unlink()


def extract(archive: zipfile.ZipFile, members: list[Member], add: Callable[[int], None]) -> list[Member]:
    """Write members to their files, each checked against its CRC.

    Args:
        archive: open, with its content.
        members: what to write.
        add: is told the bytes of each.

    Returns:
        The members that are damaged, which are not written.
    """
    damaged = []
    for member in members:
        try:
            content = archive.read(member.info)
        except _DAMAGED:
            damaged.append(member)
            continue
        with atomic(member.path) as temporary:
            temporary.write_bytes(content)
        add(len(content))
    return damaged


def fetch(
    remote: Remote, archive: zipfile.ZipFile, members: list[Member], connections: int, add: Callable[[int], None]
) -> list[Member]:
    """Write members of an archive on a server to their files; neighbours come in one request.

    Args:
        remote: the archive.
        archive: its directory, see `open_archive`.
        members: what to write.
        connections: requests at the same time.
        add: is told the bytes of each member.

    Returns:
        The members that were damaged twice, which are not written.
    """

    def take(group: list[Member]) -> list[Member]:
        damaged = extract(_view(archive, remote, group, stops), group, add)
        return [again for one in damaged for again in extract(_view(archive, remote, [one], stops), [one], add)]

    places = sorted([*(info.header_offset for info in archive.infolist()), archive.start_dir])
    starts = (member.info.header_offset for member in members)
    stops = {start: places[bisect_right(places, start)] for start in starts}
    with ThreadPoolExecutor(connections) as pool:
        return [member for damaged in pool.map(take, _groups(members, stops)) for member in damaged]


def _groups(members: list[Member], stops: dict[int, int]) -> Iterator[list[Member]]:
    """Members that one request fetches together."""
    group: list[Member] = []
    for member in sorted(members, key=lambda each: each.info.header_offset):
        start = member.info.header_offset
        if group and (
            start - stops[group[-1].info.header_offset] > GAP or stops[start] - group[0].info.header_offset > SPAN
        ):
            yield group
            group = []
        group.append(member)
    if group:
        yield group


def _view(archive: zipfile.ZipFile, remote: Remote, group: list[Member], stops: dict[int, int]) -> zipfile.ZipFile:
    """The archive with the bytes of these members, fetched in one request."""
    start, last = group[0].info.header_offset, group[-1].info.header_offset
    view = copy.copy(archive)
    view.fp = _Window(remote.read(start, stops[last]), start)
    return view
