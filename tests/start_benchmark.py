"""How long a training takes to its first step on a large data set that has not changed.

    .venv/bin/python tests/start_benchmark.py FOLDER [--images 100000]

Makes a data set of small pictures in FOLDER (once), prepares it, prepares it again, and starts a training twice. Times
are seconds; the second start finds the files in the system's memory.
"""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "workflow/scripts")]
PATTERNS = 500
TRAIN = """
import sys
from pinch.core.environment import isolate_ultralytics

isolate_ultralytics()
import train
from pinch.weights.training import trainer

def first_step(self):
    print("first step", flush=True)
    raise SystemExit

trainer.Trainer.optimizer_step = first_step
train.main(sys.argv[1:])
"""


def make(folder, images):
    """Pictures of 64 x 64 pixels, of which some hundred differ; nine tenths for training."""
    import shapes

    if (folder / "data.yaml").exists():
        return
    patterns = shapes.write(folder / "patterns", train=PATTERNS, val=1).parent
    for number in range(images):
        split = "val" if number % 10 == 0 else "train"
        for kind, ending in (("images", "png"), ("labels", "txt")):
            target = folder / kind / split / f"{number:07}.{ending}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(patterns / kind / "train" / f"{number % PATTERNS:04}.{ending}", target)
    text = (patterns / "data.yaml").read_text().replace("test: images/test\n", "")
    shutil.rmtree(patterns)
    (folder / "data.yaml").write_text(text)


def seconds(*command):
    """How long a command takes."""
    started = time.perf_counter()
    environment = {"PYTHONPATH": f"{ROOT / 'workflow/scripts'}", "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *map(str, command)], check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=100_000)
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    make(folder / "own", arguments.images)
    prepare = [ROOT / "workflow/scripts/prepare_dataset.py", folder / "own/data.yaml", "--out", folder / "prepared"]
    options = ["--base-model", ROOT / "resources/hands.pt", "--imgsz", "160", "--epochs", "1", "--device", "cpu"]
    start = ["-c", TRAIN, "m", "--dataset", folder / "prepared/data.yaml", "--project", folder / "models", *options]
    for name, command in {
        "first look": prepare,
        "second look": prepare,
        "start of a training": start,
        "second start": start,
    }.items():
        print(f"{name}: {seconds(*command):.1f} s", flush=True)


if __name__ == "__main__":
    main()
