"""A small detector with a data set, ready to be exported, for tests."""

import detectors
import shapes
import torch

from pinch.artifacts import job
from pinch.artifacts.session import ExportSettings
from pinch.artifacts.session import open_session as opened
from pinch.run.formats import parse_spec
from pinch.weights.pruning import activations

IMGSZ = 64
CANDIDATES = 40  # of 84 anchors


def checkpoint(folder, yaml="yolo11n.yaml", end2end=False, activation="silu"):
    """A checkpoint with random weights whose scores differ from anchor to anchor."""
    model = detectors.network(yaml, width=0.125)
    if end2end:
        model.end2end = True
    activations.replace(model, activation)
    for name, parameter in model.model[-1].named_parameters():
        if name.endswith("2.weight"):
            torch.nn.init.normal_(parameter, 0, 0.3)
    return detectors.write(folder / "toy.pt", model, shapes.NAMES)


def open_session(folder, activation="silu", **settings):
    """A session of such a checkpoint on a data set of shapes."""
    data = shapes.write(folder / "data", train=12, val=4)
    settings = {"candidates": CANDIDATES, "calibration_images": 2, "target": "x86", **settings}
    return opened(checkpoint(folder, activation=activation), data, ExportSettings(IMGSZ, **settings))


def export(session, spec, folder):
    """Make one artifact; returns its path and the result of its record."""
    precision, entry = parse_spec(spec)
    path = folder / f"toy_{spec}"
    return path, job.run(session, precision, entry, path, folder / "records" / f"{path.name}.json")
