"""Energy from hardware counters: RAPL for processors, NVML for NVIDIA GPUs. It is never estimated."""

import dataclasses
import functools
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from pinch.core import gpu
from pinch.core.record_types.measurements import Energy
from pinch.measuring import load

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows RAPL, also AMD's (always as `intel-rapl`). By default only root can read it."""
WINDOWS = 5
"""In how many windows each model is measured: their range shows how far its energy can be trusted."""


class Counter(Protocol):
    """Something that counts energy."""

    source: str

    def read(self) -> float:
        """Joules since the counter was opened."""


class NoCounterError(Exception):
    """There is no counter that this user may read; the message says why, as the end of a sentence."""


class Used(NamedTuple):
    """What a model did in a window: its inferences, and the processor seconds that they took."""

    inferences: int
    cpu_seconds: float


def open_counter(device: str, powercap: Path = POWERCAP) -> Counter:
    """The counter of a device.

    Args:
        device: "cpu" (RAPL, all packages) or "gpu" (NVML, the first visible GPU).
        powercap: where Linux shows RAPL.

    Raises:
        NoCounterError: the machine has none that this user may read.
    """
    if device == "gpu":
        return NvmlCounter()
    found = sorted(powercap.glob("intel-rapl:*"))
    domains = [folder for folder in found if _readable_package(folder)]
    if not domains:
        raise NoCounterError(
            f"the counters in {powercap} can be read by root only" if found else "the system shows no RAPL counters"
        )
    return RaplCounter(domains)


def measure(
    counter: Counter, models: Sequence[Callable[[float], Used]], seconds: float, idle_seconds: float
) -> list[Energy]:
    """Measure the energy of one inference of each model, in turns, after the power of the idle machine.

    Args:
        counter: from `open_counter`.
        models: each runs for a time in seconds, and says what it did; the second, if there is one, is the baseline.
        seconds: minimum length of all windows together. A window should be tenths of a second, because counters are
            updated every millisecond (RAPL) or every tens of milliseconds (NVML).
        idle_seconds: length of the idle window.
    """
    idle = _window(counter, lambda: _sleep(idle_seconds))
    share = seconds / (WINDOWS * len(models))
    windows = [[_window(counter, functools.partial(run, share)) for run in models] for _ in range(WINDOWS)]
    found = [_of_model(counter.source, idle, turns) for turns in zip(*windows, strict=True)]
    if len(found) > 1 and found[1].net_mj > 0:
        found[0] = dataclasses.replace(found[0], relative_net=found[0].net_mj / found[1].net_mj)
    return found


@dataclass(frozen=True)
class _Window:
    """What a window counted: joules, seconds, inferences, and processor cores that others kept busy."""

    joules: float
    seconds: float
    inferences: int
    busy_cores: float

    @property
    def watts(self) -> float:
        return self.joules / self.seconds

    def net_mj(self, idle_w: float) -> float:
        return (self.joules - idle_w * self.seconds) * 1e3 / self.inferences


def _window(counter: Counter, work: Callable[[], Used]) -> _Window:
    start, busy, own, clock = counter.read(), load.busy_seconds(), time.process_time(), time.perf_counter()
    used = work()
    seconds = time.perf_counter() - clock
    joules = counter.read() - start
    others = load.busy_seconds() - busy - (time.process_time() - own) - used.cpu_seconds
    return _Window(joules, seconds, used.inferences, max(0.0, others / seconds))


def _sleep(seconds: float) -> Used:
    time.sleep(seconds)
    return Used(0, 0.0)


def _of_model(source: str, idle: _Window, windows: Sequence[_Window]) -> Energy:
    """The energy of a model from its windows, and that of the idle machine."""
    idle_w = idle.watts
    joules, seconds, count = (
        sum(getattr(window, key) for window in windows) for key in ("joules", "seconds", "inferences")
    )
    nets = [window.net_mj(idle_w) for window in windows]
    # Others who were busy in the idle window alone make net energy too small.
    middle, busy = statistics.median(nets), max(window.busy_cores for window in (idle, *windows))
    return Energy(
        source=source,
        gross_mj=joules * 1e3 / count,
        net_mj=(joules - idle_w * seconds) * 1e3 / count,
        idle_w=idle_w,
        seconds=seconds,
        inferences=count,
        window_net_mj=nets,
        net_spread=(max(nets) - min(nets)) / middle if middle > 0 else None,
        busy_cores=busy if busy == busy else None,
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
    """The energy counter of the GPU that CUDA calls 0 (NVIDIA, Volta or newer); it measures the whole board."""

    def __init__(self) -> None:
        try:
            self._device = gpu.Device.first()
            self._start = self._device.energy_mj()
        except gpu.UnavailableError as error:
            raise NoCounterError(str(error)) from error
        self.source = f"NVML {self._device.name}"

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
