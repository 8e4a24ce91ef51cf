"""Files of networks that were made smaller: what checkpoints say of it, and what all records of pruning say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pinch.core.ownership import require_replaceable
from pinch.weights import checkpoints
from pinch.weights.checkpoints import Checkpoint


def entry(base: Checkpoint, method: str, ratio: float, settings: dict[str, Any]) -> dict[str, Any]:
    """The `pinch` entry of a network that was made from a base and is not tuned yet."""
    return {
        "method": method,
        "ratio": ratio,
        "tuned": False,
        "source_sha256": base.sha256,
        "settings": settings,
    }


def prune(
    base: Path, output: Path, change: Callable[[Checkpoint], dict[str, Any]]
) -> tuple[dict[str, Any], Checkpoint, dict[str, Any]]:
    """Prune the checkpoint `base` and write it to `output`.

    Args:
        base: an unpruned detector.
        output: the checkpoint to write.
        change: prunes the network in place and returns its `pinch` entry.

    Returns:
        That entry, the pruned network, and the fields that records of all kinds of pruning have.

    Raises:
        PinchError: the base cannot be read, or Pinch may not replace `output`; and what `change` raises.
    """
    require_replaceable(output)
    checkpoint = checkpoints.load(base)
    before = checkpoints.describe(checkpoint.model, checkpoint.imgsz)
    meta = change(checkpoint)
    checkpoints.save(output, checkpoint.model, meta, checkpoint)
    told = {name: meta[name] for name in ("method", "ratio", "settings")}
    after = checkpoints.describe(checkpoint.model, checkpoint.imgsz)
    return meta, checkpoint, {"model": output.stem, **told, "before": before, "after": after}
