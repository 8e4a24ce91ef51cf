"""Provenance: where, when, with what and from what source something was made."""

import functools
import os
import platform
import re
import socket
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pinch import __version__
from pinch.core import gpu
from pinch.core.errors import PinchError

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
    "opencv-python-headless",
    "numpy",
)

FLAGS = (
    *("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_int8", "amx_bf16"),  # x86
    *("asimddp", "i8mm", "bf16", "sve"),  # ARM
)
"""Instruction sets that matter to the speed of networks: vectors, and products of bytes and of bfloat16."""
_FREQUENCY = Path("/sys/devices/system/cpu/cpu0/cpufreq")


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
        clock_mhz, nominal_clock_mhz: of the processor, at the time and as its maker says, in MHz; None, like the rest,
            where the system does not tell, and in older records.
        governor: what chooses the clock: "performance", "powersave"...
        gpu, gpu_driver: the first GPU that this process may use, used or not, and the version of NVIDIA's driver.
    """

    host: str
    system: str
    cpu: str
    cpu_flags: list[str]
    cores: int
    memory_mb: int
    clock_mhz: float | None = None
    nominal_clock_mhz: float | None = None
    governor: str | None = None
    gpu: str | None = None
    gpu_driver: str | None = None


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
        versions={"python": platform.python_version()} | versions(_PACKAGES),
        hardware=hardware(),
        slurm={name: value for name in variables if (value := os.environ.get(name))},
        data=data,
    )


def hardware() -> Hardware:
    """This machine."""
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    name = gpu.first_name()
    return Hardware(
        host=socket.gethostname(),
        system=platform.platform(),
        cpu=_cpu_model(),
        cpu_flags=[flag for flag in FLAGS if flag in _cpu_flags()],
        cores=len(os.sched_getaffinity(0)),
        memory_mb=round(pages * page / 1e6),
        clock_mhz=_clock_mhz(),
        nominal_clock_mhz=_nominal_clock_mhz(),
        governor=_frequency_setting("scaling_governor"),
        gpu=name,
        gpu_driver=_gpu_driver() if name else None,
    )


def _gpu_driver() -> str | None:
    try:
        return gpu.driver_version()
    except PinchError:  # the environment has no bindings, because its jobs use no GPU
        return None


def _clock_mhz() -> float | None:
    import psutil  # here, because importing records must stay cheap

    found = psutil.cpu_freq()
    return found.current if found else None


def _nominal_clock_mhz() -> float | None:
    kilohertz = _frequency_setting("base_frequency")  # Intel's driver only
    if kilohertz:
        return int(kilohertz) / 1000
    named = re.search(r"@ ([\d.]+)GHz", _cpu_model())
    return float(named[1]) * 1000 if named else None


def _frequency_setting(name: str) -> str | None:
    """What Linux says of the first core's clock; None where the system does not tell, as in most virtual machines."""
    try:
        return (_FREQUENCY / name).read_text().strip()
    except OSError:
        return None


def has_any(flags: Iterable[str]) -> bool:
    """Whether the processor has one of these instruction sets, by Linux' names for them."""
    return any(flag in _cpu_flags() for flag in flags)


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


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of those of these packages that are installed."""
    import importlib.metadata  # takes longer than all else here, and each process of a timing imports this module

    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def short_revision(revision: str) -> str:
    """The first 12 digits of a `git_revision`, with "-dirty" where files were edited."""
    digits, *edited = revision.split("-")
    return "-".join([digits[:12], *edited])


def _git_revision() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
