"""The fresh process in which a model is timed: `python -m pinch.measuring.timing_worker JOB.json`.

It imports only the runtime that the model needs. The job says what to measure ("time", "memory" or "energy"), of which
model, on which frames. The answer is written to the file that the job names.
"""

import dataclasses
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pinch import runtimes
from pinch.core.errors import PinchError
from pinch.measuring import energy
from pinch.run import identity
from pinch.runtimes.base import Backend
from pinch.runtimes.postprocess import detections
from pinch.runtimes.preprocess import letterbox

STEPS = ("preprocess", "inference", "postprocess")
MEMORY_RUNS = 5
"""More inferences than needed: a runtime allocates all its memory in the first."""


def main(job_path: Path) -> None:
    """Do the job and write its answer: a result, or the message of a `PinchError`."""
    job = json.loads(job_path.read_text())
    cv2.setNumThreads(job["threads"])
    try:
        answer: dict[str, Any] = {"result": _JOBS[job["task"]](job)}
    except PinchError as error:
        answer = {"error": str(error)}
    Path(job["answer"]).write_text(json.dumps(answer))


def time_steps(backend: Backend, frames: list[np.ndarray], warmup: int, min_seconds: float) -> dict[str, list[float]]:
    """Time pre-processing, inference and post-processing separately, frame by frame.

    Args:
        backend: a loaded model.
        frames: uint8, (height, width, 3), BGR.
        warmup: number of frames at the start whose times are discarded.
        min_seconds: minimum time of all samples together; all frames are repeated as often as needed, at least once.

    Returns:
        For each of STEPS its samples in milliseconds, in order.
    """
    for index in range(warmup):
        _step(backend, frames[index % len(frames)])
    samples: list[tuple[float, float, float]] = []
    gc.collect()
    gc.disable()
    try:
        end = time.perf_counter() + min_seconds
        while time.perf_counter() < end or not samples:
            samples += [_step(backend, frame) for frame in frames]
    finally:
        gc.enable()
    return {step: list(values) for step, values in zip(STEPS, zip(*samples, strict=True), strict=True)}


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


def _time(job: dict[str, Any]) -> dict[str, Any]:
    backend = _open(job)
    samples = time_steps(backend, _frames(job), job["warmup"], job["min_seconds"])
    described = identity.described(backend.path, backend.metadata)
    return {"samples_ms": samples, "shape": backend.shape, "notes": backend.notes, "described": described}


def _memory(job: dict[str, Any]) -> dict[str, Any]:
    before = _peak_rss_mb()
    backend = _open(job)
    frame = _frames(job)[0]
    for _ in range(MEMORY_RUNS):
        _step(backend, frame)
    return {"peak_rss_mb": _peak_rss_mb(), "before_loading_mb": before}


def _energy(job: dict[str, Any]) -> dict[str, Any] | None:
    counter = energy.open_counter(job["device"])
    if counter is None:
        return None
    backend = _open(job)
    inputs = [backend.upload(letterbox(frame, backend.shape)[0]) for frame in _frames(job)]
    for tensor in inputs[: job["warmup"]]:
        backend.run(tensor)
    turn = iter(range(sys.maxsize))
    found = energy.measure(
        counter, lambda: backend.run(inputs[next(turn) % len(inputs)]), job["energy_seconds"], job["energy_seconds"] / 2
    )
    return dataclasses.asdict(found)


_JOBS = {"time": _time, "memory": _memory, "energy": _energy}


def _open(job: dict[str, Any]) -> Backend:
    return runtimes.open(job["model"], job["device"], job["threads"], job["imgsz"])


def _frames(job: dict[str, Any]) -> list[np.ndarray]:
    return [np.load(path) for path in sorted(Path(job["frames"]).glob("*.npy"))]


def _peak_rss_mb() -> float | None:
    """Peak resident memory of this process, in MB; None if the system does not show it.

    `getrusage` cannot be used: there a new process inherits the peak of the process that started it.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    main(Path(sys.argv[1]))
