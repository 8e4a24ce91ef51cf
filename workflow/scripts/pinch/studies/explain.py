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

from pinch.core.record_types.studies import ExplainRecord, VariantAccuracy
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
) -> ExplainRecord:
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
        A record with one row for each variant and ratio.

    Raises:
        PinchError: the model is pruned already, or a ratio leaves nothing of a layer.
    """
    checkpoint = checkpoints.load(model)
    checkpoints.require_unpruned(checkpoint)
    validation = Validation(datasets.load(data), split, checkpoint.imgsz, images)
    rows = [
        _measured(pruned(checkpoint, ratio, variant), validation, variant, ratio, tuned=False)
        for ratio in ratios
        for variant in VARIANTS
    ]
    if tuning_ratio is not None:
        rows += _tuned(checkpoint, data, tuning_ratio, validation, tuning)
    return ExplainRecord(
        model=model.stem,
        split=split,
        images=validation.images,
        base_map50_95=validation.map50_95(checkpoint.model),
        rows=rows,
    )


def pruned(checkpoint: Checkpoint, ratio: float, variant: str) -> Any:
    """A copy of the network, fine-pruned in every layer, in one of the VARIANTS."""
    network = copy.deepcopy(checkpoint.model)
    weights = mask_tools.prunable(network)
    tables = {f"{name}.weight": m.weight for name, m in network.named_modules() if name.endswith("dfl.conv")}
    chosen = {"without DFL": weights, "with DFL": weights | tables, "DFL alone": tables}[variant]
    if chosen:
        mask_tools.apply(network, mask_tools.layer_masks(chosen, ratio))
    return network


def _measured(
    network: torch.nn.Module, validation: Validation, variant: str, ratio: float, tuned: bool
) -> VariantAccuracy:
    weights = mask_tools.prunable(network).values()
    zeros = 1 - sum(int(w.count_nonzero()) for w in weights) / sum(w.numel() for w in weights)
    accuracy = validation.map50_95(network)
    return VariantAccuracy(variant=variant, ratio=ratio, tuned=tuned, map50_95=accuracy, sparsity=zeros)


def _tuned(
    checkpoint: Checkpoint, data: Path, ratio: float, validation: Validation, tuning: dict[str, Any]
) -> list[VariantAccuracy]:
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
            tuned = checkpoints.load(request.checkpoint).model
            rows.append(_measured(tuned, validation, variant, ratio, tuned=True))
    return rows
