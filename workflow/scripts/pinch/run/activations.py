"""The activations that a network can have: their names in configurations, and which of them a run's networks have."""

from collections.abc import Mapping
from typing import Any

ACTIVATIONS = {"silu": "SiLU", "hardswish": "Hardswish", "relu": "ReLU"}
"""Names of classes of torch.nn, so that commands can list them without importing torch."""


def configured(config: Mapping[str, Any], method: str) -> tuple[str, str] | None:
    """The activation that a configuration asks for.

    Args:
        config: a configuration, with all defaults.
        method: how the network is made, as in `pinch.run.identity.Model`.

    Returns:
        The key that says it, and the activation; None where a network has the one that it comes with.
    """
    if method == "coarse" and config["coarse"]["mode"] == "remove" and config["coarse"]["activation"]:
        return "coarse.activation", config["coarse"]["activation"]
    # A trained model is taken as it is.
    if config["trained_model"] or not config["train"]["activation"]:
        return None
    return "train.activation", config["train"]["activation"]
