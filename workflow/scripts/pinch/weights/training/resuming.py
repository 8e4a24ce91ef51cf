"""The state that an interrupted run needs to continue exactly as an uninterrupted one.

Ultralytics resumes from the averaged weights in half precision and restarts its random numbers. That is close enough
for long trainings, but gives a different result after few steps. So the exact state is saved beside last.pt, named by
its epoch, and every epoch has its own random seeds.
"""

import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ultralytics.utils.torch_utils import strip_optimizer

from pinch.weights.training import averaging


def seed_epoch(loader: Any, seed: int, epoch: int) -> None:
    """Make an epoch's order of images and its augmentation depend on its number only, not on earlier epochs.

    Processes that load images (on GPUs) have their own random numbers, which this does not change.
    """
    own = (seed * 100_003 + epoch) % 2**32
    random.seed(own)
    np.random.seed(own)
    torch.manual_seed(own)
    if hasattr(loader.sampler, "generator"):
        loader.sampler.generator = torch.Generator().manual_seed(own)


def save(folder: Path, epoch: int, parts: dict[str, Any]) -> None:
    """Write the states of `parts` (network, average, optimizer) after an epoch, before last.pt is replaced."""
    temporary = folder / "state.part"
    with temporary.open("wb") as stream:  # to a path, PyTorch would not say why it cannot write
        torch.save({name: part.state_dict() for name, part in parts.items()}, stream)
    temporary.replace(_path(folder, epoch))


def load(folder: Path, epoch: int, parts: dict[str, Any]) -> bool:
    """Restore the states of `parts` after an epoch; return False if they were not saved, or cannot be read."""
    path = _path(folder, epoch)
    try:
        states = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError):
        return False
    for name, part in parts.items():
        part.load_state_dict(states[name])
    return True


def forget(folder: Path, but: int | None = None) -> None:
    """Remove the states of all epochs except one, and what a killed run was writing."""
    for path in [*folder.glob("state-*.pt"), *folder.glob("*.part")]:
        if but is None or path != _path(folder, but):
            path.unlink()


def finish(folder: Path) -> None:
    """Remove all states, and strip the checkpoints of what only training needs.

    Each checkpoint is replaced in one step, so that a kill leaves it whole.
    """
    forget(folder)
    averaging.forget(folder)
    for path in (folder / "best.pt", folder / "last.pt"):
        part = Path(f"{path}.part")
        if path.exists() and strip_optimizer(path, s=str(part)):  # an unreadable one gives nothing
            part.replace(path)


def _path(folder: Path, epoch: int) -> Path:
    return folder / f"state-{epoch}.pt"
