"""A small data set that a network learns in seconds: one or two bright shapes on a noisy ground."""

from pathlib import Path

import cv2
import numpy as np

NAMES = ["disc", "square", "cross"]


def write(root, train=48, val=16, imgsz=64, seed=0):
    """Write a data set and return its data.yaml."""
    root = Path(root)
    generator = np.random.default_rng(seed)
    for split, count in {"train": train, "val": val, "test": val}.items():
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            picture, labels = _picture(generator, number, imgsz)
            cv2.imwrite(str(root / "images" / split / f"{number:04}.png"), picture)
            (root / "labels" / split / f"{number:04}.txt").write_text("\n".join(labels))
    names = "".join(f"  {i}: {name}\n" for i, name in enumerate(NAMES))
    splits = "".join(f"{split}: images/{split}\n" for split in ("train", "val", "test"))
    (root / "data.yaml").write_text(f"path: .\n{splits}names:\n{names}")
    return root / "data.yaml"


def _picture(generator, number, imgsz):
    picture = generator.integers(0, 80, (imgsz, imgsz, 3), dtype=np.uint8)
    labels = []
    for shape in {number % 3, int(generator.integers(3))}:
        radius = int(generator.integers(imgsz // 8, imgsz // 4))
        x, y = (int(v) for v in generator.integers(radius, imgsz - radius, 2))
        color = tuple(int(v) for v in generator.integers(140, 256, 3))
        _draw(picture, shape, x, y, radius, color)
        labels.append(f"{shape} {x / imgsz:.4f} {y / imgsz:.4f} {2 * radius / imgsz:.4f} {2 * radius / imgsz:.4f}")
    return picture, labels


def _draw(picture, shape, x, y, radius, color):
    if shape == 0:
        cv2.circle(picture, (x, y), radius, color, -1)
    elif shape == 1:
        cv2.rectangle(picture, (x - radius, y - radius), (x + radius, y + radius), color, -1)
    else:
        cv2.line(picture, (x - radius, y - radius), (x + radius, y + radius), color, max(radius // 3, 1))
        cv2.line(picture, (x - radius, y + radius), (x + radius, y - radius), color, max(radius // 3, 1))
