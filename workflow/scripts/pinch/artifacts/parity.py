"""Check that an artifact computes what the checkpoint computes.

The file runs in its own runtime, and Ultralytics' unchanged network in PyTorch, on the same real images. PyTorch
decodes every anchor. Each candidate of the file must be one of those anchors, and each anchor that is clearly among the
best must be a candidate of the file.
"""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pinch import runtimes
from pinch.core.record_types.exports import Limits, Parity

# Box limits are in cells of the coarsest grid, because a head computes distances in cells: a rounding error of its
# logits moves a box by the same number of cells at any image size. YOLO11n showed 1e-5 for full. For half it showed
# 0.04 when trained well and 0.1 when hardly trained, because its box sides are then least certain. With a wrong layout
# boxes are whole cells apart. For bf16 it showed 0.24, and 0.08 in scores.
CELLS = {"full": Limits(1e-2, 2e-3), "half": Limits(0.25, 3e-2), "bf16": Limits(0.5, 0.12)}


def limits_of(precision: str, network: Any, side: int) -> Limits:
    """The limits of a precision for images of `side` pixels."""
    limits, cell = CELLS[precision], float(network.model[-1].stride.max()) / side
    return Limits(limits.box * cell, limits.score)


def check(path: Path, model: nn.Module, inputs: list[np.ndarray], precision: str) -> Parity:
    """Compare an artifact with the checkpoint's network.

    Args:
        path: the artifact.
        model: the checkpoint's network, float32, in eval mode.
        inputs: real images as network inputs, (1, 3, imgsz, imgsz) each.
        precision: a key of CELLS, which sets the limits.

    Raises:
        PinchError: the artifact cannot be loaded.
    """
    side = inputs[0].shape[2]
    limits = limits_of(precision, model, side)
    copied: Any = copy.deepcopy(model)
    network = copied.fuse(verbose=False).eval()
    backend = runtimes.open(path)
    worst = np.zeros(2)
    compared = 0
    for batch in inputs:
        anchors = every_anchor(network, batch)
        candidates = _columns(backend.infer(batch), len(anchors) - 4)
        worst = np.maximum(worst, differences(candidates, anchors, side, limits))
        compared += candidates.shape[1]
    box, score = worst.tolist() if np.isfinite(worst).all() else (None, None)
    return Parity(
        box=box,
        box_pixels=None if box is None else box * side,
        score=score,
        limits=limits,
        images=len(inputs),
        candidates=compared,
        notes=backend.notes,
    )


def failure(found: Parity) -> str | None:
    """What is wrong with a file whose differences are above their limits; None for others."""
    wrong = "does not compute what the checkpoint computes"
    if found.box is None or found.score is None:
        return f"{wrong}: its output has values that are not numbers"
    limits = found.limits
    if found.box <= limits.box and found.score <= limits.score:
        return None
    return (
        f"{wrong}: boxes differ by up to {found.box:.2g} of the image (limit {limits.box:g}), scores by up to "
        f"{found.score:.2g} (limit {limits.score:g})"
    )


def every_anchor(network: nn.Module, batch: np.ndarray) -> np.ndarray:
    """The output of Ultralytics' decoding for every anchor: (4 + classes, anchors), boxes in pixels."""
    head: Any = network.model[-1]  # type: ignore[index]
    with torch.no_grad():
        output, raw = network(torch.from_numpy(batch))
        if head.end2end:
            output = head._inference(raw["one2one"])
    return output[0].numpy()


def _columns(output: np.ndarray, classes: int) -> np.ndarray:
    """A file's output as (4 + classes, n). A finished detection has only the score of its class; the others are NaN."""
    if output.shape[2] != 6:
        return output[0]
    rows = output[0]
    columns = np.full((4 + classes, len(rows)), np.nan, np.float32)
    columns[:4] = rows[:, :4].T
    columns[4 + rows[:, 5].astype(int), np.arange(len(rows))] = rows[:, 4]
    return columns


def differences(candidates: np.ndarray, anchors: np.ndarray, side: int, limits: Limits) -> np.ndarray:
    """The largest difference of a box (share of the side) and of a score between a file's and PyTorch's output.

    Args:
        candidates: (4 + classes, n), the file's; NaN where a score is not known.
        anchors: (4 + classes, m), PyTorch's, m >= n.
        side: of the image, in pixels.
        limits: the scales by which the nearest anchor is found.
    """
    box, score = np.empty((2, candidates.shape[1], anchors.shape[1]), np.float32)
    for row, candidate in enumerate(candidates.T):
        apart = np.abs(anchors - candidate[:, None])
        box[row], score[row] = apart[:4].max(0) / side, np.nan_to_num(apart[4:], nan=0.0).max(0)
    if not (np.isfinite(candidates[:4]).all() and np.isfinite(candidates[4:]).any(0).all()):
        return np.full(2, np.nan)
    apart = np.maximum(box / limits.box, score / limits.score)
    ranked = np.nanmax(candidates[4:], 0)
    # Anchors close to the lowest chosen score may be chosen or not, so only those clearly above it must be there.
    clear = np.flatnonzero(anchors[4:].max(0) > ranked.min() + limits.score)
    rows, columns = np.arange(len(apart)), apart.argmin(1)
    if candidates.shape[1] < anchors.shape[1]:
        rows, columns = np.append(rows, apart[:, clear].argmin(0)), np.append(columns, clear)
    return np.array([box[rows, columns].max(), score[rows, columns].max()])
