"""The page in a real browser, for tests and the benchmark: a server in this process, and steps that a driver does."""

import json
import shutil
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import cv2
from conftest import CHROMIUM, ROOT

from pinch.apps import ports
from pinch.apps.web import bundles, server, site, timings
from pinch.data import frames

NODE = shutil.which("node")


def missing():
    """What a test with a browser needs and this machine lacks."""
    found = {
        "Chromium": CHROMIUM,
        "Node.js": NODE,
        "the npm packages (make web)": (ROOT / "web/node_modules/playwright-core").is_dir(),
        "the built page (make web)": (site.DIST / "index.html.gz").is_file(),
    }
    return [name for name, there in found.items() if not there]


class Counted:
    """An application that counts the bytes of its answers by address."""

    def __init__(self, application):
        self._application, self.bytes = application, {}

    async def __call__(self, scope, receive, send):
        async def count(message):
            if message["type"] == "http.response.body":
                self.bytes[scope["path"]] = self.bytes.get(scope["path"], 0) + len(message.get("body", b""))
            await send(message)

        await self._application(scope, receive, count)


@contextmanager
def served(paths, save, clip=None):
    """A running page with these bundles: its address, and what counts its answers."""
    contents = site.resources([bundles.read(path) for path in paths], saves=True, clip=clip)
    application = Counted(server.app(contents, timings.Saver(save), "127.0.0.1"))
    listening = ports.listen("127.0.0.1", 0)
    running = server.server(application)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/", application
    finally:
        running.should_exit = True
        thread.join()


def drive(url, steps, camera=None, seconds=240):
    """Do steps (see web/test/drive.js) on a page: {"requests": [...], "problems": [...], "steps": [...]}."""
    said = {"browser": CHROMIUM, "url": url, "steps": steps, "camera": camera and str(camera), "seconds": seconds}
    line = [NODE, str(ROOT / "web/test/drive.js"), json.dumps(said)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=seconds + 60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def camera(video: Path, path: Path) -> Path:
    """A video as Chromium's fake camera takes it: JPEGs one after the other."""
    path.write_bytes(b"".join(cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames.stream(video)))
    return path
