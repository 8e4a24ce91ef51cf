"""The text that LiteRT's `benchmark_model` prints, on a phone over adb, from its log, or on a computer.

Its lines, in this order, each perhaps after "INFO: " or the head of an Android log line; times are microseconds:

    Log parameter values verbosely: [0]
    Num threads: [4]
    Graph: [/data/local/tmp/demo_int8.tflite]
    Use gpu: [1]
    The input model file size (MB): 3.06409
    count=3 first=... curr=... min=... max=... avg=... std=... p5=... median=... p95=...      the warm-up
    count=25 first=... curr=... min=... max=... avg=... std=... p5=... median=... p95=...     what counts
    Inference timings in us: Init: ..., First inference: ..., Warmup (avg): ..., Inference (avg): ...
    Memory footprint delta from the start of the tool (MB): init=... overall=...
    Overall peak memory footprint (MB) via periodic monitoring: ...

Older versions print no percentiles, and a single inference has only "count=1 curr=...". The input is random.
"""

import functools
import re
from collections.abc import Callable
from pathlib import PurePosixPath

from pinch.core.errors import PinchError
from pinch.measuring.imported.measured import Measured, Place, Round

SOURCE = "LiteRT's benchmark_model"
_VALUE = r"(\d\S*)"
_NUMBER = re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?")
_START = re.compile(r"^.*(?:STARTING!|Log parameter values verbosely:).*$", re.MULTILINE)
_GRAPH = re.compile(r"\bGraph: \[(.+?)\]")
_THREADS = re.compile(r"(?:\bNum threads|#threads used for CPU inference): \[(\d+)\]")
_DELEGATES = (("gpu", "GPU delegate", "gpu"), ("nnapi", "NNAPI", "npu"), ("hexagon", "Hexagon", "npu"))
_COUNT = re.compile(r"\bcount=(\d+) (.*)$", re.MULTILINE)
_TIMINGS = re.compile(rf"Inference timings in us: Init: {_VALUE}, First inference: {_VALUE}, .*\(avg\): {_VALUE}")
_SIZE = re.compile(rf"The input model file size \(MB\): {_VALUE}")
_DELTA = re.compile(rf"Memory footprint delta from the start of the tool \(MB\): init=\S+ overall={_VALUE}")
_PEAK = re.compile(rf"Overall peak memory footprint \(MB\) via periodic monitoring: {_VALUE}")
_REPLACED = re.compile(r"Replacing (\d+) out of (\d+) node\(s\) with delegate \(TfLiteXNNPackDelegate\)")
# adb pushes files there; no computer has such a folder.
_ON_ANDROID = re.compile(r"\[/(?:data|sdcard|storage)/")


def is_output(text: str) -> bool:
    """Whether a text is such an output, whole or not."""
    return bool(_GRAPH.search(text))


def is_android(text: str) -> bool:
    """Whether it ran on Android."""
    return bool(_ON_ANDROID.search(text))


def read(path: str, text: str) -> list[Measured]:
    """The runs in a text, each of one file.

    Args:
        path: the file, for messages.
        text: what it holds.

    Raises:
        PinchError: a run did not end, does not say on how many threads it was, or has something else for a number.
    """
    return [_run(path, part) for part in _START.split(text) if _GRAPH.search(part)]


def _run(path: str, text: str) -> Measured:
    graph = _found(_GRAPH, text)
    assert graph
    file, timings = PurePosixPath(graph).name, _TIMINGS.search(text)
    # Profiles, which have such lines too, come later.
    counts = _COUNT.findall(text[: timings.start()]) if timings else []
    if not timings or not counts:
        raise PinchError(
            f'{path}: the run of {file} has no line "Inference timings in us": it did not end, or its benchmark_model '
            "is too old; run it again"
        )
    number = functools.partial(_number, path, file)
    init, first, average = (number(value) / 1000 for value in timings.groups())
    notes = ["benchmark_model has random input, and times inference alone"]
    place = _place(path, file, text, notes)
    if taken := _REPLACED.search(text):
        notes.append(f"XNNPACK computes {taken[1]} of {taken[2]} operators")
    count, figures = counts[-1]
    told = [_found(pattern, text) for pattern in (_SIZE, _DELTA, _PEAK)]
    _, delta, peak = (number(value) if value else None for value in told)
    return Measured(
        path=path,
        file=file,
        bytes_told=told[0],
        place=place,
        runtime="LiteRT",
        rounds=[_round(int(count), figures, average, number, notes)],
        load_ms=init,
        first_ms=first,
        peak_rss_mb=peak,
        model_mb=delta,
        notes=notes,
    )


def _found(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return match[1] if match else None


def _number(path: str, file: str, text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise PinchError(f"{path}: the run of {file} has {text} where a number should be: run it again")
    return float(text)


def _round(count: int, figures: str, average: float, number: Callable[[str], float], notes: list[str]) -> Round:
    """A run as a round, from what stands behind its count; the average as the summary prints it."""
    told = {name: number(value) / 1000 for name, value in re.findall(rf"(\w+)={_VALUE}", figures)}
    if "median" not in told and "min" in told:
        notes.append("this version prints no median: the mean stands for it")
    p50, least = told.get("median", average), told.get("min", average)
    return Round(p50_ms=p50, mean_ms=average, min_ms=least, count=count)


def _place(path: str, file: str, text: str, notes: list[str]) -> Place:
    for flag, name, unit in _DELEGATES:
        if re.search(rf"Use {flag}\s?: \[1\]", text, re.IGNORECASE):
            if "will not be executed by the delegate" not in text:
                return Place(name=f"native, {name}", unit=unit, threads=1)
            notes.append(f"{name} took nothing of it, so the CPU computed")
    threads = _found(_THREADS, text)
    if not threads or int(threads) < 1:
        raise PinchError(
            f"{path}: the run of {file} does not say on how many threads it was: run benchmark_model with --num_threads"
        )
    own = ", without XNNPACK" if re.search(r"Use xnnpack\s?: \[0\]", text, re.IGNORECASE) else ""
    return Place(name=f"native{own}", unit="cpu", threads=int(threads))
