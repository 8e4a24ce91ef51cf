"""Ultralytics' training settings for each kind of base.

Ultralytics' defaults are for training from scratch or for transfer from COCO to other classes: a high learning rate,
three epochs of warm-up with a learning rate of 0.1 for biases, and gradients summed over 64 images. If a network that
is already trained on its classes is tuned for a few epochs, these settings first destroy what it has learned, and then
there are too few steps to repair it.
"""

import math
from typing import Any

# For a network that is already trained on these classes, as after pruning. AdamW's steps do not depend on the scale of
# the gradients, which changes when channels are removed. There is one step per batch (nbs), not one per 64 images. The
# learning rate, also that of biases, rises over half an epoch and then falls along a cosine.
FINE_TUNING: dict[str, Any] = {
    "optimizer": "AdamW",
    "lr0": 0.001,
    "lrf": 0.01,
    "momentum": 0.9,
    "weight_decay": 0.0005,
    "warmup_epochs": 0.5,
    "warmup_bias_lr": 0.0,
    "warmup_momentum": 0.9,
    "cos_lr": True,
}

# 0.006 was too high for YOLO11n after removing 50% and 70% of its channels.
_HIGHEST_RATE = 0.004

# Methods that leave fewer channels; and those after which mosaics end sooner. A rival in width is trained, not tuned.
_FEWER_CHANNELS = {"coarse", "width"}
_SMALLER = {"coarse", "size", "depth"}

# The share of the epochs after which a gradual schedule reaches its ratio; the rest is for recovery.
RAMP = 0.6

# The share of the epochs after which a teacher no longer counts: its features help a pruned network to recover, and
# then hold it back (docs/studies/README.md).
_TAUGHT = 0.7

# Plots of batches and curves cost time, and no job uses them.
QUIET: dict[str, Any] = {"plots": False, "verbose": False, "exist_ok": True}


def tuning(method: str, ratio: float) -> dict[str, Any]:
    """Settings for a network made by `method` that lacks the share `ratio` of what that removes."""
    return after_coarse(ratio) if method in _FEWER_CHANNELS else FINE_TUNING


def is_smaller(*methods: str | None) -> bool:
    """Whether one of the methods makes a network, or its task, smaller, which is then tuned."""
    return bool(_SMALLER & set(methods))


def after_coarse(ratio: float) -> dict[str, Any]:
    """Settings for a network from which the share `ratio` of the channels was removed.

    Narrower networks need a higher learning rate: the best one for Adam is proportional to 1 / width (Yang et al. 2022,
    https://arxiv.org/abs/2203.03466, table 3).
    """
    return FINE_TUNING | {"lr0": min(FINE_TUNING["lr0"] / (1 - ratio), _HIGHEST_RATE)}


def step_epochs(epochs: int, steps: int) -> list[int]:
    """The epochs, counted from 0, before which the steps of an iterative pruning are taken.

    They are evenly spaced in the first half, so that the last and narrowest network has more than half of the epochs.
    """
    return [round(number * epochs / (2 * steps)) for number in range(steps)]


def teacher_share(epoch: int, epochs: int) -> float:
    """How much a teacher counts in an epoch, counted from 0: 1 in the first, then along a cosine down to 0."""
    return (1 + math.cos(math.pi * min(1.0, epoch / (_TAUGHT * epochs)))) / 2


def close_mosaic(epochs: int, coarse: bool = False) -> int:
    """Number of epochs at the end without mosaics: a third of all, at most ten (Ultralytics' default).

    After coarse pruning two thirds: a smaller network learns mosaics at the expense of whole images.
    """
    return round(epochs * 2 / 3) if coarse else min(10, (epochs + 2) // 3)
