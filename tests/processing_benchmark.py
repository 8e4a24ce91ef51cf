"""How long pre- and post-processing take beside inference.

    .venv/bin/python tests/processing_benchmark.py FOLDER [--width 1280 --height 720]

Exports the shipped detector, and half of its channels (not tuned, which changes no time), at 640 px to FOLDER (once),
and times the files on one thread on frames of that size. Times are ratios to inference of the baseline, the base's
full.onnx, in the same run; the last column is pre- plus post-processing as a share of the file's own inference.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import cv2

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


def make(folder):
    """The checkpoints, a small data set, and the exported files, as far as they are not there."""
    base, images, data = ROOT / "resources/hands.pt", folder / "pictures", folder / "data"
    if not (data / "data.yaml").exists():
        run("synthesize_hands.py", images, "--images", 2, 1, 1)
        source = ["--images", images / "images", "--annotations", images / "annotations"]
        run("hagrid_to_yolo.py", *source, "--targets", "all", "--out", data)
    pruned = folder / "hands_coarse_prune_50.pt"
    if not pruned.exists():
        run("coarse_prune.py", "--model", base, "--sparsity", "0.5", "--output", folder)
    for model in (base, pruned):
        wanted = [file.removeprefix(f"{model.stem}_") for file in FILES if file.startswith(f"{model.stem}_")]
        missing = [spec for spec in wanted if "_" not in spec and not (folder / f"{model.stem}_{spec}").exists()]
        if missing:
            options = ["--imgsz", SIZE, "--guard", 0, "--calibration-images", 1, "--artifacts", *missing]
            run("quantization.py", model, data / "data.yaml", folder, *options)


def enlarge(folder, width, height):
    """Frames of a size, from the data set's pictures; returns their folder."""
    target = folder / f"frames_{width}x{height}"
    target.mkdir(exist_ok=True)
    for index, image in enumerate(frames.load(folder / "data/data.yaml", 8)):
        cv2.imwrite(str(target / f"{index}.png"), cv2.resize(image, (width, height)))
    return target


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    make(folder)
    source = enlarge(folder, arguments.width, arguments.height)
    settings = timing.TimingSettings(energy_seconds=0)
    print(f"| file | inference, of {BASELINE} | before | after | both, of its own inference |\n" + "| --- " * 5 + "|")
    for file in FILES:
        found = timing.measure(folder / file, source, settings, folder / BASELINE)
        unit = found.baseline.p50_ms if found.baseline else found.p50_ms
        steps = (found.p50_ms, found.preprocess_ms, found.postprocess_ms)
        around = found.preprocess_ms + found.postprocess_ms
        cells = [f"{step / unit:.4f}" for step in steps] + [f"{around / found.p50_ms:.3f}"]
        print(f"| {file} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
