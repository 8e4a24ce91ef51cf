"""Cheaper activations instead of SiLU, which needs an exponential or, in int8, two operations with tables."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

# Names of classes of torch.nn, so that commands can list them without importing torch.
ACTIVATIONS = {"silu": "SiLU", "hardswish": "Hardswish", "relu": "ReLU"}


def replace(network: "nn.Module", name: str) -> None:
    """Replace every SiLU of `network`, in place, by the activation `name`, one of `ACTIVATIONS`."""
    from torch import nn

    if name == "silu":
        return
    for parent in list(network.modules()):
        for child, module in parent.named_children():
            if isinstance(module, nn.SiLU):
                setattr(parent, child, getattr(nn, ACTIVATIONS[name])())


def of(network: "nn.Module") -> set[str]:
    """The names in ACTIVATIONS of what a network has."""
    kinds = {type(module).__name__ for module in network.modules()}
    return {name for name, kind in ACTIVATIONS.items() if kind in kinds}
