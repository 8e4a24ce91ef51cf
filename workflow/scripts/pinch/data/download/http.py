"""Files on HTTP servers: their size, parts of them, and whole ones in a way that goes on after any interruption."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from pinch.core import disk
from pinch.core.errors import PinchError
from pinch.core.files import read_json, write_json
from pinch.data.download.catalogue import PROJECT
from pinch.data.download.progress import Progress

DELAYS = (1, 2, 4, 8, 16, 32, 60)
"""Seconds to wait after each failure in a row; one more failure ends the download."""
TIMEOUT = (10, 60)
"""Seconds to wait for a connection, and for the next bytes."""
BLOCK = 1 << 18
"""Bytes at most that are taken from a connection at once."""
_BUSY = {408, 425, 429, 500, 502, 503, 504}
_LOST = (requests.ConnectionError, requests.Timeout, HTTPError)


class UnreachableError(PinchError):
    """A server did not send a file, although it was asked often enough."""


class _BusyError(Exception):
    """The server asks to come back later."""

    def __init__(self, status: int, seconds: str | None) -> None:
        super().__init__(f"it answered {status}")
        self.seconds = int(seconds) if seconds and seconds.isdecimal() else 0


class _Patience:
    """Waits between attempts, longer each time in which nothing came."""

    def __init__(self, url: str, attempts: int = len(DELAYS) + 1) -> None:
        self._url, self._attempts, self._failures = url, attempts, 0

    def reset(self) -> None:
        """Something came."""
        self._failures = 0

    def wait(self, error: Exception) -> None:
        """Wait before the next attempt.

        Raises:
            PinchError: there were enough attempts, or no attempt can help.
        """
        if isinstance(error, requests.exceptions.SSLError):
            raise PinchError(f"{self._url}: the server's certificate is not accepted ({error})") from error
        self._failures += 1
        if self._failures == self._attempts:
            reason = error if isinstance(error, _BusyError) else "the connection fails or breaks off"
            raise UnreachableError(
                f"{self._url} cannot be fetched: {reason}, {self._attempts} times in a row; what has come is kept, so "
                "start the same command again later, or give a mirror with --url"
            ) from error
        asked = error.seconds if isinstance(error, _BusyError) else 0
        time.sleep(max(DELAYS[self._failures - 1], min(asked, DELAYS[-1])))


@dataclass(frozen=True)
class Remote:
    """One file on a server.

    Attributes:
        session: whose connections are used, by several threads.
        url: its address.
        size: bytes.
        tag: its ETag or time of change, by which a changed file shows; empty if the server gives neither.
        ranges: whether the server sends parts of it.
    """

    session: requests.Session
    url: str
    size: int
    tag: str
    ranges: bool

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`, in one request unless it breaks off.

        Raises:
            PinchError: the server does not send them, or the file has changed.
        """
        patience, found = _Patience(self.url), bytearray()
        while len(found) < stop - start:
            try:
                with self._answer(start + len(found), stop) as response:
                    for block in _blocks(response):
                        found += block
                        patience.reset()
                    _require(len(found) >= stop - start)
            except (*_LOST, _BusyError) as error:
                patience.wait(error)
        return bytes(found[: stop - start])

    def save(self, path: Path, progress: Progress) -> None:
        """Download the whole file; a part that is there from before is continued if the file is still the same.

        Args:
            path: the file; until it is complete it is `<path>.part`, described by `<path>.json`.
            progress: is told how many bytes there are.

        Raises:
            PinchError: the server does not send it, or the disk does not take it.
        """
        part, patience, most = _continued(self, path), _Patience(self.url), 0
        progress.begin(part.stat().st_size)
        while (there := part.stat().st_size) < self.size:
            if there > most:  # a server without ranges begins anew each time: only what is new counts
                patience.reset()
            most = max(most, there)
            try:
                with self._answer(there, None) as response:
                    _append(response, part, response.status_code == 206, progress)
                    _require(part.stat().st_size >= self.size)
            except (*_LOST, _BusyError) as error:
                patience.wait(error)
        if part.stat().st_size > self.size:
            part.unlink()
            raise PinchError(f"{self.url}: the server sent more than the {self.size:,} bytes that it announced")
        os.replace(part, path)

    @contextmanager
    def _answer(self, start: int, stop: int | None) -> Iterator[requests.Response]:
        """The bytes from `start` up to `stop`, or to the end (None), for which a server may begin anew."""
        with _get(self.session, self.url, start, stop) as response:
            is_part = response.status_code == 206
            if _identity(response) != (self.size, self.tag) or (stop is not None and not is_part):
                raise PinchError(f"{self.url} has changed on the server: start the same command again")
            yield response


def session(connections: int) -> requests.Session:
    """A session that keeps a connection open for each of some threads."""
    made = requests.Session()
    adapter = HTTPAdapter(pool_maxsize=connections)
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    # Pictures are compressed already, and a compressed answer has no ranges of the file.
    made.headers["Accept-Encoding"] = "identity"
    return made


def look(used: requests.Session, url: str, attempts: int = len(DELAYS) + 1) -> Remote:
    """Ask a server about a file.

    Raises:
        UnreachableError: it cannot be reached in so many attempts.
        PinchError: it has no such file, or does not say how large it is.
    """
    patience = _Patience(url, attempts)
    while True:
        try:
            with _get(used, url, 0, 1) as response:
                size, tag = _identity(response)
                return Remote(used, url, size, tag, response.status_code == 206)
        except (*_LOST, _BusyError) as error:
            patience.wait(error)


@contextmanager
def _get(used: requests.Session, url: str, start: int, stop: int | None) -> Iterator[requests.Response]:
    """Request the bytes from `start` up to `stop` (None: the end); the server may send the whole file instead."""
    wanted = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"}
    try:
        response = used.get(url, headers=wanted, stream=True, timeout=TIMEOUT)
    except _LOST:
        raise
    except requests.RequestException as error:
        raise PinchError(f"{url} cannot be requested ({error}): correct --url") from error
    with response:
        if response.status_code in _BUSY:
            raise _BusyError(response.status_code, response.headers.get("Retry-After"))
        if response.status_code not in (200, 206):
            raise PinchError(
                f"{url}: the server answered {response.status_code}: HaGRID's archives have moved before, so see where "
                f"they are now ({PROJECT}) and give the folder with --url"
            )
        yield response


def _identity(response: requests.Response) -> tuple[int, str]:
    """Size of the whole file, and what tells whether it has changed."""
    headers = response.headers
    total = headers.get("Content-Range", "").rpartition("/")[2] or headers.get("Content-Length", "")
    if not total.isdecimal():
        raise PinchError(f"{response.url}: the server does not say how large the file is: give a mirror with --url")
    return int(total), headers.get("ETag") or headers.get("Last-Modified", "")


def _blocks(response: requests.Response) -> Iterator[bytes]:
    """What an answer brings, as it comes, so that nothing is lost if the connection breaks off."""
    while block := response.raw.read1(BLOCK):
        yield block


def _require(complete: bool) -> None:
    """Take an answer that ended too early for a connection that broke off."""
    if not complete:
        raise requests.ConnectionError("the answer ended too early")


def _continued(remote: Remote, path: Path) -> Path:
    """The file of what has come so far; empty if there is nothing, or it belongs to another state of the file."""
    part, note = (path.with_name(f"{path.name}.{ending}") for ending in ("part", "json"))
    state = {"size": remote.size, "tag": remote.tag}
    if not (part.exists() and note.exists() and read_json(note) == state and part.stat().st_size <= remote.size):
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(b"")
        write_json(note, state)
    return part


def _append(response: requests.Response, part: Path, continues: bool, progress: Progress) -> None:
    """Write what comes to the end of a file, or over it if the server began anew."""
    if not continues:
        progress.begin(0)
    with open(part, "ab" if continues else "wb") as stream:
        for block in _blocks(response):
            try:
                stream.write(block)
            except OSError as error:
                raise PinchError(f"{part} is not written: {disk.explain(error, part) or error}") from error
            progress.add(len(block))
