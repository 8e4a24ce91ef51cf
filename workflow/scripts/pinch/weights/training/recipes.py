"""Training settings for each kind of start, given to Ultralytics.

Ultralytics' defaults are those of training from scratch or of moving a COCO model to other classes: a high learning
rate, three epochs of warm-up in which biases learn at 0.1, and gradients summed over 64 images. For a few epochs on a
network that already knows its classes this first destroys what is there and then leaves too few steps to repair it.
"""

from typing import Any

# A network that already detects these very classes, as after pruning. AdamW's steps do not depend on the scale of the
# gradients, which removing channels changes; one step per batch (nbs) instead of one per 64 images; the learning rate
# rises over half an epoch, biases included, and falls along a cosine.
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

# 0.006 was too high for what is left of YOLO11n after 50% and after 70%.
_HIGHEST_RATE = 0.004

# The share of the epochs over which a gradual schedule reaches its ratio; the rest is for recovery.
RAMP = 0.6

# What costs time and serves no job here: pictures of batches and curves.
QUIET: dict[str, Any] = {"plots": False, "verbose": False, "exist_ok": True}


def after_coarse(ratio: float) -> dict[str, Any]:
    """Settings for a network that has lost the share `ratio` of its channels.

    The narrower the network, the higher the rate: the best one for Adam is proportional to 1 / width (Yang et al. 2022,
    https://arxiv.org/abs/2203.03466, table 3).
    """
    return FINE_TUNING | {"lr0": min(FINE_TUNING["lr0"] / (1 - ratio), _HIGHEST_RATE)}


def close_mosaic(epochs: int, coarse: bool = False) -> int:
    """The last epochs that see whole pictures instead of mosaics: the last third, at most Ultralytics' ten.

    After coarse pruning, the last two thirds: a network with less room learns mosaics at the cost of whole pictures.
    """
    return round(epochs * 2 / 3) if coarse else min(10, (epochs + 2) // 3)
