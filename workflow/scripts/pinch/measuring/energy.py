"""Energy from hardware counters: RAPL for processors, NVML for NVIDIA GPUs. It is never estimated."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from pinch.core import gpu
from pinch.core.record_types.measurements import Energy

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows RAPL, also AMD's (always as `intel-rapl`). By default only root can read it."""


class Counter(Protocol):
    """Something that counts energy."""

    source: str

    def read(self) -> float:
        """Joules since the counter was opened."""


def open_counter(device: str, powercap: Path = POWERCAP) -> Counter | None:
    """The counter of a device; None if the machine has none that this user may read.

    Args:
        device: "cpu" (RAPL, all packages) or "gpu" (NVML, the first visible GPU).
        powercap: where Linux shows RAPL.
    """
    if device == "gpu":
        return NvmlCounter.open()
    domains = [folder for folder in sorted(powercap.glob("intel-rapl:*")) if _readable_package(folder)]
    return RaplCounter(domains) if domains else None


def measure(counter: Counter, work: Callable[[], object], seconds: float, idle_seconds: float) -> Energy:
    """Measure the energy of `work` (one inference), repeated over a window, after that of the idle machine.

    Args:
        counter: from `open_counter`.
        work: one inference.
        seconds: minimum length of the window. It should be seconds, because counters are updated every millisecond
            (RAPL) or every tens of milliseconds (NVML).
        idle_seconds: length of the idle window.
    """
    start, clock = counter.read(), time.perf_counter()
    time.sleep(idle_seconds)
    idle_w = (counter.read() - start) / (time.perf_counter() - clock)
    count = 0
    start, clock = counter.read(), time.perf_counter()
    while (elapsed := time.perf_counter() - clock) < seconds or not count:
        work()
        count += 1
    joules = counter.read() - start
    elapsed = time.perf_counter() - clock
    net = joules - idle_w * elapsed
    return Energy(
        source=counter.source,
        gross_mj=joules * 1e3 / count,
        net_mj=net * 1e3 / count,
        idle_w=idle_w,
        seconds=elapsed,
        inferences=count,
    )


class RaplCounter:
    """The sum of Linux's powercap counters over processor packages (in microjoules; they wrap around)."""

    def __init__(self, domains: list[Path]):
        self._domains = domains
        self._ranges = [int((domain / "max_energy_range_uj").read_text()) for domain in domains]
        self._last = self._values()
        self._joules = 0.0
        self.source = "RAPL " + "+".join((domain / "name").read_text().strip() for domain in domains)

    def read(self) -> float:
        """See `Counter.read`."""
        values = self._values()
        for value, last, limit in zip(values, self._last, self._ranges, strict=True):
            self._joules += ((value - last) if value >= last else (value + limit - last)) / 1e6
        self._last = values
        return self._joules

    def _values(self) -> list[int]:
        return [int((domain / "energy_uj").read_text()) for domain in self._domains]


class NvmlCounter:
    """The energy counter of an NVIDIA GPU (Volta or newer); it measures the whole board."""

    def __init__(self, device: "gpu.Device"):
        self._device = device
        self._start = device.energy_mj()
        self.source = f"NVML {device.name}"

    @classmethod
    def open(cls) -> "NvmlCounter | None":
        """The counter of the GPU that CUDA calls 0; None if there is no GPU or it has no counter."""
        try:
            return cls(gpu.Device.first())
        except gpu.UnavailableError:
            return None

    def read(self) -> float:
        """See `Counter.read`."""
        return (self._device.energy_mj() - self._start) / 1e3


def _readable_package(folder: Path) -> bool:
    """Whether it is the counter of a whole package and may be read. Counters of its parts would count twice."""
    try:
        (folder / "energy_uj").read_text()
        return (folder / "name").read_text().startswith("package")
    except OSError:
        return False
