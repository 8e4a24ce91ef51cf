"""How long HaGRID takes to convert at its full size, on one processor and on two, and how much memory.

    .venv/bin/python tests/conversion_benchmark.py FOLDER [--images 554800]

Makes annotations in the format of v2.0 and images of 512 x 683 pixels in FOLDER (once; an image stands for some hundred
names by links), for the whole number and for a tenth of it. Converts each on one processor and on two, and once more
without changes. Times are seconds; memory is that of all processes together.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import psutil

ROOT = Path(__file__).parents[1]
COMMAND = ROOT / "workflow/scripts/hagrid_to_yolo.py"
GESTURES = (
    "call dislike fist four like mute ok one palm peace peace_inverted rock stop stop_inverted three three2 two_up"
)
TARGETS = [*GESTURES.split(), "two_up_inverted", "no_gesture"]
PATTERNS = 40
SHARES = {"train": 0.76, "val": 0.09, "test": 0.15}


def make(root, images):
    """The data set; a third of the images show an idle hand, too, and people have 17 images each."""
    if (root / "annotations/test").is_dir():
        return
    rng = np.random.default_rng(0)
    patterns = []
    for number in range(PATTERNS):
        noise = cv2.resize(rng.normal(128, 60, (86, 64, 3)), (512, 683)) + rng.normal(0, 12, (683, 512, 3))
        patterns.append(root / f"patterns/{number}.jpg")
        patterns[-1].parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(patterns[-1]), noise.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])
    gestures = TARGETS[:-1]
    for gesture in gestures:
        (root / "images" / gesture).mkdir(parents=True)
    entries = {(split, gesture): {} for split in SHARES for gesture in gestures}
    for number in range(images):
        gesture, person = gestures[number % len(gestures)], number // (17 * len(gestures))
        split = str(np.random.default_rng(person).choice(list(SHARES), p=list(SHARES.values())))
        stem = f"{rng.bytes(16).hex()}"
        boxes = np.round(np.concatenate([rng.uniform(0.1, 0.5, (2, 2)), rng.uniform(0.05, 0.3, (2, 2))], 1), 8)
        hands = 2 if number % 3 == 0 else 1
        labels = [gesture, "no_gesture"][:hands]
        entries[split, gesture][stem] = {
            "bboxes": boxes[:hands].tolist(),
            "labels": labels,
            "user_id": f"{person:032x}",
        }
        os.link(patterns[number % PATTERNS], root / "images" / gesture / f"{stem}.jpg")
    for (split, gesture), found in entries.items():
        path = root / "annotations" / split / f"{gesture}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found))


def convert(root, out, processors):
    """Seconds until images are looked at, and altogether; megabytes of memory."""
    command = [sys.executable, COMMAND, "--images", root / "images", "--annotations", root / "annotations"]
    command += ["--targets", *TARGETS, "--out", out, "--processes", str(processors), "--for-training"]
    environment = {"PYTHONPATH": str(ROOT / "workflow/scripts"), "PATH": "/usr/bin:/bin"}
    available = sorted(os.sched_getaffinity(0))[:processors]
    started, before_looking, most = time.perf_counter(), 0.0, [0]
    with subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: os.sched_setaffinity(0, available),
    ) as process:
        threading.Thread(target=_watch, args=(psutil.Process(process.pid), most), daemon=True).start()
        for line in process.stdout:
            if line.startswith("looking at"):
                before_looking = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"the conversion failed with status {process.returncode}")
    return before_looking, time.perf_counter() - started, most[0] / 1e6


def _watch(process, most):
    """Keep the most memory that a process and its children had together, in bytes."""
    while process.is_running():
        try:
            family = [process, *process.children(recursive=True)]
            most[0] = max(most[0], sum(each.memory_info().rss for each in family))
        except psutil.Error:
            pass
        time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=554_800)
    parser.add_argument(
        "--quick", action="store_true", help="leave out the whole number on one processor (half an hour)"
    )
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    print("| images | processors | run | without decoding, s | s | images/s | MB |", flush=True)
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for images in (arguments.images // 10, arguments.images):
        root = folder / str(images)
        make(root, images)
        for processors, run in ((1, "first"), (2, "first"), (2, "second")):
            if arguments.quick and images == arguments.images and processors == 1:
                continue
            out = root / "out"
            if run == "first":
                shutil.rmtree(out, ignore_errors=True)
            early, whole, memory = convert(root, out, processors)
            rate = images / whole
            print(
                f"| {images} | {processors} | {run} | {early:.1f} | {whole:.1f} | {rate:.0f} | {memory:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
