"""What a broken run needs to go on as if it had not been broken.

Ultralytics goes on from the average of the weights in half precision and begins its random draws anew: close enough for
long trainings, and quite another run where there are few steps. So the exact state stands beside last.pt, under the
number of its epoch, and every epoch draws from seeds of its own.
"""

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch


def seed_epoch(loader: Any, seed: int, epoch: int) -> None:
    """Make an epoch's order of pictures and its augmentation depend on its number only, not on the epochs before.

    Processes that load pictures (on GPUs) have streams of their own, which this does not reach.
    """
    own = (seed * 100_003 + epoch) % 2**32
    random.seed(own)
    np.random.seed(own)
    torch.manual_seed(own)
    if hasattr(loader.sampler, "generator"):
        loader.sampler.generator = torch.Generator().manual_seed(own)


def save(folder: Path, epoch: int, parts: dict[str, Any]) -> None:
    """Write the states of `parts` (network, average, optimizer) after an epoch, before last.pt says that it is over."""
    temporary = folder / "state.part"
    torch.save({name: part.state_dict() for name, part in parts.items()}, temporary)
    temporary.replace(_path(folder, epoch))


def load(folder: Path, epoch: int, parts: dict[str, Any]) -> bool:
    """Bring `parts` back to what they were after an epoch; False where that was not kept."""
    path = _path(folder, epoch)
    if not path.exists():
        return False
    states = torch.load(path, map_location="cpu", weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(states[name])
    return True


def forget(folder: Path, but: int | None = None) -> None:
    """Remove the states of all epochs but one."""
    for path in folder.glob("state-*.pt"):
        if but is None or path != _path(folder, but):
            path.unlink()


def _path(folder: Path, epoch: int) -> Path:
    return folder / f"state-{epoch}.pt"
