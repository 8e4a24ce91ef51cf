"""Coarse (structured) pruning: whole channels are removed, so that the network is smaller and faster."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pinch import checkpoints
from pinch.checkpoints import Checkpoint
from pinch.dataset import Dataset
from pinch.errors import PinchError
from pinch.files import read_json, require_replaceable
from pinch.pruning import activations, cost, images, ranking, spread
from pinch.pruning import masks as mask_tools
from pinch.pruning.graph import Graph
from pinch.pruning.splitting import join

MODES = ("remove", "mask")
# Pictures that gradients and batch-norm statistics are taken from.
GRADIENT_IMAGES = 160
STATISTICS_IMAGES = 320


@dataclass(frozen=True)
class CoarsePruning:
    """How to prune.

    Attributes:
        ratio: fraction of the channels to remove.
        ranking: one of `pinch.pruning.ranking.RANKINGS`.
        norm: 1 or 2, for the rankings by norm.
        spread: one of `pinch.pruning.spread.SPREADS`.
        macs_limit: for the spread "global": most multiply-accumulates left, relative to `spread.usual_macs`.
        round_to: widths become multiples of it; others are slower on most processors.
        activation: one of `pinch.pruning.activations.ACTIVATIONS`, put in place of SiLU; tuning must make up for it.
        mode: "remove", or "mask" (channels are zeroed and kept, as torch's ln_structured does: for comparison).
        sensitivity: record of a layer scan, for the spread "sensitivity".
        seed: of the choice of training pictures.
    """

    ratio: float
    ranking: str = "group_norm"
    norm: int = 2
    spread: str = "global"
    macs_limit: float = 1.15
    round_to: int = 8
    activation: str = "silu"
    mode: str = "remove"
    sensitivity: Path | None = None
    seed: int = 0

    @property
    def needs_data(self) -> bool:
        """Whether the ranking looks at data."""
        return self.ranking == "taylor" and self.mode == "remove"

    def settings(self) -> dict[str, Any]:
        """What a checkpoint and a record keep of it."""
        keys = ("ranking", "norm", "spread", "macs_limit", "round_to", "activation", "mode", "seed")
        return {key: getattr(self, key) for key in keys}


def prune(checkpoint: Checkpoint, how: CoarsePruning, dataset: Dataset | None = None) -> dict[str, Any]:
    """Remove channels of `checkpoint.model` in place, renew its batch-norm statistics, and return the `pinch` entry.

    Args:
        checkpoint: an unpruned detector.
        how: ratio, ranking, spread, ...
        dataset: gives training pictures; without it the statistics stay as they are.

    Raises:
        PinchError: it is pruned already, nothing would be left of a layer, or what ranking or spread needs is missing.
    """
    checkpoints.require_unpruned(checkpoint)
    if how.needs_data and dataset is None:
        raise PinchError(f"the ranking {how.ranking} looks at training data: name a data set with --dataset")
    if (how.spread == "sensitivity") != (how.sensitivity is not None):
        raise PinchError("the spread `sensitivity` and the record of a layer scan (--sensitivity) go together")
    if how.mode == "mask" and how.activation != "silu":
        raise PinchError(f"the mode `mask` changes weights only: leave out the activation {how.activation}")
    meta = {
        "method": "coarse",
        "ratio": how.ratio,
        "tuned": False,
        "source_sha256": checkpoint.sha256,
        "settings": how.settings(),
    }
    if how.mode == "mask":
        return meta | _mask(checkpoint, how)
    _remove(checkpoint, how, dataset)
    if dataset is None:
        print("no data set given: batch-norm statistics are left as they were before pruning", flush=True)
    else:
        recalibrate(checkpoint.model, dataset, checkpoint.imgsz, seed=how.seed)
    return meta


def _remove(checkpoint: Checkpoint, how: CoarsePruning, dataset: Dataset | None) -> None:
    graph = Graph(checkpoint.model)
    spread.require_channels(graph.units, how.ratio)
    batches = (
        images.batches(dataset, checkpoint.imgsz, GRADIENT_IMAGES, seed=how.seed)
        if how.needs_data and dataset
        else None
    )
    scores = ranking.rank(graph, how.ranking, how.norm, batches)
    if how.spread == "global":
        comparable = ranking.comparable(scores, how.ranking)
        widths = spread.globally(graph.units, how.ratio, how.round_to, comparable, cost.costs(graph), how.macs_limit)
    elif how.spread == "sensitivity":
        widths = spread.by_sensitivity(graph.units, how.ratio, how.round_to, _curves(how.sensitivity))
    else:
        widths = spread.uniform(graph.units, how.ratio, how.round_to)
    narrow(graph, widths, scores)
    join(checkpoint.model)
    activations.replace(checkpoint.model, how.activation)


def narrow(graph: Graph, widths: dict[str, int], scores: ranking.Scores) -> None:
    """Remove the least important channels of each unit that `widths` names, down to that width."""
    for unit in graph.units:
        for root, importance in zip(unit.roots, scores[unit.name], strict=True):
            unimportant = importance.argsort()[: unit.width - widths.get(unit.name, unit.width)].tolist()
            if unimportant:
                graph.prune(root, sorted(unimportant))


def _curves(record: Path | None) -> dict[str, spread.Curve]:
    """The losses of a layer scan, by layer and ratio."""
    assert record is not None
    content = read_json(record)
    curves: dict[str, spread.Curve] = {}
    try:
        result = content["result"]
        for row in result["layers"]:
            if row["method"] == "coarse":
                lost = 1 - row["map50_95"] / row["base_map50_95"]
                curves.setdefault(row["layer"], {})[row["ratio"]] = lost
    except (KeyError, TypeError, ZeroDivisionError) as error:
        raise PinchError(
            f"{record} is not the record of a layer scan with an accuracy above zero: run scan_layers.py"
        ) from error
    return curves


def _mask(checkpoint: Checkpoint, how: CoarsePruning) -> dict[str, Any]:
    """Zero whole filters of every convolution but DFL's and those that give the detections, by their norm."""
    from pinch.pruning.graph import detection_convolutions

    final = {id(convolution.weight) for convolution in detection_convolutions(checkpoint.model)}
    masks = {}
    for name, weight in mask_tools.prunable(checkpoint.model).items():
        if id(weight) not in final:
            structured = nn.utils.prune.LnStructured(how.ratio, n=how.norm, dim=0)
            masks[name] = structured.compute_mask(weight.detach(), torch.ones_like(weight)).bool()
            if not masks[name].any():
                raise PinchError(f"the ratio leaves nothing of layer {name.removesuffix('.weight')}: lower it")
    mask_tools.apply(checkpoint.model, masks)
    return {"sparsity": mask_tools.sparsity(checkpoint.model, masks), "masks": mask_tools.pack(masks)}


@torch.no_grad()
def recalibrate(
    network: nn.Module, dataset: Dataset, imgsz: int, count: int = STATISTICS_IMAGES, seed: int = 0
) -> None:
    """Renew batch-norm statistics, which are those of activations that removed channels still fed.

    They become plain means over `count` training pictures of `imgsz` pixels.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    for batch in images.batches(dataset, imgsz, count, seed=seed):
        network(batch["img"])
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()


def prune_file(base: Path, output: Path, how: CoarsePruning, dataset: Dataset | None = None) -> dict[str, Any]:
    """Prune the checkpoint `base` into `output` and return the figures for a pruning record."""
    require_replaceable(output)
    checkpoint = checkpoints.load(base)
    before, wide = checkpoints.describe(checkpoint.model, checkpoint.imgsz), _widths(checkpoint.model)
    meta = prune(checkpoint, how, dataset)
    checkpoints.save(output, checkpoint.model, meta, checkpoint)
    return {
        "model": output.stem,
        "method": "coarse",
        "ratio": how.ratio,
        "settings": how.settings(),
        "before": before,
        "after": checkpoints.describe(checkpoint.model, checkpoint.imgsz),
        "layers": [
            {"layer": name, "width": wide[name], "kept": kept} for name, kept in _widths(checkpoint.model).items()
        ],
    }


def _widths(network: nn.Module) -> dict[str, int]:
    """Output channels of each convolution that are not all zero."""
    convolutions = ((name, m.weight) for name, m in network.named_modules() if isinstance(m, nn.Conv2d))
    return {name: int(weight.detach().flatten(1).any(dim=1).sum()) for name, weight in convolutions}
