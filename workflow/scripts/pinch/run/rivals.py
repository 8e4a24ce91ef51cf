"""The rivals of pruning: the base at smaller image sizes, narrower, or with fewer blocks.

Each has as many epochs as pruned models: the base's own weights are tuned for as many as its twin, and a narrower
network, which has to begin anew, is trained for those of the base and of tuning.
"""

from collections.abc import Mapping
from typing import Any

from pinch.core.errors import PinchError
from pinch.run import comparing
from pinch.run.identity import Model


def models(config: Mapping[str, Any]) -> list[Model]:
    """The rivals that a configuration asks for, tuned, in the order of the tables.

    Args:
        config: a configuration, with all defaults.

    Raises:
        PinchError: an image size is not smaller than the base's.
    """
    name, asked, whole = config["name"], config["rivals"], config["train"]["imgsz"]
    for size in asked["imgsz"]:
        if size >= whole:
            raise PinchError(f"rivals.imgsz: {size} is not smaller than train.imgsz, {whole}: leave it out or lower it")
    smaller = [rival_of(name, "size", size, whole, tuned=True) for size in asked["imgsz"]]
    others = [rival_of(name, method, kept, tuned=True) for method in ("width", "depth") for kept in asked[method]]
    return sorted({*smaller, *others}, key=lambda model: model.order)


def rival_of(base: str, method: str, left: float, whole: float = 1, tuned: bool = False) -> Model:
    """A rival of the base with this name.

    Args:
        base: the name.
        method: one of `pinch.run.identity.RIVALS`.
        left: what the rival has: the side of its images in pixels, or a share of the width or of the blocks.
        whole: what the base has, in the same unit.
        tuned: whether the rival is tuned.
    """
    # Without the noise of binary fractions, since tables show it: 1 - 0.9 is 0.09999999999999998.
    removed = max(0.0, round(1 - left / whole, 10))
    return Model(base, method, removed, tuned, int(left) if method == "size" else None)


def training(config: Mapping[str, Any], method: str) -> Mapping[str, Any]:
    """How a rival is trained: the values of `pinch.run.settings.training.Training`, by their names.

    Args:
        config: a configuration, with all defaults.
        method: one of `pinch.run.identity.RIVALS`.
    """
    tuning = config[comparing.tuning_method(config)]
    if method != "width":
        return tuning
    return config["train"] | {"epochs": config["train"]["epochs"] + tuning["epochs"]}
