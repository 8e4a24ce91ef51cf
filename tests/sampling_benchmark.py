"""Whether files that are compared on a part of the images come in the order of all images.

    .venv/bin/python tests/sampling_benchmark.py RUN FOLDER [--images 3000] [--limit 300] [--draws 5]

Renders a test split (once, into FOLDER), measures all artifacts of RUN (such as results/demo) on all of it and on
several draws of `limit` images. Prints how far mAP50-95 moves, how far differences between files move (the same images
serve all files), and whether the orders agree.
"""

import argparse
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))
SCRIPTS = ROOT / "workflow/scripts"


def make(folder, images, classes):
    """A data set with the classes of the run and a large test split; its people are in no other data set."""
    if not (folder / "yolo/data.yaml").exists():
        count = images // len(classes)
        render = [SCRIPTS / "synthesize_hands.py", folder / "hagrid", "--gestures", *classes]
        render += ["--images", "1", "1", str(count), "--users", "200", "--seed", "77", "--processes", "2"]
        convert = [SCRIPTS / "hagrid_to_yolo.py", "--images", folder / "hagrid/images", "--targets", *classes]
        convert += ["--annotations", folder / "hagrid/annotations", "--out", folder / "yolo"]
        for command in (render, convert):
            subprocess.run([sys.executable, *map(str, command)], check=True, stdout=subprocess.DEVNULL)
    return folder / "yolo/data.yaml"


def measure(artifact, data, limit=None, seed=0):
    """MAP50-95 on test."""
    from pinch.measuring.evaluation import evaluate

    return evaluate(artifact, data, ["test"], limit=limit, seed=seed).splits["test"].map50_95


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument("--draws", type=int, default=5)
    arguments = parser.parse_args()

    from pinch.data import dataset

    classes = dataset.load(arguments.run / "dataset/data.yaml").names
    data = dataset.load(make(arguments.folder, arguments.images, classes))
    files = sorted(path for path in (arguments.run / "artifacts").iterdir() if not path.name.startswith("."))
    whole = np.array([measure(path, data) for path in files])
    parts = np.array(
        [[measure(path, data, arguments.limit, seed) for path in files] for seed in range(arguments.draws)]
    )
    np.save(arguments.folder / "parts.npy", parts)
    (arguments.folder / "whole.json").write_text(
        json.dumps(dict(zip([file.name for file in files], whole.tolist(), strict=True)))
    )
    pairs = np.array(list(itertools.combinations(range(len(files)), 2)))
    gaps = whole[pairs[:, 0]] - whole[pairs[:, 1]]
    moved = parts[:, pairs[:, 0]] - parts[:, pairs[:, 1]]
    errors = np.abs(moved - gaps)
    print(f"{len(files)} files, {len(data.images('test'))} images, draws of {arguments.limit}: {arguments.draws}")
    print(f"mAP50-95 moves by {np.abs(parts - whole).mean():.4f} (at most {np.abs(parts - whole).max():.4f})")
    print(f"differences between files move by {errors.mean():.4f} (95%: {np.percentile(errors, 95):.4f})")
    for least in (0, 0.002, 0.005, 0.01, 0.02):
        apart = np.abs(gaps) > least
        kept = (np.sign(moved[:, apart]) == np.sign(gaps[apart])).mean()
        print(f"pairs more than {least:g} apart: {apart.sum()}, in the same order in {kept:.1%} of the draws")
    best = [whole.max() - whole[part.argmax()] for part in parts]
    print(f"the best of each draw is {np.mean(best):.4f} worse than the best of all (at most {np.max(best):.4f})")


if __name__ == "__main__":
    main()
