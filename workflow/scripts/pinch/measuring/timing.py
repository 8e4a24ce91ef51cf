"""Time per frame of a detector, and what it needs for it.

Every round (`pinch.measuring.rounds`) is a fresh process that loads one runtime, warms up, and times pre-processing,
inference and post-processing separately on the same real frames.
"""

import contextlib
import functools
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from pinch import runtimes
from pinch.core.files import sha256
from pinch.core.record_types.measurements import Energy, InferenceRecord, OtherLoad, Times
from pinch.data import frames as sources
from pinch.measuring import energy
from pinch.measuring.interval import of_values
from pinch.measuring.load import QUIET_CORES, QUIET_GPU_PERCENT, Load
from pinch.measuring.rounds import Round, TimingSettings, open_worker, precision, until_precise
from pinch.measuring.timing_worker import STEPS
from pinch.measuring.worker import Worker
from pinch.run import formats, identity


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
        if reason := _lacking(models[0]):
            return _skipped(models[0], source, count, settings, load, reason, folder)
        found = list(until_precise(models, settings, folder))
        others = load.others()
        spent = _energy(models, settings, folder, others)
    ours = [each[0] for each in found]
    times = _times(models[0], ours)
    return InferenceRecord(
        **vars(times),
        **_resources(ours),
        **_energy_fields(times, settings, *spent),
        **_conditions(source, count, settings, load),
        rounds=len(found),
        exclusive=others.exclusive,
        others=others,
        **_intervals(found, settings.half_width),
        baseline=_times(models[1], [each[1] for each in found]) if baseline else None,
    )


def _lacking(model: Path) -> str | None:
    """Why this processor cannot run a file of Pinch as it is meant; None where it can."""
    artifact = identity.parse_artifact(model)
    return formats.lacking(artifact.precision) if artifact else None


def _skipped(
    model: Path, source: str | Path, count: int, settings: TimingSettings, load: Load, reason: str, folder: str
) -> InferenceRecord:
    """The record of a file that is not measured because the processor would not run it as it is meant."""
    with open_worker(model, settings, folder) as worker:
        opened = worker.opened
    figures = ["p50_ms", "p90_ms", "p99_ms", "mean_ms", "min_ms", "preprocess_ms", "postprocess_ms", "spread"]
    figures += ["peak_rss_mb", "energy_mj", "energy_net_mj", "energy_source", "energy", "exclusive"]
    nothing: dict[str, Any] = dict.fromkeys(figures)
    return InferenceRecord(
        file=model.name,
        **opened["described"],
        format=runtimes.find_format(model).name,
        imgsz=max(opened["shape"]),
        sha256=sha256(model),
        **nothing,
        round_p50_ms=[],
        samples_ms={},
        notes=[reason],
        skipped=reason,
        **_conditions(source, count, settings, load),
        rounds=0,
        others=load.others(),
    )


def _conditions(source: str | Path, count: int, settings: TimingSettings, load: Load) -> dict[str, Any]:
    """Where a model ran, and on what; `count` is the number of frames."""
    where = {"device": settings.device, "threads": settings.threads, "gpu": load.gpu}
    return where | {"source": Path(source).name, "frames": count, "warmup": settings.warmup}


def compare(models: list[Path], source: str | Path, settings: TimingSettings) -> list[float]:
    """Median milliseconds of inference of several models, timed in as many rounds as the settings say.

    Within a round each model runs in a fresh process, one after the other in random order.

    Args:
        models: `.pt` or artifacts of any format.
        source: see `measure`.
        settings: how to measure.
    """
    order = random.Random(settings.seed)
    found: list[list[float]] = [[] for _ in models]
    with tempfile.TemporaryDirectory() as folder:
        _store_frames(source, settings.frames, Path(folder))
        for _ in range(settings.rounds):
            for index in order.sample(range(len(models)), len(models)):
                with open_worker(models[index], settings, folder) as worker:
                    turn = worker.ask("time", turn=0, turns=1, warmup=settings.warmup, seconds=settings.min_seconds)
                found[index].append(float(np.median(turn["samples_ms"]["inference"])))
    return [float(np.median(medians)) for medians in found]


def _store_frames(source: str | Path, count: int, folder: Path) -> int:
    """Decode the frames once, so that every round gets the same ones and no worker has to open a video."""
    loaded = sources.load(source, count)
    for index, frame in enumerate(loaded):
        np.save(folder / f"{index:05d}.npy", frame)
    return len(loaded)


def _intervals(rounds: list[list[Round]], half_width: float) -> dict[str, Any]:
    """How far the times, and the ratios to a baseline, can be trusted."""
    _, low, high = of_values([found[0].p50_ms for found in rounds])
    fields = {"p50_low_ms": low, "p50_high_ms": high, "stable": precision(rounds).is_within(half_width)}
    if len(rounds[0]) == 1:
        return fields
    ratios = [ours.ratio(theirs) for ours, theirs in rounds]
    middle, low, high = of_values(ratios)
    return fields | {"round_ratios": ratios, "relative_to_baseline": middle, "ratio_low": low, "ratio_high": high}


def _times(path: Path, rounds: list[Round]) -> Times:
    """The times of one model over its rounds."""
    samples = {step: [value for found in rounds for value in found.samples(step)] for step in STEPS}
    inference, total = np.array(samples["inference"]), np.sum(list(samples.values()), 0)
    p50, p90, p99 = np.percentile(inference, (50, 90, 99)).tolist()
    total_p50, total_p90 = np.percentile(total, (50, 90)).tolist()
    medians, opened = [found.p50_ms for found in rounds], rounds[0].opened
    return Times(
        file=path.name,
        **opened["described"],
        format=runtimes.find_format(path).name,
        imgsz=max(opened["shape"]),
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
        notes=opened["notes"],
        total_ms=total_p50,
        total_p90_ms=total_p90,
        fps=1000 / total_p50,
        load_ms=_middle(rounds, "load_ms"),
        first_ms=_middle(rounds, "first_ms"),
    )


def _middle(rounds: list[Round], key: str) -> float | None:
    """The median over the rounds of what loading the model showed; None where the system does not show it."""
    values = [found.opened[key] for found in rounds]
    return None if None in values else float(np.median(values))


def _resources(rounds: list[Round]) -> dict[str, Any]:
    """What the rounds of a model say of memory, of the use of the processor, and of its peak rate."""
    fields = {key: _middle(rounds, key) for key in ("rss_import_mb", "rss_loaded_mb", "peak_rss_mb", "gpu_memory_mb")}
    imported, most = fields["rss_import_mb"], fields["peak_rss_mb"]
    turns = [turn for found in rounds for turn in found.turns]
    used, clock = (sum(turn[key] for turn in turns) for key in ("cpu_seconds", "wall_seconds"))
    return fields | {
        "model_mb": most - imported if most is not None and imported is not None else None,
        "busy_threads": used / clock,
        "gpu_percent": rounds[0].extra.get("gpu_percent"),
        "macs": rounds[0].opened["macs"],
        "peak": rounds[0].extra.get("peak"),
    }


def _energy(
    models: list[Path], settings: TimingSettings, folder: str, others: OtherLoad
) -> tuple[Energy | None, str | None]:
    """The energy of the first model, measured in turns with the others; and a note: why there is none, or who may have
    changed it.
    """
    if not settings.energy_seconds:
        return None, "not asked for"
    try:
        counter = energy.open_counter(settings.device)
    except energy.NoCounterError as error:
        return None, str(error)
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(open_worker(model, settings, folder)) for model in models]
        runs = [functools.partial(_repeat, worker) for worker in workers]
        for run in runs:
            run(0.0)  # so that all are loaded, and at rest, before the idle machine is measured
        found, *_ = energy.measure(counter, runs, settings.energy_seconds, settings.energy_seconds / 2)
    return found, _neighbours(found, settings.device, others)


def _neighbours(found: Energy, device: str, others: OtherLoad) -> str | None:
    """Who else used what the counter counts: the processor meanwhile, or the GPU just before."""
    busy, percent = found.busy_cores or 0.0, others.gpu_percent_before or 0
    if device == "gpu":
        return f"others used the GPU {percent}% of the time just before" if percent > QUIET_GPU_PERCENT else None
    return f"others kept {busy:.1f} cores busy meanwhile" if busy > QUIET_CORES else None


def _repeat(worker: Worker, seconds: float) -> energy.Used:
    done = worker.ask("repeat", seconds=seconds)
    return energy.Used(done["inferences"], done["cpu_seconds"])


def _energy_fields(times: Times, settings: TimingSettings, found: Energy | None, note: str | None) -> dict[str, Any]:
    """What the record says of energy, and the estimates for a device that runs on a battery."""
    fields = {"energy": found, "energy_note": note}
    for field, key in {"energy_mj": "gross_mj", "energy_net_mj": "net_mj", "energy_source": "source"}.items():
        fields[field] = getattr(found, key, None)
    if found is None or found.net_mj <= 0 or times.fps is None:
        return fields
    rate = min(settings.frame_rate, times.fps)
    power = found.net_mj * rate
    estimate = {"frame_rate": rate, "power_mw": power, "battery_mwh": settings.battery_mwh}
    return fields | estimate | {"battery_hours": settings.battery_mwh / power}
