"""Tiny HaGRID data sets in the form of every version: grey pictures, made-up boxes."""

import json
from pathlib import Path

import cv2
import numpy as np

GESTURES = ["like", "fist", "timeout", "no_gesture"]
HAND, IDLE, OTHER = [0.1, 0.2, 0.2, 0.4], [0.6, 0.5, 0.2, 0.3], [0.5, 0.1, 0.3, 0.3]
TOGETHER = [0.1, 0.1, 0.7, 0.5]  # around HAND and OTHER


def entry(gesture, version, user):
    """An image's annotation: a gesture and an idle hand, or a gesture of two hands."""
    two = gesture == "timeout"
    made = {
        "bboxes": [HAND, OTHER] if two else [HAND, IDLE],
        "labels": [gesture, gesture if two else "no_gesture"],
        "user_id": user,
    }
    if version == "v1":
        made |= {"landmarks": [[[0.2, 0.3]] * 21, []], "leading_hand": "left", "leading_conf": 1.0}
    elif version == "v2-1M":
        made |= {"united_bbox": [TOGETHER] if two else None, "united_label": [gesture] if two else None}
        made |= {"hand_landmarks": [[[0.2, 0.3]] * 21, None], "meta": {"age": [24.4], "gender": ["female"]}}
    return made


def write(root, version="v2-1M", images=4, phases=("train", "val", "test"), phase_folders=False, ending="jpg"):
    """Write <root>/images and <root>/annotations with `images` pictures of each gesture in each phase.

    `version` "mixed" takes turns; `phase_folders` puts the pictures under their phase.
    """
    root = Path(root)
    for phase in phases:
        for gesture in GESTURES:
            folder = root / "images" / (phase if phase_folders else "") / gesture
            folder.mkdir(parents=True, exist_ok=True)
            entries = {}
            for number in range(images):
                stem = f"{phase}-{gesture}-{number}"
                kind = ("v1", "v2", "v2-1M")[number % 3] if version == "mixed" else version
                entries[stem] = entry(gesture, kind, f"{phase}-user-{number % 3}")
                cv2.imwrite(str(folder / f"{stem}.{ending}"), np.full((24, 32, 3), 10 * number, np.uint8))
            write_annotations(root, phase, gesture, entries)
    return root


def write_annotations(root, phase, gesture, entries):
    """Write a class file."""
    path = root / "annotations" / phase / f"{gesture}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries))


def annotations(root, phase, gesture):
    """Read a class file, to change it."""
    return json.loads((root / "annotations" / phase / f"{gesture}.json").read_text())


def config(root, **changes):
    """Write a file in the layout of the official converter_config.yaml; JSON is YAML."""
    values = {
        "dataset_annotations": str(root / "annotations"),
        "dataset_folder": str(root / "images"),
        "phases": ["train", "val", "test"],
        "targets": GESTURES,
    }
    path = root / "converter_config.yaml"
    path.write_text(json.dumps({"dataset": values | changes}))
    return path
