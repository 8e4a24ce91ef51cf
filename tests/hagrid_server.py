"""HaGRID's archives in small, in their true inner layout, and a web server for them that fails as it is told."""

import contextlib
import hashlib
import json
import random
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import tiny_hagrid

from pinch.data.download.catalogue import RELEASES

SPLITS = ("train", "val", "test")
PICTURE = cv2.imencode(".jpg", np.full((24, 32, 3), 90, np.uint8))[1].tobytes()


def stem(phase, gesture, number):
    """A name in the form of HaGRID's, from which phase and gesture can be told."""
    return f"{hashlib.md5(f'{phase} {gesture} {number}'.encode()).hexdigest()}-{phase}"


def picture(name):
    """A picture of which no two are the same."""
    return PICTURE + random.Random(name).randbytes(300)


def write(folder, version, size, images=4):
    """Write all archives of a release, with `images` pictures of a gesture in each phase; (gesture, stem) of all."""
    folder.mkdir(exist_ok=True)
    release = RELEASES[version, size]
    phases = ("train", "test") if version == "v1" else SPLITS
    entries = {
        (phase, gesture): {
            stem(phase, gesture, number): tiny_hagrid.entry(gesture, version, f"{phase}-user-{number}")
            for number in range(images)
        }
        for phase in phases
        for gesture in release.gestures
    }
    for archive in release.annotations:
        with zipfile.ZipFile(folder / archive.name, "w", zipfile.ZIP_DEFLATED) as made:
            for (phase, gesture), content in entries.items():
                if version != "v1":
                    made.writestr(f"annotations/{phase}/{gesture}.json", json.dumps(content))
                    made.writestr(f"annotations/{phase}/.ipynb_checkpoints/{gesture}.json", "{}")
                elif archive.phase.endswith(phase) or (phase == "train" and "train" in archive.phase):
                    made.writestr(f"{archive.phase}/{gesture}.json", json.dumps(content))
    for archive in release.images:
        with zipfile.ZipFile(folder / archive.name, "w") as made:
            for (phase, gesture), content in entries.items():
                inner = inner_folder(version, size, archive, phase, gesture)
                for name in content if inner else ():
                    made.writestr(f"{inner}/{name}.jpg", picture(name))
    return {(gesture, name) for (_, gesture), content in entries.items() for name in content}


INNER = {"v1": "hagrid_512", "v2": "hagrid_dataset_512", "v2-1M": "HaGRIDv2_dataset_512"}


def inner_folder(version, size, archive, phase, gesture):
    """Where an archive has the pictures of a gesture in a phase; None if it has none."""
    if gesture not in archive.gestures:
        return None
    if size == "512":
        return {"v1": "hagrid_512", "v2": "hagrid_dataset_512", "v2-1M": "HaGRIDv2_dataset_512"}[
            version
        ] + f"/{gesture}"
    if version != "v1":
        return gesture
    if archive.name == "test.zip":
        return f"test/{gesture}" if phase == "test" else None
    return f"train_val_{gesture}" if phase == "train" else None


class Server(ThreadingHTTPServer):
    """Serves a folder.

    Attributes:
        ranges: whether it sends parts of files.
        faults: by file name, what happens to its next requests for more than a byte: None (nothing), a status, or the
            number of bytes after which the connection breaks off.
        log: (file name, first byte, last byte or None) of each request.
        sent: bytes of content.
        pauses: by file name, what is waited for after half of a large answer.
    """

    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.ranges = folder, True
        self.faults, self.log, self.sent = {}, [], 0
        self.pauses = {}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/archives"

    def handle_error(self, request, client_address):
        """Clients that go away are expected."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Nothing on the terminal."""

    def do_GET(self):
        name = self.path.removeprefix("/archives/")
        path = self.server.folder / name
        if not path.is_file():
            return self.answer(404, b"")
        size = path.stat().st_size
        first, last = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"]).groups()
        self.server.log.append((name, int(first), int(last) if last else None))
        start, stop = (int(first), min(int(last or size) + 1, size)) if self.server.ranges else (0, size)
        fault = None
        if (first, last) != ("0", "0") and self.server.faults.get(name):
            fault = self.server.faults[name].pop(0)
        if fault and fault >= 400 and fault < 600:
            return self.answer(fault, b"", {"Retry-After": "0"})
        headers = {"ETag": f'"{path.stat().st_mtime_ns}"'}
        if self.server.ranges:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        with open(path, "rb") as stream:
            stream.seek(start)
            content = stream.read(stop - start)
        return self.answer(206 if self.server.ranges else 200, content, headers, fault)

    def answer(self, status, content, headers=None, cut=None):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        sent = content if cut is None else content[:cut]
        half = len(sent) // 2
        with contextlib.suppress(OSError):
            self.wfile.write(sent[:half])
            self.wfile.flush()
            if half and (pause := self.server.pauses.get(self.path.rpartition("/")[2])):
                pause.wait(20)
            self.wfile.write(sent[half:])
            self.server.sent += len(sent)
        if cut is not None:
            self.close_connection = True


@contextlib.contextmanager
def serving(folder):
    """A server of a folder, in a thread."""
    server = Server(folder)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
