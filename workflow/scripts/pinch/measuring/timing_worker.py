"""The fresh process in which a model is timed: `python -m pinch.measuring.timing_worker`.

It imports only the runtime that the model needs. Each line of its input is a request in JSON, which it answers with a
line: the first names the model, the others a task of TASKS. It ends with its input, so that it outlives nobody.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import cv2
import numpy as np

from pinch.core import gpu
from pinch.core.errors import PinchError
from pinch.measuring import peak
from pinch.run import identity
from pinch.runtimes import loading
from pinch.runtimes.base import Backend, literal
from pinch.runtimes.postprocess import detections

STEPS = ("preprocess", "inference", "postprocess")
MEMORY_RUNS = 5
"""More inferences than needed: a runtime allocates all its memory in the first."""
# Seconds in which it is seen whether threads run, in how many of those in a row none may, and the most there are.
_PAUSE, _QUIET_PAUSES, _MOST_PAUSES = 0.002, 3, 100


class Turn(NamedTuple):
    """What frames took: milliseconds of each of STEPS in order, and the seconds of the process and of the clock."""

    samples_ms: dict[str, list[float]]
    cpu_seconds: float
    wall_seconds: float


class Job:
    """A loaded model and the frames to run it on."""

    def __init__(self, model: str, device: str, threads: int, imgsz: int | None, frames: str):
        cv2.setNumThreads(threads)
        self.device, self._threads = device, threads
        loading.backend_of(Path(model), device)
        imported = _resident("VmRSS")
        start = time.perf_counter()
        self.backend = loading.load(model, device, threads, imgsz)
        ready = time.perf_counter()
        loading.try_once(self.backend)
        done = time.perf_counter()
        self._opened: dict[str, float | None] = {"load_ms": (ready - start) * 1e3, "first_ms": (done - ready) * 1e3}
        self._opened |= {"rss_import_mb": imported, "rss_loaded_mb": _resident("VmRSS")}
        # Mapped, because processes share what they read, and the next figure shall not depend on the number of frames.
        self._frames = [np.load(path, mmap_mode="r") for path in sorted(Path(frames).glob("*.npy"))]
        for _ in range(MEMORY_RUNS):
            _step(self.backend, self._frames[0])
        self._opened |= {"peak_rss_mb": _resident("VmHWM"), "gpu_memory_mb": self._gpu_memory_mb()}

    def time(self, turn: int, turns: int, warmup: int, seconds: float) -> dict[str, Any]:
        """Time every `turns`-th frame, beginning with number `turn`, see `time_steps`; then leave the machine idle."""
        chosen = self._frames[turn::turns] or self._frames
        measured = time_steps(self.backend, chosen, warmup, seconds)
        come_to_rest()
        return measured._asdict()

    def repeat(self, seconds: float) -> dict[str, Any]:
        """Infer the first frame again and again, without pre- and post-processing; then leave the machine idle.

        Returns:
            How many inferences there were, the processor seconds of the process, and in the end the share of time in
            which the GPU worked (None on the CPU).
        """
        inputs, _ = self.backend.prepare(self._frames[0])
        count, used, end = 0, time.process_time(), time.perf_counter() + seconds
        while time.perf_counter() < end or not count:
            self.backend.run(inputs)
            count += 1
        come_to_rest()
        first = gpu.Device.first_or_none() if self.device == "gpu" else None
        percent = first.busy_percent() if first else None
        return {"inferences": count, "cpu_seconds": time.process_time() - used, "gpu_percent": percent}

    def peak_rate(self, type: str) -> dict[str, Any]:
        """The peak rate of this machine, see `pinch.measuring.peak.measure`."""
        gops, measured_by = peak.measure(type, self._threads)
        return {"gops": gops, "type": type, "measured_by": measured_by}

    def describe(self) -> dict[str, Any]:
        """What loading the model showed: `shape`, `notes`, `described`, `macs`, memory in MB, and times in ms."""
        backend = self.backend
        described = identity.described(backend.path, backend.metadata)
        about = {"shape": backend.shape, "notes": backend.notes, "described": described}
        return about | {"macs": literal(backend.metadata.get("macs"))} | self._opened

    def _gpu_memory_mb(self) -> float | None:
        first = gpu.Device.first_or_none() if self.device == "gpu" else None
        return first.memory_mb(os.getpid()) if first else None


TASKS: dict[str, Callable[..., dict[str, Any]]] = {"time": Job.time, "repeat": Job.repeat, "peak_rate": Job.peak_rate}


def main() -> None:
    """Answer requests until the input ends: each with a result, or with the message of a `PinchError`."""
    gc.disable()  # it would interrupt some samples, and this process makes little garbage
    with _own_output() as answers:
        requests = (json.loads(line) for line in sys.stdin)
        for answer in _answers(requests):
            print(json.dumps(answer), file=answers, flush=True)


def _own_output() -> TextIO:
    """The standard output for answers only: what libraries print goes to the standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdout = sys.stderr  # at once, so that the last message is the last line
    return answers


def _answers(requests: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    try:
        job = Job(**next(requests))
        yield {"result": job.describe()}
        for request in requests:
            yield {"result": TASKS[request["task"]](job, **request["arguments"])}
    except PinchError as error:
        yield {"error": str(error)}


def time_steps(backend: Backend, frames: list[np.ndarray], warmup: int, min_seconds: float) -> Turn:
    """Time pre-processing, inference and post-processing separately, frame by frame.

    Args:
        backend: a loaded model.
        frames: uint8, (height, width, 3), BGR.
        warmup: number of frames at the start whose times are discarded.
        min_seconds: minimum time of all samples together; all frames are repeated as often as needed, at least once.
    """
    for index in range(warmup):
        _step(backend, frames[index % len(frames)])
    samples: list[tuple[float, float, float]] = []
    used, start = time.process_time(), time.perf_counter()
    while time.perf_counter() < start + min_seconds or not samples:
        samples += [_step(backend, frame) for frame in frames]
    wall, used = time.perf_counter() - start, time.process_time() - used
    by_step = {step: list(values) for step, values in zip(STEPS, zip(*samples, strict=True), strict=True)}
    return Turn(by_step, used, wall)


def come_to_rest() -> None:
    """Wait until no thread of this process runs.

    Threads of ONNX Runtime wait in a loop for some hundredths of a second after the last inference, which would be time
    of the other model's turn.
    """
    quiet = 0
    for _ in range(_MOST_PAUSES):
        before = time.process_time()
        time.sleep(_PAUSE)
        # Once may be chance, if the system gave its processors to others.
        quiet = quiet + 1 if time.process_time() - before < _PAUSE / 4 else 0
        if quiet == _QUIET_PAUSES:
            return


def _step(backend: Backend, frame: np.ndarray) -> tuple[float, float, float]:
    """Milliseconds of each step. Transfers count as pre- and post-processing, so inference is the model alone."""
    start = time.perf_counter_ns()
    inputs, geometry = backend.prepare(frame)
    ready = time.perf_counter_ns()
    outputs = backend.run(inputs)
    done = time.perf_counter_ns()
    detections(backend.download(outputs), geometry)
    end = time.perf_counter_ns()
    return (ready - start) / 1e6, (done - ready) / 1e6, (end - done) / 1e6


def _resident(key: str) -> float | None:
    """Resident memory of this process in MB, now (VmRSS) or at most (VmHWM); None if the system does not show it.

    `getrusage` cannot be used: there a new process inherits the peak of the process that started it.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    main()
