"""How long files take in the browser on one thread, relative to their native runtimes on the same machine.

    PYTHONPATH=workflow/scripts:tests python tests/web_benchmark.py BUNDLE... [--rounds 5] [--inferences 20]

The native runtimes are timed before and after the browser, whose own rounds lie between, so that a machine that changes
its speed shows: both medians are printed.
"""

import argparse
import itertools
import json
import statistics
import tempfile
import time
from pathlib import Path

import browser
import cv2
import numpy as np

from pinch import runtimes
from pinch.apps.web import bundles

WARMUP = 3


def native(model, picture, inferences):
    """Median milliseconds of an inference, one thread."""
    backend = runtimes.open(model)
    inputs, _ = backend.prepare(picture)
    times = []
    for count in range(-WARMUP, inferences):
        start = time.perf_counter()
        backend.run(inputs)
        if count >= 0:
            times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def all_native(read, folder, inferences):
    """The same of each bundle, by the name of its file."""
    times = {}
    for bundle in read:
        path = folder / bundle.contract.file
        path.write_bytes(bundle.files[path.name])
        times[path.name] = native(path, shown(bundle), inferences)
    return times


def in_browser(paths, folder, rounds, inferences):
    """What the page measures on one thread: {file: median milliseconds}, and the seconds until the first box."""
    steps = [
        {"kind": "boxes"},
        {"kind": "select", "selector": "#runs", "label": "CPU, 1 thread"},
        {"kind": "fill", "selector": "#rounds", "text": str(rounds)},
        {"kind": "fill", "selector": "#inferences", "text": str(inferences)},
        {"kind": "click", "selector": "#start"},
        {"kind": "text", "selector": "#saved:not(:empty)"},
    ]
    with browser.served(paths, folder / "saved") as (address, _):
        seen = browser.drive(address, steps, seconds=1200)
    (saved,) = (folder / "saved").iterdir()
    models = json.loads(saved.read_text())["models"]
    times = {model["file"]: statistics.median(itertools.chain(*model["rounds"])) for model in models}
    return times, seen["steps"][0]["ms"] / 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+", type=Path, help="the first is the one that others are compared with")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--inferences", type=int, default=20)
    arguments = parser.parse_args()
    read = [bundles.read(path) for path in arguments.bundles]
    count = arguments.rounds * arguments.inferences
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        before = all_native(read, folder, count)
        there, first_box = in_browser(arguments.bundles, folder, arguments.rounds, arguments.inferences)
        after = all_native(read, folder, count)
    print(f"first box of {read[0].contract.file} after {first_box:.2f} s, on all threads\n")
    print("| file | native, ms before and after | browser, ms | to native | to the first there |")
    print("| --- | --- | --- | --- | --- |")
    first = there[read[0].contract.file]
    for file, ms in there.items():
        middle = (before[file] + after[file]) / 2
        print(f"| {file} | {before[file]:.1f}, {after[file]:.1f} | {ms:.1f} | {ms / middle:.2f} | {ms / first:.2f} |")


def shown(bundle):
    """The first test picture of a bundle: uint8, (height, width, 3), BGR."""
    return cv2.imdecode(np.frombuffer(bundle.files[bundle.pictures[0]], np.uint8), cv2.IMREAD_COLOR)


if __name__ == "__main__":
    main()
