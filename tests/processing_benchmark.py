"""How long pre- and post-processing take beside inference, and how well a measurement repeats.

    .venv/bin/python tests/processing_benchmark.py processing FOLDER [--width 1280 --height 720]
    .venv/bin/python tests/processing_benchmark.py repeat FOLDER [--imgsz 160]
    .venv/bin/python tests/processing_benchmark.py compare inference.csv inference.csv

`processing` exports the shipped detector, and half of its channels (not tuned, which changes no time), at 640 px to
FOLDER (once), and times the files on one thread on frames of that size. Times are ratios to inference of the baseline,
the base's full.onnx, in the same run; the last column is pre- plus post-processing as a share of the file's own
inference. `repeat` measures such files of another size twice, as the workflow would, and compares. `compare` compares
two tables of whole runs: rows whose ratios to the baseline differ by more than their intervals together.
"""

import argparse
import math
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pandas as pd

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "workflow/scripts"
sys.path[:0] = [str(SCRIPTS)]

from pinch.data import frames  # noqa: E402
from pinch.measuring import timing  # noqa: E402

BASELINE = "hands_full.onnx"
MODELS = ("hands", "hands_coarse_prune_50")
FILES = (BASELINE, *(f"{model}_{spec}" for model in MODELS for spec in ("int8.onnx", "int8.tflite")))
SIZE = 640


def run(command, *arguments):
    """Run a command of the project."""
    subprocess.run([sys.executable, SCRIPTS / command, *map(str, arguments)], check=True)


def make(folder, size):
    """The checkpoints, a small data set, and the exported files, as far as they are not there."""
    base, images, data = ROOT / "resources/hands.pt", folder / "pictures", folder / "data"
    if not (data / "data.yaml").exists():
        run("synthesize_hands.py", images, "--images", 2, 1, 1)
        source = ["--images", images / "images", "--annotations", images / "annotations"]
        run("hagrid_to_yolo.py", *source, "--targets", "all", "--out", data)
    if not (folder / "hands_coarse_prune_50.pt").exists():
        run("coarse_prune.py", "--model", base, "--sparsity", "0.5", "--output", folder)
    for stem in MODELS:
        wanted = [file.removeprefix(f"{stem}_") for file in FILES if file.rpartition("_")[0] == stem]
        missing = [spec for spec in wanted if not (folder / str(size) / f"{stem}_{spec}").exists()]
        if missing:
            model = base if stem == base.stem else folder / f"{stem}.pt"
            options = ["--imgsz", size, "--guard", 0, "--calibration-images", 1, "--artifacts", *missing]
            run("quantization.py", model, data / "data.yaml", folder / str(size), *options)
    return folder / str(size)


def enlarge(folder, width, height):
    """Frames of a size, from the data set's pictures; returns their folder."""
    target = folder / f"frames_{width}x{height}"
    target.mkdir(exist_ok=True, parents=True)
    for index, image in enumerate(frames.load(folder / "data/data.yaml", 8)):
        cv2.imwrite(str(target / f"{index}.png"), cv2.resize(image, (width, height)))
    return target


def processing(arguments):
    """The table of `processing`."""
    files = make(arguments.folder, SIZE)
    source = enlarge(arguments.folder, arguments.width, arguments.height)
    settings = timing.TimingSettings(energy_seconds=0)
    print(f"| file | inference, of {BASELINE} | before | after | both, of its own inference |\n" + "| --- " * 5 + "|")
    for file in FILES:
        found = timing.measure(files / file, source, settings, files / BASELINE)
        unit = found.baseline.p50_ms if found.baseline else found.p50_ms
        steps = (found.p50_ms, found.preprocess_ms, found.postprocess_ms)
        around = found.preprocess_ms + found.postprocess_ms
        cells = [f"{step / unit:.4f}" for step in steps] + [f"{around / found.p50_ms:.3f}"]
        print(f"| {file} | {' | '.join(cells)} |", flush=True)


def repeat(arguments):
    """Two measurements of each file, with the number of rounds and the seconds that they took."""
    files = make(arguments.folder, arguments.imgsz)
    source, settings = arguments.folder / "data/data.yaml", timing.TimingSettings(energy_seconds=0)
    runs = []
    for number in (1, 2):
        rows = []
        for file in FILES:
            started = time.perf_counter()
            found = timing.measure(files / file, source, settings, files / BASELINE)
            seconds = time.perf_counter() - started
            low, high = found.ratio_low, found.ratio_high
            rows.append(
                {"file": file, "device": "cpu", "threads": 1, "processor": "this one", "rounds": found.rounds}
                | {"relative_to_baseline": found.relative_to_baseline, "relative_low": low, "relative_high": high}
                | {"stable": found.stable, "spread": found.spread, "seconds": round(seconds, 1)}
            )
            print(number, *rows[-1].values(), flush=True)
        runs.append(pd.DataFrame(rows))
    report(*runs)


def report(first, second):
    """Print the rows whose ratios differ by more than their intervals together, and their share."""
    keys = ["file", "device", "threads", "processor"]
    both = first.merge(second, on=keys, suffixes=("", "_again")).dropna(
        subset=["relative_to_baseline", "relative_to_baseline_again"]
    )
    low, high = (both[[f"relative_{end}", f"relative_{end}_again"]] for end in ("low", "high"))
    apart = both[low.max(axis=1) > high.min(axis=1)]
    for row in apart.to_dict("records"):
        keys = [[f"relative_{end}{suffix}" for end in ("to_baseline", "low", "high")] for suffix in ("", "_again")]
        first, again = ("{:.4f} ({:.4f} to {:.4f})".format(*(row[key] for key in group)) for group in keys)
        print(f"{row['file']}, {row['device']}, {row['threads']} threads: {first}, then {again}")
    change = (both["relative_to_baseline_again"] / both["relative_to_baseline"]).map(math.log).abs()
    print(
        f"{len(apart)} of {len(both)} ratios differ by more than their intervals together; the ratios differ by "
        f"{change.median():.1%} (median) and {change.max():.1%} (most)"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(required=True)
    for name, function in {"processing": processing, "repeat": repeat}.items():
        task = tasks.add_parser(name)
        task.set_defaults(function=function)
        task.add_argument("folder", type=lambda text: Path(text).absolute())
    tasks.choices["processing"].add_argument("--width", type=int, default=1280)
    tasks.choices["processing"].add_argument("--height", type=int, default=720)
    tasks.choices["repeat"].add_argument("--imgsz", type=int, default=160)
    task = tasks.add_parser("compare")
    task.set_defaults(function=lambda arguments: report(pd.read_csv(arguments.first), pd.read_csv(arguments.second)))
    task.add_argument("first", type=Path)
    task.add_argument("second", type=Path)
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
