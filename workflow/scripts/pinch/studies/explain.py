"""Why pruning seems to ruin a YOLO: two mistakes, made on purpose and compared with the right way.

1. Pruning DFL like other layers. Its convolution is a table of the constants 0..15 by which boxes are decoded, and the
   smallest ones are zeroed first. Training does not use the table, so tuning does not repair it.
2. Losing the masks in tuning. Zeros then become nonzero in every step, and the tuned model is no longer pruned.
"""

import copy
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from pinch.data import dataset as datasets
from pinch.studies.validation import Validation
from pinch.weights import checkpoints
from pinch.weights.checkpoints import Checkpoint
from pinch.weights.pruning import fine, kinds
from pinch.weights.pruning import masks as mask_tools
from pinch.weights.training.fit import train
from pinch.weights.training.request import Request

VARIANTS = ("without DFL", "with DFL", "DFL alone")


def explain(
    model: Path,
    data: Path,
    ratios: Sequence[float],
    tuning_ratio: float | None = None,
    split: str = "test",
    images: int = 10_000,
    **tuning: Any,
) -> dict[str, Any]:
    """Prune at each ratio in the right and wrong ways and measure mAP50-95; at one ratio also tune.

    Args:
        model: checkpoint of a trained detector.
        data: data.yaml.
        ratios: of weights in every layer.
        tuning_ratio: the ratio to tune at; None: do not tune.
        split: to measure on.
        images: maximum number of images of the split.
        tuning: settings of tuning, see `pinch.weights.training.request.Request`.

    Returns:
        The result of a sensitivity record; `rows` has one entry for each variant and ratio.

    Raises:
        PinchError: the model is pruned already, or a ratio leaves nothing of a layer.
    """
    checkpoint = checkpoints.load(model)
    checkpoints.require_unpruned(checkpoint)
    validation = Validation(datasets.load(data), split, checkpoint.imgsz, images)
    rows = [
        {"variant": variant, "ratio": ratio, "tuned": False, **_figures(pruned(checkpoint, ratio, variant), validation)}
        for ratio in ratios
        for variant in VARIANTS
    ]
    if tuning_ratio is not None:
        rows += _tuned(checkpoint, data, tuning_ratio, validation, tuning)
    return {
        "model": model.stem,
        "split": split,
        "images": validation.images,
        "base_map50_95": validation.map50_95(checkpoint.model),
        "rows": rows,
    }


def pruned(checkpoint: Checkpoint, ratio: float, variant: str) -> Any:
    """A copy of the network, fine-pruned in every layer, in one of the VARIANTS."""
    network = copy.deepcopy(checkpoint.model)
    weights = mask_tools.prunable(network)
    tables = {f"{name}.weight": m.weight for name, m in network.named_modules() if name.endswith("dfl.conv")}
    chosen = {"without DFL": weights, "with DFL": weights | tables, "DFL alone": tables}[variant]
    if chosen:
        mask_tools.apply(network, mask_tools.layer_masks(chosen, ratio))
    return network


def _figures(network: torch.nn.Module, validation: Validation) -> dict[str, float]:
    weights = mask_tools.prunable(network).values()
    zeros = 1 - sum(int(w.count_nonzero()) for w in weights) / sum(w.numel() for w in weights)
    return {"map50_95": validation.map50_95(network), "sparsity": zeros}


def _tuned(
    checkpoint: Checkpoint, data: Path, ratio: float, validation: Validation, tuning: dict[str, Any]
) -> list[dict[str, Any]]:
    """Tune at one ratio: the right way, without masks, and with DFL pruned too and without masks."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for variant, table, keep in (
            ("masks held", "without DFL", True),
            ("masks lost", "without DFL", False),
            ("with DFL, masks lost", "with DFL", False),
        ):
            name = variant.replace(", ", "_").replace(" ", "_")
            base = Path(folder) / f"{name}_pruned.pt"
            if keep:
                fine.prune_file(checkpoint.path, base, kinds.LayerMagnitude(ratio))
            else:
                checkpoints.save(base, pruned(checkpoint, ratio, table), checkpoint.meta, checkpoint)
            request = Request(name, data, Path(folder), base, pruned=True, **tuning)
            train(request)
            figures = _figures(checkpoints.load(request.checkpoint).model, validation)
            rows.append({"variant": variant, "ratio": ratio, "tuned": True, **figures})
    return rows
