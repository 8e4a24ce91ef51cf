"""Files of times from other devices, as the web page saves and LiteRT's benchmark_model prints them; figures made up.

The lines of benchmark_model, and their order, are those that its source prints (google-ai-edge/LiteRT,
tflite/tools/benchmark/benchmark_model.cc and benchmark_tflite_model.cc; tensorflow/core/util/stats_calculator.h, where
newer versions print percentiles), as outputs in issues of tensorflow/tensorflow and Android's log show them.
"""

import json
from pathlib import Path

PHONE = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"
)
DESKTOP = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0.0.0 Safari/537.36"
)
ROUNDS = (1.0, 1.02, 0.99, 1.01)
"""What each round makes of a time."""


def page(times, name="Pixel 8", backend="wasm", threads=1, user_agent=PHONE, curve=None, sha256="0" * 64):
    """What the page saves.

    Args:
        times: by file, its milliseconds.
        curve: milliseconds of each second of a longer run of the first file.
    """
    runtimes = {"onnx": ("onnxruntime-web", "1.30.0"), "tflite": ("LiteRT.js", "0.3.0")}
    models = []
    for file, ms in times.items():
        runtime, version = runtimes[file.rpartition(".")[2]]
        rounds = [[ms * share * (1 + 0.01 * inference) for inference in range(5)] for share in ROUNDS]
        count = sum(map(len, rounds))
        told = {"name": runtime, "version": version, "backend": backend, "threads": threads}
        models.append(
            {"file": file, "sha256": sha256, "runtime": told, "load_ms": 12.3, "first_ms": 2 * ms, "rounds": rounds}
            | {"preprocess_ms": [2.0] * count, "postprocess_ms": [1.0] * count}
        )
    platform = "Android" if user_agent == PHONE else "Linux"
    told = {"name": name, "user_agent": user_agent, "platform": platform, "cores": 8, "memory_gb": 8, "gpu": None}
    found = {"pinch_device_timings": 1, "measured_at": "2026-11-27T07:00:00Z", "device": told, "models": models}
    if curve:
        moments = [
            {"file": models[0]["file"], "sha256": sha256, "second": s, "ms": ms} for s, ms in enumerate(curve, 1)
        ]
        found["curve"] = moments
    return found


def save(path, content):
    """Write such a file, and return its path."""
    Path(path).write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def benchmark_model(
    file, ms, head="INFO: ", threads=4, use="", percentiles=True, megabytes=None, folder="/data/local/tmp"
):
    """What benchmark_model prints of a run.

    Args:
        file: the graph's name.
        ms: the median.
        head: what stands before each line: nothing, "INFO: ", or the head of Android's log lines.
        threads: as asked for; None: not.
        use: a delegate that was asked for, as the tool names it.
        percentiles: whether it is a version that prints them.
        megabytes: size of the file.
        folder: where the graph lies.
    """
    us = round(1000 * ms)

    def stats(count, first, average):
        told = f"count={count} first={first} curr={us + 40} min={us - 300} max={first + 900} avg={average:g} std=310"
        return told + (f" p5={us - 200} median={us} p95={us + 800}" if percentiles else "")

    lines = ["STARTING!", "Log parameter values verbosely: [0]"]
    lines += [f"Num threads: [{threads}]"] if threads else []
    lines += [f"Graph: [{folder}/{file}]"]
    lines += [f"#threads used for CPU inference: [{threads}]"] if threads else []
    lines += [f"Use {use}: [1]"] if use else []
    lines += [f"Loaded model {folder}/{file}", "Initialized TensorFlow Lite runtime."]
    lines += ["Created TensorFlow Lite XNNPACK delegate for CPU."]
    lines += [
        "Replacing 339 out of 348 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 9 partitions for "
        "subgraph 0."
    ]
    lines += [f"The input model file size (MB): {megabytes:g}"] if megabytes else []
    lines += ["Initialized session in 92.318ms."]
    for least, seconds, told in ((1, 0.5, stats(3, us + 9000, us + 3000)), (50, 1, stats(50, us + 60, us + 150.5))):
        limits = f"at least {seconds} seconds but terminate if exceeding 150 seconds."
        lines += [f"Running benchmark for at least {least} iterations and {limits}", told, ""]
    lines += [
        f"Inference timings in us: Init: 92318, First inference: {us + 9000}, Warmup (avg): {us + 3000:g}, "
        f"Inference (avg): {us + 150.5:g}",
        "Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to the actual "
        "memory footprint of the model at runtime. Take the information at your discretion.",
        "Memory footprint delta from the start of the tool (MB): init=14.2852 overall=33.4102",
        "Overall peak memory footprint (MB) via periodic monitoring: 61.25",
        "Number of nodes executed: 10",
        f"Timings (microseconds): count=50 first={us} curr={us} min={us} max={us} avg={us} std=1",
    ]
    return "".join(f"{head}{line}\n" for line in lines)
