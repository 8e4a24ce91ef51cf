"""Records: one JSON file per measurement, with where and how it was made.

    {"kind": "accuracy", "result": {...}, "provenance": {...}}

`kind` is one of KINDS, `result` is what was measured, `provenance` says on what hardware, with what versions and when.
"""

import functools
import importlib.metadata
import os
import platform
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pinch import __version__
from pinch.core.errors import PinchError
from pinch.core.files import read_json, write_json

KINDS = ("dataset", "training", "pruning", "export", "accuracy", "inference", "sensitivity", "gpu")
_PACKAGES = (
    "torch",
    "ultralytics",
    "torch-pruning",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnx2tf",
    "tensorflow",
    "ai-edge-litert",
    "openvino",
    "nncf",
    "opencv-python",
    "numpy",
)


def write(path: str | Path, kind: str, result: dict[str, Any], seed: int | None = None) -> None:
    """Write a record of `kind` with its provenance, completely or not at all."""
    assert kind in KINDS, kind
    write_json(path, {"kind": kind, "result": result, "provenance": provenance(seed)})


def read(path: str | Path, kind: str | None = None) -> dict[str, Any]:
    """Read a record.

    Raises:
        PinchError: it is missing, not JSON, or not a record (of `kind`).
    """
    record = read_json(path)
    if not isinstance(record, dict) or not {"kind", "result", "provenance"} <= record.keys():
        raise PinchError(f"{path} is not a record of Pinch: delete it and run again")
    if kind is not None and record["kind"] != kind:
        raise PinchError(f"{path} is a record of kind {record['kind']}, not {kind}: delete it and run again")
    return record


def provenance(seed: int | None = None) -> dict[str, Any]:
    """Hardware, versions, git revision, command, seed and time (UTC, ISO 8601)."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(sys.argv),
        "seed": seed,
        "git_revision": _git_revision(),
        "pinch": __version__,
        "versions": _versions(),
        "hardware": hardware(),
        "slurm": {k: v for k in ("SLURM_JOB_ID", "SLURM_JOB_PARTITION", "SLURMD_NODENAME") if (v := os.environ.get(k))},
    }


def hardware() -> dict[str, Any]:
    """Host, processor, cores allotted to this process, and memory in MB."""
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "host": socket.gethostname(),
        "system": platform.platform(),
        "cpu": _cpu_model(),
        "cpu_flags": [
            flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "asimddp") if flag in _cpu_flags()
        ],
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": round(pages * page / 1e6),
    }


def has_vnni() -> bool:
    """Whether the processor multiplies 8-bit integers in one instruction (VNNI, or the dot product of ARM)."""
    return any(flag in _cpu_flags() for flag in ("avx512_vnni", "avx_vnni", "asimddp"))


@functools.cache
def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


def _cpu_model() -> str:
    for line in _cpuinfo().splitlines():
        if line.lower().startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _cpu_flags() -> set[str]:
    for line in _cpuinfo().splitlines():
        if line.lower().startswith(("flags", "features")):
            return set(line.split(":", 1)[1].split())
    return set()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _git_revision() -> str | None:
    """Commit of the project, with "-dirty" if files were edited; None outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
