"""What the page consists of: the built app, the bundles, a clip. One list for the server and for a static folder."""

import gzip
import json
import mimetypes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pinch.apps import webm
from pinch.apps.web.bundles import Bundle
from pinch.core.errors import PinchError
from pinch.core.files import atomic
from pinch.core.typed_json import to_json
from pinch.data import frames
from pinch.data.synthesis import dataset as synthesis

DIST = Path(__file__).parents[5] / "web" / "dist"
"""Where `make web` builds the page."""
CLIP = f"clip{webm.CONTAINER}"
CATALOGUE = "models.json"
KIND = "web page"
"""The mark of a folder that `write` makes."""
_FPS = 15
_TYPES = {".wasm": "application/wasm", ".mjs": "text/javascript", ".js": "text/javascript", ".webm": "video/webm"}


@dataclass(frozen=True)
class Resource:
    """Something at an address.

    Attributes:
        content: a file, or bytes.
        zipped: the same after gzip, a file or bytes; None: not worth it.
    """

    content: Path | bytes
    zipped: Path | bytes | None = None


def media_type(address: str) -> str:
    """The type of what is at an address. Nothing of a bundle gets one that a browser would execute."""
    suffix = Path(address).suffix
    if address.startswith("bundles/"):
        return "image/png" if suffix == ".png" else "application/octet-stream"
    return _TYPES.get(suffix) or mimetypes.guess_type(address)[0] or "application/octet-stream"


def resources(bundles: Sequence[Bundle], saves: bool, clip: Path | None, dist: Path = DIST) -> dict[str, Resource]:
    """Everything that the page loads, by its address.

    Args:
        bundles: the models, in the order of the list; the first is loaded at first.
        saves: whether the server takes the times that the page measures.
        clip: a video that browsers play; None: without one.
        dist: where the page was built.

    Raises:
        PinchError: the page is not built.
    """
    found = _built(dist)
    folders: list[dict[str, object]] = []
    known: dict[bytes, str] = {}
    for number, bundle in enumerate(bundles):
        folder, model = f"bundles/{number}/", bundle.contract.file
        found[folder + model] = Resource(bundle.files[model], gzip.compress(bundle.files[model], 6, mtime=0))
        # Bundles of one run show the same pictures, which are served once.
        pictures = {name: known.setdefault(bundle.files[name], folder + name) for name in bundle.pictures}
        found |= {address: Resource(bundle.files[name]) for name, address in pictures.items()}
        folders.append({"folder": folder, "contract": to_json(bundle.contract), "pictures": pictures})
    if clip:
        found[CLIP] = Resource(clip)
    catalogue = {"folders": folders, "clip": CLIP if clip else None, "saves": saves}
    listed = json.dumps(catalogue, allow_nan=False).encode()
    found[CATALOGUE] = Resource(listed, gzip.compress(listed, mtime=0))
    return found


def require_built(dist: Path = DIST) -> None:
    """Refuse to go on without the page.

    Raises:
        PinchError: it is not built.
    """
    if not (dist / "index.html.gz").is_file():
        raise PinchError(f"the page is not built ({dist} lacks it): run `make web`, which needs Node.js and npm")


def _built(dist: Path) -> dict[str, Resource]:
    require_built(dist)
    found = {}
    for zipped in dist.rglob("*.gz"):
        path = zipped.with_suffix("")
        found[path.relative_to(dist).as_posix()] = Resource(path, zipped)
    return found


def write(folder: Path, contents: dict[str, Resource]) -> None:
    """Write everything into a folder, which any web server can then serve.

    Raises:
        PinchError: the folder is there and Pinch did not make it.
    """
    with atomic(folder, KIND) as temporary:
        for address, resource in contents.items():
            path = temporary / address
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(resource.content if isinstance(resource.content, bytes) else resource.content.read_bytes())


def playable(video: Path | None, scratch: Path) -> Path:
    """A video that browsers play.

    Args:
        video: any that OpenCV reads; None: a hand that goes through the gestures, rendered once and kept in DIST.
        scratch: folder for files that may be removed once the page is no longer served.

    Raises:
        PinchError: the video cannot be read.
    """
    if video:
        return video if video.suffix == webm.CONTAINER else encode(frames.stream(video), scratch / CLIP)
    if not (DIST / CLIP).is_file():
        print("rendering a clip of a hand, once (half a minute)", flush=True)
        synthesis.film(synthesis.SynthesisSettings(), scratch / "hand.mp4")
        encode(frames.stream(scratch / "hand.mp4"), DIST / CLIP)
    return DIST / CLIP


def encode(pictures: Iterable, path: Path) -> Path:
    """Write frames, uint8 (height, width, 3) BGR, to a video (.webm) that browsers play."""
    with atomic(path) as temporary, webm.Writer(temporary, _FPS) as writer:
        for picture in pictures:
            writer.write(picture)
    return path
