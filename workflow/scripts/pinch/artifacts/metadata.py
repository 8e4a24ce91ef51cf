"""The metadata of artifacts: the entries that Ultralytics reads, and Pinch's own."""

import json
import zipfile
from pathlib import Path
from typing import Any

import ultralytics

from pinch import __version__
from pinch.artifacts.session import Session
from pinch.run.formats import PRECISIONS
from pinch.run.identity import to_json


def describe(session: Session, precision: str, threshold: float | None, target: str | None = None) -> dict[str, Any]:
    """The metadata of an artifact.

    The first group is what `ultralytics.nn.backends` applies (`BaseBackend.apply_metadata`), so that `YOLO(artifact)`
    works as it does on Ultralytics' own exports. There is no date in it, so the same input gives the same file.

    Args:
        session: what was exported.
        precision: one of the format's.
        threshold: score with the best F1 on val, for users to begin with; None: not known.
        target: the processor that a quantized file was made for; None: any.
    """
    network = session.checkpoint.model
    head: Any = network.model[-1]  # type: ignore[index]
    ours = {
        "pinch": __version__,
        "model": to_json(session.model),
        "precision": precision,
        "candidates": session.head.candidates,
        "macs": session.macs,
        "source_sha256": session.source_sha256,
    }
    if threshold is not None:
        ours["threshold"] = threshold
    if PRECISIONS[precision].quantized:
        ours |= {"target": target or "any", "calibration_sha256": session.calibration_sha256}
    return {
        "description": f"{session.checkpoint.path.stem}, exported by Pinch",
        "author": "Pinch",
        "version": ultralytics.__version__,
        "license": "AGPL-3.0 License (https://ultralytics.com/license)",
        "stride": int(max(network.stride)),  # type: ignore[arg-type]
        "task": "detect",
        "head": type(head).__name__,
        "batch": 1,
        "imgsz": [session.imgsz, session.imgsz],
        "names": dict(enumerate(session.checkpoint.names)),
        "args": {"batch": 1, "dynamic": False, "nms": False},
        "channels": 3,
        "end2end": bool(head.end2end),
        **ours,
    }


def append(path: Path, metadata: dict[str, Any]) -> None:
    """Append metadata to a TFLite file as a zip of one entry: runtimes read the front, Ultralytics the end."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo("metadata.json")  # a fixed date, so that the same input gives the same file
        archive.writestr(entry, json.dumps(metadata, indent=2))
