"""What a download takes: archives, bytes to transfer, bytes on the disk."""

import shutil
import zipfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from pinch.core.errors import PinchError
from pinch.core.files import read_json
from pinch.data.download import members
from pinch.data.download.catalogue import Archive, Release
from pinch.data.download.http import Remote, UnreachableError, look
from pinch.data.download.progress import amount
from pinch.data.gestures import IDLE

STATE = ".fetch"
"""The folder of what is there only for the download: parts of archives, whole annotations."""
_UNPACKED = {"annotations": 4, "images": 1}
"""About how many times the bytes of its archive a file takes: JSON is compressed, pictures are as they are."""


@dataclass(frozen=True)
class Request:
    """What is wanted.

    Attributes:
        release: version and size.
        targets: gestures; `no_gesture` among them costs nothing where it is only a label.
        limit: pictures of each gesture; None: all.
        seed: of the choice of pictures.
        out: the folder of the data set.
        url: address of a folder with the archives; None: upstream's.
        connections: requests at the same time.
    """

    release: Release
    targets: tuple[str, ...]
    limit: int | None
    seed: int
    out: Path
    url: str | None
    connections: int

    def __post_init__(self) -> None:
        """Refuse gestures that the version does not have.

        Raises:
            PinchError: there are some, or no others.
        """
        known = self.release.gestures
        unknown = [name for name in self.targets if name not in (*known, IDLE)]
        if unknown or not self.gestures:
            raise PinchError(
                f"HaGRID {self.release.version} has no pictures of {', '.join(unknown or self.targets)}: choose other "
                f"targets or another version; it has {', '.join(known)}"
            )

    @property
    def gestures(self) -> tuple[str, ...]:
        """The targets that have pictures."""
        return tuple(name for name in self.release.gestures if name in self.targets)

    def address(self, archive: Archive) -> str:
        """Where an archive is fetched from."""
        return f"{self.url.rstrip('/')}/{archive.name}" if self.url else archive.url

    def kept(self, archive: Archive) -> Path:
        """The file of a whole archive until it is unpacked."""
        return self.out / STATE / archive.name

    @property
    def full_annotations(self) -> Path:
        """The folder of the annotations as they are published."""
        return self.out / STATE / "annotations"


@dataclass(frozen=True)
class Take:
    """What is taken of one archive.

    Attributes:
        archive: which one.
        whole: whether the archive is downloaded and unpacked; otherwise the files are requested one by one.
        said: how large it is, and how much of it is taken, in words.
        remote: the server's file; None: it is not needed, or the server did not answer.
        transfer: bytes to fetch.
        disk: bytes on the disk in the end, beyond those that are there.
        scratch: further bytes on the disk until it is unpacked.
    """

    archive: Archive
    whole: bool
    said: str
    remote: Remote | None = None
    transfer: int = 0
    disk: int = 0
    scratch: int = 0


@dataclass(frozen=True)
class Plan:
    """What is taken of each archive that is not unpacked yet."""

    request: Request
    session: requests.Session
    annotations: tuple[Take, ...]
    images: tuple[Take, ...]

    def remote(self, take: Take) -> Remote:
        """The server's file of an archive.

        Raises:
            PinchError: the server has to be asked, and does not answer.
        """
        return take.remote or look(self.session, self.request.address(take.archive))

    @property
    def transfer(self) -> int:
        """Bytes to fetch."""
        return sum(take.transfer for take in (*self.annotations, *self.images))

    @property
    def disk(self) -> int:
        """Bytes on the disk at most: all files, and the largest archive that lies beside its content."""
        takes = (*self.annotations, *self.images)
        return sum(take.disk for take in takes) + max((take.scratch for take in takes), default=0)

    def lines(self) -> Iterator[str]:
        """The plan in words."""
        request, release = self.request, self.request.release
        count = len(request.gestures)
        pictures = "all pictures" if request.limit is None else f"{request.limit:,} pictures each"
        yield f"HaGRID {release.version}, size {release.size}: {count} gesture{'s' * (count != 1)}, {pictures}"
        if IDLE in request.targets and IDLE not in request.gestures:
            yield f"  {IDLE} has no pictures of its own in {release.version}: it labels idle hands in the others"
        for take in (*self.annotations, *self.images):
            yield f"  {take.archive.name}: {take.said}"
        yield (
            f"to fetch: about {amount(self.transfer)}; on the disk: about {amount(self.disk)} at most; "
            f"free there: {amount(free(request.out))}"
        )


def make(request: Request, session: requests.Session, must_answer: bool = True) -> Plan:
    """Ask the servers how large the archives are, and plan.

    Args:
        request: what is wanted.
        session: for requests.
        must_answer: whether a server that cannot be reached is an error; otherwise published sizes are taken.

    Raises:
        PinchError: a server cannot be reached or has no such file, or it sends no parts of files where they are
            needed; or the folder holds another version or size.
    """
    answers = True

    def ask(archive: Archive) -> Remote | None:
        nonlocal answers
        if not answers:
            return None
        try:
            return look(session, request.address(archive), *([] if must_answer else [1]))
        except UnreachableError:
            if must_answer:
                raise
            answers = False
            return None

    release, note = request.release, release_note(request)
    if note.exists() and (found := read_json(note)) != release.identity:
        raise PinchError(
            f"{request.out} holds HaGRID {found['version']} at size {found['size']}: choose another folder with --out"
        )
    annotations = [_take(request, archive, "annotations", ask) for archive in release.annotations]
    images = [_take(request, archive, "images", ask) for archive in release.images]
    return Plan(request, session, tuple(filter(None, annotations)), tuple(filter(None, images)))


def free(folder: Path) -> int:
    """Free bytes on the disk of a folder that may not exist yet."""
    while not folder.exists():
        folder = folder.absolute().parent
    return shutil.disk_usage(folder).free


def require_space(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk does not hold.

    Raises:
        PinchError: it does not.
    """
    if needed > (there := free(folder)):
        raise PinchError(
            f"the disk of {folder} has {amount(there)} free, and the download takes {amount(needed)}: free some space, "
            "choose another place with --out, or fetch less with --targets or --limit"
        )


def is_unpacked(request: Request, archive: Archive) -> bool:
    """Whether a whole archive was unpacked and its files are still there, as its note counts them."""
    note = unpacked_note(request, archive)
    if not note.exists():
        return False
    return all(
        (request.out / folder).is_dir() and sum(1 for _ in (request.out / folder).iterdir()) >= count
        for folder, count in read_json(note).items()
    )


def release_note(request: Request) -> Path:
    """The file that says which version and size a folder holds."""
    return request.out / STATE / "release.json"


def unpacked_note(request: Request, archive: Archive) -> Path:
    """The file that says how many files of a whole archive lie in which folder."""
    return request.kept(archive).with_suffix(".unpacked.json")


def content(
    request: Request, opened: zipfile.ZipFile, archive: Archive, kind: str, gestures: Collection[str]
) -> list[members.Member]:
    """The files of some gestures in an archive: "annotations" or "images".

    Raises:
        PinchError: there are none.
    """
    if kind == "annotations":
        found = list(members.annotations(opened, archive, gestures, request.full_annotations))
    else:
        found = list(members.pictures(opened, archive, gestures, request.out / "images"))
    if not found:
        names = ", ".join(opened.namelist()[:3]) or "nothing"
        raise PinchError(
            f"{request.address(archive)} has no {kind} of the wanted gestures, but {names} and so on: give a mirror "
            "with --url whose archives are HaGRID's"
        )
    return found


def _take(request: Request, archive: Archive, kind: str, ask: Callable[[Archive], Remote | None]) -> Take | None:
    """What is taken of an archive; None if nothing is, or nothing is left to do."""
    share = sum(name in request.gestures for name in archive.gestures) / len(archive.gestures)
    if kind == "images" and request.limit is not None:
        share *= min(0.99, request.limit * len(request.release.gestures) / request.release.pictures)
    if share == 0 or ((kind == "annotations" or request.limit is None) and is_unpacked(request, archive)):
        return None
    kept = request.kept(archive)
    if share == 1 and kept.exists():
        return Take(archive, True, "here, to be unpacked", disk=_left(request, archive, kind))
    remote = ask(archive)
    size = remote.size if remote else archive.size or 0
    asked = "" if remote else " (the server did not answer)"
    known = f"{amount(size)}{asked}" if size else f"of a size that is not published and not counted here{asked}"
    if share == 1 or (kind == "annotations" and remote and not remote.ranges):
        part = kept.with_name(f"{kept.name}.part")
        left = max(size - part.stat().st_size, 0) if part.exists() else size
        return Take(archive, True, f"{known}, whole", remote, left, size * _UNPACKED[kind], left)
    if remote and not remote.ranges:
        raise PinchError(
            f"{remote.url}: the server sends no parts of files, so single gestures or a limited number of pictures "
            "cannot be fetched: leave out --targets and --limit, or give a mirror with --url"
        )
    files = round(size * share)
    transfer = files + _directory(request, archive)
    share_said = f"about {amount(transfer)} of it" if size else "a part of it"
    return Take(archive, False, f"{known}, {share_said}", remote, transfer, files * _UNPACKED[kind])


def _directory(request: Request, archive: Archive) -> int:
    """About how many bytes the directory of an archive of pictures has."""
    images = request.release.images
    if archive not in images:
        return 0
    share = (archive.size or 0) / sum(each.size or 0 for each in images)
    return round(request.release.pictures * share * members.DIRECTORY_ENTRY)


def _left(request: Request, archive: Archive, kind: str) -> int:
    """Bytes that a whole archive on the disk still has to give."""
    with members.open_archive(request.kept(archive)) as opened:
        wanted = content(request, opened, archive, kind, archive.gestures)
        return sum(member.info.file_size for member in members.missing(wanted))
