"""Provenance: where, when, with what and from what source something was made."""

import functools
import importlib.metadata
import os
import platform
import socket
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pinch import __version__

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


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """A machine.

    Attributes:
        host: its name.
        system: the operating system, with its version.
        cpu: the processor's model.
        cpu_flags: those of its instruction sets that matter to the speed of networks.
        cores: allotted to this process.
        memory_mb: of the machine, in MB.
    """

    host: str
    system: str
    cpu: str
    cpu_flags: list[str]
    cores: int
    memory_mb: int


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """How something was made.

    Attributes:
        time: UTC, ISO 8601.
        command: with its arguments.
        seed: of everything random; None where nothing is.
        git_revision: commit of the project with "-dirty" if files were edited; None outside a checkout.
        pinch: version of Pinch.
        versions: of Python and of the packages that compute.
        hardware: the machine.
        slurm: what SLURM says of the job; empty outside one.
        data: digest of the prepared data set that was used (see `pinch.data.manifest`); None without one.
    """

    time: str
    command: str
    seed: int | None
    git_revision: str | None
    pinch: str
    versions: dict[str, str]
    hardware: Hardware
    slurm: dict[str, str]
    data: str | None = None


def current(seed: int | None = None, data: str | None = None) -> Provenance:
    """The provenance of what this process makes now, with a seed and from a data set with this digest."""
    variables = ("SLURM_JOB_ID", "SLURM_JOB_PARTITION", "SLURMD_NODENAME")
    return Provenance(
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        command=" ".join(sys.argv),
        seed=seed,
        git_revision=_git_revision(),
        pinch=__version__,
        versions=_versions(),
        hardware=_hardware(),
        slurm={name: value for name in variables if (value := os.environ.get(name))},
        data=data,
    )


def _hardware() -> Hardware:
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    flags = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "asimddp")
    return Hardware(
        host=socket.gethostname(),
        system=platform.platform(),
        cpu=_cpu_model(),
        cpu_flags=[flag for flag in flags if flag in _cpu_flags()],
        cores=len(os.sched_getaffinity(0)),
        memory_mb=round(pages * page / 1e6),
    )


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
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
