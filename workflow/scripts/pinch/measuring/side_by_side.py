"""The times of two files beside each other in this process: fast, for decisions during an export, not for tables."""

import statistics
import time
from pathlib import Path

import numpy as np

from pinch import runtimes

BLOCKS = 5
"""Both files run in turns so many times, so that other work of the machine affects both."""
_BLOCK_SECONDS = 0.1


def relative_time(ours: str | Path, theirs: str | Path, batch: np.ndarray) -> float:
    """Time of one file's inference relative to another's, on one thread: the median over alternating blocks.

    Args:
        ours, theirs: models of any format with the same input size.
        batch: an input, see `pinch.runtimes.base.Backend.upload`.
    """
    backends = [runtimes.open(path) for path in (ours, theirs)]
    inputs = [backend.upload(batch) for backend in backends]
    ratios = []
    for _ in range(BLOCKS):
        mine, other = (_seconds(backend, ready) for backend, ready in zip(backends, inputs, strict=True))
        ratios.append(mine / other)
    return statistics.median(ratios)


def _seconds(backend: runtimes.Backend, ready: object) -> float:
    """Median time of the runs of one block; the first warms up the caches."""
    backend.run(ready)
    samples: list[float] = []
    end = time.perf_counter() + _BLOCK_SECONDS
    while not samples or time.perf_counter() < end:
        start = time.perf_counter()
        backend.run(ready)
        samples.append(time.perf_counter() - start)
    return statistics.median(samples)
