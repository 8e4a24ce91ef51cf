"""Whether a network can be trained in mixed precision on a GPU, found out on the network itself.

Ultralytics asks this of weights that it downloads, on compute nodes without a network as well, and fails there.
"""

from typing import Any

import torch

_SIDE = 256
# Half precision rounds by 0.0005. Over the hundred layers of a detector that adds up to about 0.01.
_TOLERANCE = 0.1


def works(network: Any) -> bool:
    """Whether the network computes in mixed precision, where its weights are, about what it computes in float32.

    Takes the place of `ultralytics.utils.checks.check_amp`. Some GPUs (GTX 16 and their like) give NaN.

    Args:
        network: a detector of Ultralytics; its last module is the head.
    """
    device = next(network.parameters()).device
    if device.type != "cuda":
        return False
    error = relative_error(network, torch.float16)
    if error <= _TOLERANCE:
        return True
    print(f"mixed precision is switched off: {torch.cuda.get_device_name(device)} computes {error:.0%} off", flush=True)
    return False


def relative_error(network: Any, dtype: torch.dtype) -> float:
    """How far the features that the head gets are off in mixed precision.

    Args:
        network: as for `works`.
        dtype: type of the products in mixed precision.

    Returns:
        The norm of the difference to float32, relative to the norm in float32; infinity for values that are not finite.
    """
    first = next(network.parameters())
    image = torch.rand(1, 3, _SIDE, _SIDE, generator=torch.Generator().manual_seed(0)).to(first.device, first.dtype)
    seen: list[torch.Tensor] = []
    hook = network.model[-1].register_forward_pre_hook(lambda _, inputs: seen.append(_flat(inputs[0])))
    trained = network.training
    network.eval()
    try:
        for mixed in (False, True):
            with torch.no_grad(), torch.autocast(first.device.type, dtype, enabled=mixed):
                network(image)
    finally:
        hook.remove()
        network.train(trained)
    exact, rounded = seen
    error = float((rounded - exact).norm() / exact.norm())
    return error if torch.isfinite(rounded).all() else float("inf")


def _flat(features: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([level.detach().float().flatten() for level in features])
