"""What other processes do on the machine while something is measured."""

import os
import resource
import time
from pathlib import Path

from pinch.core import gpu
from pinch.core.record_types.measurements import OtherLoad

QUIET_CORES = 0.1
"""Processor cores that others may use while the measurement counts as exclusive: what an idle system needs."""
QUIET_GPU_PERCENT = 5


class Load:
    """What other processes do on the machine from the creation of this object on.

    Attributes:
        gpu: name of the GPU; None on the CPU, or if it is not known.
    """

    def __init__(self, device: str):
        first = gpu.Device.first_or_none() if device == "gpu" else None
        self.gpu = first.name if first else None
        self._gpu_percent = first.busy_percent() if first else None
        self._on_gpu = device == "gpu"
        self._start = self._now()

    def others(self) -> OtherLoad:
        """What they did until now."""
        clock, busy, own = (now - start for now, start in zip(self._now(), self._start, strict=True))
        cores = max(0.0, (busy - own) / clock) if busy == busy else None
        quiet = cores is not None and cores <= QUIET_CORES and (self._gpu_percent or 0) <= QUIET_GPU_PERCENT
        known = cores is not None and not (self._on_gpu and self._gpu_percent is None)
        return OtherLoad(
            exclusive=quiet if known else None,
            busy_cores=cores,
            gpu_percent_before=self._gpu_percent,
            cores_of_job=len(os.sched_getaffinity(0)),
            cores_of_machine=os.cpu_count(),
        )

    @staticmethod
    def _now() -> tuple[float, float, float]:
        """Clock, processor seconds of the whole machine, and those of this process and its finished children."""
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return time.monotonic(), busy_seconds(), sum(usage.ru_utime + usage.ru_stime for usage in used)


def is_crowded(others: OtherLoad, device: str, threads: int) -> bool:
    """Whether a measurement and the others needed more of the machine than there is.

    The rounds of a timing then tell little of what another hour would bring. On two cores, of which others used a
    quarter of one and later up to one and a half, ratios of files on two threads moved by up to 60%.
    """
    if device == "gpu":
        return (others.gpu_percent_before or 0) > QUIET_GPU_PERCENT
    if others.busy_cores is None or others.cores_of_machine is None:
        return False
    return threads + others.busy_cores > others.cores_of_machine + QUIET_CORES


def busy_seconds() -> float:
    """Processor seconds used on the machine, including those stolen by a hypervisor; NaN if the system hides them."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return float("nan")
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, stat.read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
