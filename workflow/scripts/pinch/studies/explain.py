"""Why pruning seems to ruin a YOLO: two mistakes, made on purpose and compared with the right way.

1. Pruning DFL like other layers. Its convolution is a table of the constants 0..15 by which boxes are decoded, and the
   smallest ones are zeroed first. Training does not use the table, so tuning does not repair it.
2. Losing the masks in tuning. Zeros then become nonzero in every step, and the tuned model is no longer pruned.

`pinch.run.studies` names the variants.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pinch.core.ownership import require_replaceable
from pinch.core.record_types.studies import ExplainRecord, VariantAccuracy
from pinch.core.record_types.weights import TrainingRecord
from pinch.run.settings.pruning import Explain
from pinch.run.studies import Variant
from pinch.studies.validation import Conditions, Validation
from pinch.weights import checkpoints
from pinch.weights.checkpoints import Checkpoint
from pinch.weights.pruning import fine, kinds
from pinch.weights.pruning import masks as mask_tools
from pinch.weights.training.fit import train
from pinch.weights.training.request import Request


def explain(
    request: Request, variants: Sequence[Variant], options: Explain, split: str = "test", threads: int = 1
) -> ExplainRecord:
    """Prune a detector in variants, tune some of them, and measure mAP50-95.

    Args:
        request: its base is the detector, a checkpoint, and its data, device, image size, batch and seed are those of
            all measurements. Variants are tuned as it says, each under its own name: the checkpoint
            `<project>/<name>.pt` and its run folder stay. An interrupted tuning is resumed.
        variants: of the detector.
        options: ratios, and how many images are looked at.
        split: to measure on.
        threads: of measuring on the CPU.

    Returns:
        A record with one row for each variant and ratio, those that are not tuned first.

    Raises:
        PinchError: the model is pruned already, a ratio leaves nothing of a layer, the split has no images, or as
            `pinch.weights.training.fit.train` says.
        PausedError: a tuning paused and can be resumed.
    """
    checkpoint = checkpoints.load(request.base)
    checkpoints.require_unpruned(checkpoint)
    conditions = Conditions(
        images=options.images,
        imgsz=request.imgsz,
        batch=request.batch,
        device=request.device,
        threads=threads,
        seed=request.seed,
    )
    validation = Validation(request.data, split, checkpoint, conditions)
    rows = [
        _measured(network, validation, variant, ratio, tuning)
        for variant in sorted(variants, key=lambda variant: variant.tuned)
        for ratio, network, tuning in _networks(checkpoint, variant, options, request)
    ]
    return ExplainRecord(
        model=checkpoint.path.stem,
        model_sha256=checkpoint.sha256,
        split=split,
        images=validation.images,
        base_map50_95=validation.map50_95(checkpoint.model),
        rows=rows,
    )


def pruned(checkpoint: Checkpoint, ratio: float, variant: Variant) -> Any:
    """A copy of the network, fine-pruned in every layer that the variant prunes."""
    network = copy.deepcopy(checkpoint.model)
    chosen = mask_tools.prunable(network) if variant.layers else {}
    if variant.table:
        chosen |= {f"{name}.weight": m.weight for name, m in network.named_modules() if name.endswith("dfl.conv")}
    if chosen:
        mask_tools.apply(network, mask_tools.layer_masks(chosen, ratio))
    return network


def _networks(
    checkpoint: Checkpoint, variant: Variant, options: Explain, request: Request
) -> Iterator[tuple[float, Any, TrainingRecord | None]]:
    """The ratios of a variant, its network at each, and how that was tuned."""
    if variant.tuned:
        yield options.tuning_ratio, *_tuned(checkpoint, variant, options.tuning_ratio, request)
    else:
        for ratio in options.ratios:
            yield ratio, pruned(checkpoint, ratio, variant), None


def _tuned(checkpoint: Checkpoint, variant: Variant, ratio: float, request: Request) -> tuple[Any, TrainingRecord]:
    """A variant after tuning. It starts from a checkpoint of the same bytes each time, so that it can be resumed."""
    base = request.project / f"{variant.name}_pruned.pt"
    request.project.mkdir(parents=True, exist_ok=True)
    require_replaceable(base)
    if variant.masks:
        fine.prune_file(checkpoint.path, base, kinds.LayerMagnitude(ratio))
    else:
        checkpoints.save(base, pruned(checkpoint, ratio, variant), checkpoint.meta, checkpoint)
    tuning = replace(request, name=variant.name, base=base, pruned=True, resume=True)
    record = train(tuning)
    return checkpoints.load(tuning.checkpoint).model, record


def _measured(
    network: Any, validation: Validation, variant: Variant, ratio: float, tuning: TrainingRecord | None
) -> VariantAccuracy:
    weights = mask_tools.prunable(network).values()
    return VariantAccuracy(
        variant=variant.title,
        ratio=ratio,
        tuned=variant.tuned,
        map50_95=validation.map50_95(network),
        sparsity=1 - sum(int(w.count_nonzero()) for w in weights) / sum(w.numel() for w in weights),
        tuning=tuning,
    )
