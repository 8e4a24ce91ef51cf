"""Marks that tell what Pinch made. Pinch replaces and removes only what it made, and refuses other outputs.

A folder has a small file that says what it was made for. A file is recognized by its content: a checkpoint by the entry
`pinch`, an exported model by its metadata, a record by its keys, a page by a comment, a table by its columns. An image
or a video that the user names as an output is replaced in any case.
"""

import json
import pickletools
import shutil
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from pinch.core.errors import PinchError
from pinch.core.text import listed

MARK = ".made-by-pinch"
"""The file that marks a folder. It has a line for each kind of content that the folder was made for."""

# Keys of a checkpoint's entry `pinch`, see pinch.weights.checkpoints.
_CHECKPOINT_ENTRY = {"pinch", "method", "ratio", "tuned"}
# Part of an exported model's metadata, see pinch.artifacts.metadata.
_EXPORTED = b"exported by Pinch"
# Arrays in a manifest of a data set and in evidence, see pinch.data.manifest and pinch.measuring.evidence.
_NPZ_MEMBERS = ({"stamps", "digests"}, {"evidence", "sha256"})
# Keys of a record, see pinch.core.records.
_RECORD_KEYS = {"kind", "result", "provenance"}
PAGE_MARK = "<!-- made by Pinch -->"
"""What a page has that Pinch writes where the user says."""
TABLE_HEAD = "part,of,figure,a,b,"
"""How such a table begins, see pinch.tables.across.rows."""


def require_replaceable(path: str | Path, folder: str | None = None) -> None:
    """Refuse an output path at which something exists that Pinch may not replace. Commands check before long work.

    Args:
        path: the output.
        folder: its kind, if it is a folder (see `mark`); None: it is a file.

    Raises:
        PinchError: Pinch may not replace what is there.
    """
    path, found = Path(path), None
    if path.is_dir():
        found = _unlike(path, folder)
    elif folder and path.exists():
        found = "a file"
    elif path.is_file() and not _is_marked_file(path):
        found = f"a {path.suffix} file that Pinch did not make"
    if found:
        raise PinchError(f"{path} is {found} and is not replaced: move it away or choose another name")


def require_output(path: Path) -> None:
    """Refuse an output file named by the user if a file is there that Pinch did not make.

    Raises:
        PinchError: see `require_replaceable`; or the file is no record, page, table, image or video.
    """
    require_replaceable(path)
    if not path.is_file() or path.suffix in _LOOK or path.suffix in _SHOWN:
        return
    look = _LOOK_AT_OUTPUT.get(path.suffix)
    if not look or not look(path):
        raise PinchError(f"{path} is a file that Pinch did not make and is not replaced: choose another name")


def _unlike(path: Path, kind: str | None) -> str | None:
    """What a folder is, if a folder of this kind (None: a file) must not replace it; None if it may."""
    if kind is None:
        return "a folder"
    if path.is_symlink():
        return "a link to a folder"
    if is_marked(path, kind) or not any(path.iterdir()):
        return None
    return f"a folder that Pinch did not make for this ({kind})"


def mark(folder: Path, kind: str) -> None:
    """Create a folder if it is missing, and mark it as made by Pinch, which may then replace and remove it.

    Args:
        folder: the folder.
        kind: what it is made for, in a few words. A folder is never replaced by one of another kind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("".join(f"{each}\n" for each in sorted({*_kinds(folder), kind})))


def is_marked(folder: Path, kind: str) -> bool:
    """Whether Pinch made a folder for this kind of content."""
    return kind in _kinds(folder)


def _kinds(folder: Path) -> list[str]:
    path = folder / MARK
    return path.read_text().splitlines() if path.is_file() else []


def require_claimable(folder: Path, kind: str, names: Iterable[str]) -> None:
    """Refuse a folder in which Pinch may not write, replace and remove `names`, files or folders.

    Raises:
        PinchError: one of them is there already, and the folder is not marked.
    """
    found = [name for name in names if (folder / name).exists()]
    if found and not is_marked(folder, kind):
        raise PinchError(f"{folder} holds {listed(found)} that Pinch did not make: choose another folder")


def claim(folder: Path, kind: str, names: Iterable[str]) -> None:
    """Mark a folder in which Pinch will write, replace and remove `names`; see `require_claimable`."""
    require_claimable(folder, kind, names)
    mark(folder, kind)


def remove_folder(folder: Path, kind: str) -> None:
    """Remove a folder that Pinch made, if it exists.

    Raises:
        PinchError: it is not marked as one of this kind.
    """
    require_replaceable(folder, kind)
    if folder.is_dir():
        shutil.rmtree(folder)


def _is_marked_file(path: Path) -> bool:
    look = _LOOK.get(path.suffix)
    try:
        return look is None or look(path)
    except (zipfile.BadZipFile, KeyError, StopIteration, ValueError):
        return False  # an older format or an incomplete file; Pinch writes neither


def _is_marked_checkpoint(path: Path) -> bool:
    """Whether a checkpoint has an entry `pinch`. Its pickle is read but not run."""
    with zipfile.ZipFile(path) as archive:
        pickled = next(archive.read(name) for name in archive.namelist() if name.endswith("/data.pkl"))
    strings = {argument for _, argument, _ in pickletools.genops(pickled) if isinstance(argument, str)}
    return strings >= _CHECKPOINT_ENTRY


def _is_marked_tflite(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return _EXPORTED in archive.read("metadata.json")


def _is_marked_bundle(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        content = json.loads(archive.read("model.json"))
    return isinstance(content, dict) and content.get("made_by") == "Pinch"


def _is_marked_npz(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    return any(names >= {f"{member}.npy" for member in members} for members in _NPZ_MEMBERS)


def _is_made_json(path: Path) -> bool:
    try:
        content = json.loads(path.read_text())
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and (content.keys() >= _RECORD_KEYS or content.get("made_by") == "Pinch")


_LOOK: dict[str, Callable[[Path], bool]] = {
    ".pt": _is_marked_checkpoint,
    ".onnx": lambda path: _EXPORTED in path.read_bytes(),
    ".tflite": _is_marked_tflite,
    ".npz": _is_marked_npz,
    ".zip": _is_marked_bundle,
}
_LOOK_AT_OUTPUT: dict[str, Callable[[Path], bool]] = {
    ".json": _is_made_json,
    ".html": lambda path: PAGE_MARK.encode() in path.read_bytes(),
    ".csv": lambda path: path.read_bytes().startswith(TABLE_HEAD.encode()),
}
_SHOWN = {".png", ".jpg", ".jpeg", ".mp4"}
