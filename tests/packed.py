"""Bundles of files for tests, with what a file's own runtime finds in pictures."""

import dataclasses
import json
import zipfile

import cv2

from pinch import runtimes
from pinch.apps.bundle import contract as contracts
from pinch.apps.bundle.describe import describe
from pinch.core.typed_json import to_json
from pinch.runtimes.postprocess import detections


def pack(path, model, pictures=()):
    """A bundle of a file with what its own runtime finds in pictures."""
    backend = runtimes.open(model, exact=True)
    contract = describe(backend)
    shown = []
    for number, picture in enumerate(pictures, 1):
        inputs, geometry = backend.prepare(picture)
        found = detections(backend.download(backend.run(inputs)), geometry, contract.threshold.score)
        rows = zip(found.boxes.tolist(), found.scores.tolist(), found.classes.tolist(), strict=True)
        boxes = [[*box, score, float(label)] for box, score, label in rows]
        shown.append(contracts.Picture(file=f"test_{number}.png", boxes=boxes))
    contract = dataclasses.replace(contract, test_pictures=shown)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(model, contract.file)
        archive.writestr("model.json", json.dumps(to_json(contract)))
        for picture, said in zip(pictures, shown, strict=True):
            archive.writestr(said.file, cv2.imencode(".png", picture)[1].tobytes())
    return path
