"""Time per frame of a detector.

Every round is a fresh process that loads one runtime, warms up, and times pre-processing, inference and post-processing
separately on the same real frames. With a baseline, the rounds of both models alternate in random order, so that other
work of the machine affects both equally and their ratio does not drift.
"""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pinch import runtimes
from pinch.core import gpu
from pinch.core.environment import library_path
from pinch.core.errors import PinchError
from pinch.core.files import sha256
from pinch.core.record_types.measurements import Energy, InferenceRecord, OtherLoad, Times
from pinch.data import frames as sources
from pinch.measuring.timing_worker import STEPS
from pinch.run.settings.data import General
from pinch.run.settings.measuring import Runtime, Timing

QUIET_CORES = 0.1
"""Processor cores that others may use while the measurement counts as exclusive: what an idle system needs."""
QUIET_GPU_PERCENT = 5


@dataclass(frozen=True)
class TimingSettings(Runtime, Timing):
    """How to measure: the declared options, and what the command adds.

    Attributes:
        imgsz: side of the input in pixels, for models that take any size.
        seed: of the order of rounds.
    """

    imgsz: int | None = None
    seed: int = General.seed


def measure(
    model: str | Path, source: str | Path, settings: TimingSettings, baseline: str | Path | None = None
) -> InferenceRecord:
    """Measure time per frame, memory and, where the hardware counts it, energy of a model.

    Args:
        model: `.pt` or an artifact of any format, made here or by others.
        source: a video, an image, or a folder of images.
        settings: how to measure.
        baseline: another model, timed in turns with it; ignored if it is the model itself.

    Raises:
        PinchError: a model or the source cannot be read, or the device cannot run the model.
    """
    baseline = None if baseline and Path(baseline) == Path(model) else baseline
    models = [Path(model), *([Path(baseline)] if baseline else [])]
    for path in models:
        runtimes.find_format(path)
    with tempfile.TemporaryDirectory() as folder:
        count = _store_frames(source, settings.frames, Path(folder))
        load = Load(settings.device)
        rounds = _rounds(models, settings, folder)
        others = load.others()
        memory = _work("memory", models[0], settings, folder)
        counted = _work("energy", models[0], settings, folder) if settings.energy_seconds else None
    energy = Energy(**counted) if counted else None
    return InferenceRecord(
        **vars(_times(models[0], rounds[0])),
        device=settings.device,
        threads=settings.threads,
        gpu=load.gpu,
        source=Path(source).name,
        frames=count,
        warmup=settings.warmup,
        rounds=settings.rounds,
        peak_rss_mb=memory["peak_rss_mb"],
        rss_before_loading_mb=memory["before_loading_mb"],
        energy_mj=energy.gross_mj if energy else None,
        energy_net_mj=energy.net_mj if energy else None,
        energy_source=energy.source if energy else None,
        energy=energy,
        exclusive=others.exclusive,
        others=others,
        **(_comparison(models, rounds) if baseline else {}),
    )


def compare(models: list[Path], source: str | Path, settings: TimingSettings) -> list[float]:
    """Median milliseconds of inference of several models, timed in turns on the same frames.

    Args:
        models: `.pt` or artifacts of any format.
        source: see `measure`.
        settings: how to measure.
    """
    with tempfile.TemporaryDirectory() as folder:
        _store_frames(source, settings.frames, Path(folder))
        return [float(np.median(_medians(answers))) for answers in _rounds(models, settings, folder)]


class Load:
    """What other processes do on the machine from the creation of this object on.

    Attributes:
        gpu: name of the GPU; None on the CPU, or if it is not known.
    """

    def __init__(self, device: str):
        first = _first_gpu() if device == "gpu" else None
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
        return time.monotonic(), _busy_seconds(), sum(usage.ru_utime + usage.ru_stime for usage in used)


def _busy_seconds() -> float:
    """Processor seconds used on the machine, including those stolen by a hypervisor; NaN if the system hides them."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return float("nan")
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, stat.read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _first_gpu() -> gpu.Device | None:
    try:
        return gpu.Device.first()
    except gpu.UnavailableError:
        return None


def _store_frames(source: str | Path, count: int, folder: Path) -> int:
    """Decode the frames once, so that every round gets the same ones and no worker has to open a video."""
    loaded = sources.load(source, count)
    for index, frame in enumerate(loaded):
        np.save(folder / f"{index:05d}.npy", frame)
    return len(loaded)


def _rounds(models: list[Path], settings: TimingSettings, folder: str) -> list[list[dict[str, Any]]]:
    """The answers of the rounds of each model. Within a round the order of the models is random."""
    order = random.Random(settings.seed)
    answers: list[list[dict[str, Any]]] = [[] for _ in models]
    for _ in range(settings.rounds):
        for index in order.sample(range(len(models)), len(models)):
            answers[index].append(_work("time", models[index], settings, folder))
    return answers


def _work(task: str, model: Path, settings: TimingSettings, frames: str) -> Any:
    """Run one job of `pinch.measuring.timing_worker` in a fresh process.

    Raises:
        PinchError: the worker reports an error, or it died.
    """
    with tempfile.TemporaryDirectory() as folder:
        job, answer = Path(folder) / "job.json", Path(folder) / "answer.json"
        imgsz = settings.imgsz if runtimes.find_format(model) is runtimes.CHECKPOINT else None
        request = {**vars(settings), "imgsz": imgsz}
        request |= {"task": task, "model": str(model.absolute()), "frames": frames, "answer": str(answer)}
        job.write_text(json.dumps(request))
        command = [sys.executable, "-m", "pinch.measuring.timing_worker", str(job)]
        done = subprocess.run(command, env=_environment(settings.threads), capture_output=True, text=True)
        if not answer.exists():
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise PinchError(f"the process that runs {model} ended with code {done.returncode}: {last}")
        said = json.loads(answer.read_text())
    if "error" in said:
        raise PinchError(said["error"])
    return said["result"]


def _environment(threads: int) -> dict[str, str]:
    """The worker's environment: the path of this library, and the number of threads for numerical libraries."""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    return {**os.environ, **limits, "PYTHONPATH": library_path()}


def _times(path: Path, rounds: list[dict[str, Any]]) -> Times:
    """The times of one model over its rounds."""
    samples = {step: [value for answer in rounds for value in answer["samples_ms"][step]] for step in STEPS}
    inference = np.array(samples["inference"])
    p50, p90, p99 = np.percentile(inference, (50, 90, 99)).tolist()
    medians = _medians(rounds)
    return Times(
        file=path.name,
        **rounds[0]["described"],
        format=runtimes.find_format(path).name,
        imgsz=max(rounds[0]["shape"]),
        sha256=sha256(path),
        p50_ms=p50,
        p90_ms=p90,
        p99_ms=p99,
        mean_ms=float(inference.mean()),
        min_ms=float(inference.min()),
        preprocess_ms=float(np.median(samples["preprocess"])),
        postprocess_ms=float(np.median(samples["postprocess"])),
        round_p50_ms=medians,
        spread=(max(medians) - min(medians)) / p50,
        samples_ms={step: [round(value, 4) for value in values] for step, values in samples.items()},
        notes=rounds[0]["notes"],
    )


def _medians(rounds: list[dict[str, Any]]) -> list[float]:
    return [float(np.median(answer["samples_ms"]["inference"])) for answer in rounds]


def _comparison(models: list[Path], rounds: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """The ratio of each round of the model to the baseline's round beside it, and the median of these ratios."""
    ratios = [ours / theirs for ours, theirs in zip(_medians(rounds[0]), _medians(rounds[1]), strict=True)]
    return {
        "baseline": _times(models[1], rounds[1]),
        "round_ratios": ratios,
        "relative_to_baseline": float(np.median(ratios)),
    }
