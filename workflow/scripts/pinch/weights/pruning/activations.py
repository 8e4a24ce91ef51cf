"""Cheaper activations instead of SiLU, which needs an exponential or, in int8, two operations with tables."""

from typing import TYPE_CHECKING, Any

from pinch.run.activations import ACTIVATIONS

if TYPE_CHECKING:
    from torch import nn


def replace(network: Any, name: str | None) -> None:
    """Replace every activation of `network`, in place, by `name`, one of `ACTIVATIONS`; None changes nothing.

    It is noted in the network's yaml, too, from which Ultralytics builds it again for another number of classes.

    Args:
        network: a `DetectionModel`.
        name: of the activation.
    """
    from torch import nn

    if name is None or of(network) == {name}:
        return
    others = tuple(getattr(nn, kind) for kind in ACTIVATIONS.values())
    for parent in list(network.modules()):
        for child, module in list(parent.named_children()):
            if isinstance(module, others):
                setattr(parent, child, getattr(nn, ACTIVATIONS[name])())
    network.yaml = {**network.yaml, "activation": f"torch.nn.{ACTIVATIONS[name]}()"}


def of(network: "nn.Module") -> set[str]:
    """The names in ACTIVATIONS of what a network has."""
    kinds = {type(module).__name__ for module in network.modules()}
    return {name for name, kind in ACTIVATIONS.items() if kind in kinds}
