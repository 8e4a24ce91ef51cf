"""Tiny HaGRID data sets in the form and layout of every version: grey pictures, made-up boxes."""

import json
from pathlib import Path

import cv2
import numpy as np

IDLE_CLASS = "no_gesture"
GESTURES = ["like", "fist", "timeout", IDLE_CLASS]
HAND, IDLE, OTHER = [0.1, 0.2, 0.2, 0.4], [0.6, 0.5, 0.2, 0.3], [0.5, 0.1, 0.3, 0.3]
TOGETHER = [0.1, 0.1, 0.7, 0.5]  # around HAND and OTHER

# Where pictures and annotation files of a phase and gesture lie, relative to the root.
LAYOUTS = {
    # v2.0 and v2-1M, each archive unpacked into one folder.
    "flat": ("images/{gesture}", "annotations/{phase}"),
    # v2-1M's one archive of 512 px, with its own outer folders.
    "outer": ("images/HaGRIDv2_dataset_512/{gesture}", "annotations/annotations/{phase}"),
    # v1's own converter, and what it wants.
    "phases": ("images/{phase}/{gesture}", "annotations/{phase}"),
    # v1's archives as they unpack: train_val_<gesture>.zip, test.zip, ann_train_val.zip, ann_test.zip.
    "v1": ("images/{v1_folder}", "annotations/ann_{v1_phase}"),
    # The sample of 30,000 images on Kaggle: train alone, and the folder of annotation files itself is named.
    "sample": ("images/hagrid_30k/train_val_{gesture}", "annotations"),
}


def entry(gesture, version, user):
    """An image's annotation: a gesture and an idle hand, or a gesture of two hands."""
    two = gesture == "timeout"
    made = {
        "bboxes": [HAND, OTHER] if two else [HAND, IDLE],
        "labels": [gesture, gesture if two else IDLE_CLASS],
        "user_id": user,
    }
    if version == "v1":
        made |= {"landmarks": [[[0.2, 0.3]] * 21, []], "leading_hand": "left", "leading_conf": 1.0}
    elif version == "v2-1M":
        # Where there is nothing to unite, real files have null, a list with null, or an empty list.
        nothing = ([None], None, [])[len(user) % 3]
        made |= {"united_bbox": [TOGETHER] if two else nothing, "united_label": [gesture] if two else nothing}
        made |= {"hand_landmarks": [[[0.2, 0.3]] * 21, None], "meta": {"age": [24.4], "gender": ["female"]}}
    return made


def write(root, version="v2-1M", images=4, phases=("train", "val", "test"), layout="flat", ending="jpg"):
    """Write `images` pictures of each gesture in each phase, and their annotations, in one of LAYOUTS.

    `version` "mixed" takes turns. v1 and v2 have no file and no folder of idle hands.
    """
    root = Path(root)
    for phase in phases:
        for gesture in GESTURES:
            if gesture == IDLE_CLASS and version in ("v1", "v2"):
                continue
            folder, annotations = (root / path for path in _paths(layout, phase, gesture))
            folder.mkdir(parents=True, exist_ok=True)
            entries = {}
            for number in range(images):
                stem = f"{phase}-{gesture}-{number}"
                kind = ("v1", "v2", "v2-1M")[number % 3] if version == "mixed" else version
                entries[stem] = entry(gesture, kind, f"{phase}-user-{number % 3}")
                cv2.imwrite(str(folder / f"{stem}.{ending}"), np.full((24, 32, 3), 10 * number % 256, np.uint8))
            annotations.mkdir(parents=True, exist_ok=True)
            (annotations / f"{gesture}.json").write_text(json.dumps(entries))
    return root


def _paths(layout, phase, gesture):
    v1_phase = "test" if phase == "test" else "train_val"
    v1_folder = f"test/{gesture}" if phase == "test" else f"train_val_{gesture}"
    names = {"phase": phase, "gesture": gesture, "v1_phase": v1_phase, "v1_folder": v1_folder}
    return [path.format(**names) for path in LAYOUTS[layout]]


def write_annotations(root, phase, gesture, entries):
    """Write a class file of the flat layout."""
    path = root / "annotations" / phase / f"{gesture}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries))


def annotations(root, phase, gesture):
    """Read a class file of the flat layout, to change it."""
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
