"""The rivals of pruning, before they are tuned: smaller images, a narrower network, or one with fewer blocks."""

import copy
from pathlib import Path
from typing import Any

import torch
from torch import nn
from ultralytics.nn.modules.block import A2C2f, ABlock, Bottleneck, C2f, PSABlock
from ultralytics.nn.tasks import DetectionModel

from pinch.core.errors import PinchError
from pinch.core.ownership import require_replaceable
from pinch.core.record_types.weights import RivalRecord
from pinch.data.dataset import Dataset
from pinch.run.identity import Model
from pinch.run.image_counts import INFLUENCE_IMAGES
from pinch.weights import checkpoints
from pinch.weights.checkpoints import Checkpoint
from pinch.weights.pruning import activations, coarse, files, images

# Blocks that add something to their input, or do not: without them, the input goes on as it is.
_RESIDUAL = (Bottleneck, PSABlock, ABlock)


def make_file(
    base: Path, output: Path, rival: Model, imgsz: int | None = None, dataset: Dataset | None = None, seed: int = 0
) -> RivalRecord:
    """Make a rival of the checkpoint `base`, write it to `output`, and return the record.

    Args:
        base: an unpruned detector.
        output: the checkpoint of the rival.
        rival: what it is; its name does not matter.
        imgsz: side of the base's images in pixels; None: as it was trained.
        dataset: its training images tell which blocks to remove, and the batch-norm statistics of changed networks.
        seed: of the choice of images, and of weights that are not the base's.

    Raises:
        PinchError: the base is pruned, or nothing of it would change; blocks shall be removed without a data set.
    """
    require_replaceable(output)
    checkpoint = checkpoints.load(base)
    checkpoints.require_unpruned(checkpoint)
    checkpoint.train_args |= {"imgsz": imgsz or checkpoint.imgsz}
    before = checkpoints.describe(checkpoint.model, checkpoint.imgsz)
    network, settings = _made(checkpoint, rival, dataset, seed)
    if rival.method != "size":
        checkpoints.describe(network, 2 * int(network.stride.max()))  # it must still compute
        if dataset is not None:
            coarse.recalibrate(network, dataset, checkpoint.imgsz, seed=seed)
    size = rival.imgsz or checkpoint.imgsz
    meta = files.entry(checkpoint, rival.method, rival.ratio, settings)
    meta |= {"imgsz": rival.imgsz} if rival.imgsz else {}
    checkpoints.save(output, network, meta, Checkpoint(base, network, meta, checkpoint.train_args | {"imgsz": size}))
    return RivalRecord(
        model=output.stem,
        method=rival.method,
        ratio=rival.ratio,
        settings=settings,
        before=before,
        after=checkpoints.describe(network, size),
        imgsz=size,
    )


def _made(checkpoint: Checkpoint, rival: Model, dataset: Dataset | None, seed: int) -> tuple[Any, dict[str, Any]]:
    """The network of a rival, and how it was made."""
    if rival.method == "size":
        if rival.imgsz is None or rival.imgsz >= checkpoint.imgsz:
            raise PinchError(f"{rival.imgsz} pixels are not fewer than the base's {checkpoint.imgsz}: give fewer")
        return checkpoint.model, {}
    if rival.method == "width":
        return narrower(checkpoint.model, 1 - rival.ratio, seed), {"start": "evenly selected weights of the base"}
    if dataset is None:
        raise PinchError("training images tell which blocks to remove: give a data set with --dataset")
    require_blocks(checkpoint.model, 1 - rival.ratio)
    found = influences(checkpoint, dataset, seed)
    removed = least(found, 1 - rival.ratio)
    remove_blocks(checkpoint.model, removed)
    return checkpoint.model, {"influences": found, "removed": removed}


def narrower(network: Any, width: float, seed: int = 0) -> Any:
    """A network of the same family with fewer channels, with weights of the given one.

    Of each dimension of each weight as many entries are taken as fit, evenly spaced (weight selection: Xu et al. 2024,
    "Initializing Models with Larger Ones", https://arxiv.org/abs/2311.18823).

    Args:
        network: a `DetectionModel`.
        width: share of its width, between 0 and 1; widths of layers are rounded as Ultralytics does it.
        seed: of the weights that have no counterpart.

    Raises:
        PinchError: its layers are so narrow that none changes, or that Ultralytics cannot build it.
    """
    plan = copy.deepcopy(network.yaml)
    if plan.get("scales"):
        scale = plan.setdefault("scale", next(iter(plan["scales"])))
        depth, wide, most = plan["scales"][scale]
        plan["scales"] = {**plan["scales"], scale: [depth, wide * width, most]}
    else:
        plan["width_multiple"] = plan.get("width_multiple", 1.0) * width
    torch.manual_seed(seed)
    head = network.model[-1]
    try:
        made: Any = DetectionModel(plan, ch=plan.get("channels", 3), nc=head.nc, verbose=False).eval()
    except Exception as error:  # Ultralytics' layers have limits of their own
        raise PinchError(f"the family of the base has no network of the width {width:g} ({error}): raise it") from error
    for name in activations.of(network):
        activations.replace(made, name)
    made.names = network.names
    if hasattr(network, "args"):
        made.args = network.args
    _select(made, network)
    if checkpoints.count_parameters(made) >= checkpoints.count_parameters(network):
        raise PinchError(f"a width of {width:g} changes no layer, since widths are rounded to multiples of 8: lower it")
    return made


@torch.no_grad()
def _select(network: nn.Module, larger: nn.Module) -> None:
    """Fill a network with evenly spaced entries of the tensors of a larger one, by their names."""
    theirs = larger.state_dict()
    for name, tensor in network.state_dict().items():
        chosen = theirs.get(name)
        if chosen is None or chosen.ndim != tensor.ndim:
            continue
        for dimension, (ours, whole) in enumerate(zip(tensor.shape, chosen.shape, strict=True)):
            # More than there are: only where a layer has a width of its own.
            places = torch.linspace(0, whole - 1, ours).round().long() if ours > 1 else torch.zeros(ours).long()
            chosen = chosen.index_select(dimension, places)
        tensor.copy_(chosen)


def blocks(network: Any) -> dict[str, nn.Module]:
    """The residual blocks of a network that can be removed, by their names, in their order."""
    return {
        name: module
        for name, module in network.named_modules()
        # A block that is a layer of its own has an index that others refer to.
        if type(module) in _RESIDUAL and getattr(module, "add", True) and name.count(".") > 1
    }


def require_blocks(network: Any, depth: float) -> None:
    """Refuse to keep the share `depth` of the residual blocks where that removes none.

    Raises:
        PinchError: there are none, or none would go.
    """
    count = len(blocks(network))
    if not round((1 - depth) * count):
        why = f"that removes none of its {count}" if count else "it has none"
        raise PinchError(
            f"the depth {depth:g} is the share of residual blocks to keep, and {why}: lower it, or leave it out"
        )


def least(influences: dict[str, float], depth: float) -> list[str]:
    """The names of the blocks that go if the share `depth` of them is kept: those with the least influence."""
    return sorted(influences, key=influences.__getitem__)[: round((1 - depth) * len(influences))]


@torch.no_grad()
def influences(checkpoint: Checkpoint, dataset: Dataset, seed: int = 0) -> dict[str, float]:
    """How much each residual block changes its input: 1 less the mean cosine between input and output.

    The cosine is that of the channels at each place (block influence: Men et al. 2024, "ShortGPT: Layers in Large
    Language Models are More Redundant Than You Expect", https://arxiv.org/abs/2403.03853, eq. 1).

    Args:
        checkpoint: of the network.
        dataset: its training images are used.
        seed: of the choice of images.
    """
    found: dict[str, list[float]] = {name: [] for name in blocks(checkpoint.model)}

    def watching(name: str) -> Any:
        def watch(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            found[name].append(1 - float(torch.cosine_similarity(inputs[0], output, dim=1).mean()))

        return watch

    hooks = [module.register_forward_hook(watching(name)) for name, module in blocks(checkpoint.model).items()]
    try:
        for batch in images.batches(dataset, checkpoint.imgsz, INFLUENCE_IMAGES, seed=seed):
            checkpoint.model(batch["img"])
    finally:
        for hook in hooks:
            hook.remove()
    return {name: sum(values) / len(values) for name, values in found.items()}


def remove_blocks(network: Any, names: list[str]) -> None:
    """Remove residual blocks, in place: what remains are stock classes, which compute as if these had added nothing."""
    for name in names:
        parent, _, child = name.rpartition(".")
        setattr(network.get_submodule(parent), child, nn.Identity())
    for parent in [module for module in network.modules() if module is not network.model]:
        for child, module in list(parent.named_children()):
            if isinstance(module, nn.Sequential) and module is not network.model:
                left = [block for block in module if not isinstance(block, nn.Identity)]
                if len(left) < len(module):
                    setattr(parent, child, nn.Sequential(*left))
    for module in network.modules():
        if isinstance(module, C2f | A2C2f):
            _fold(module)


@torch.no_grad()
def _fold(module: Any) -> None:
    """Leave out what a C2f or A2C2f would concatenate twice: the outputs of removed blocks are their inputs."""
    gone = [
        isinstance(block, nn.Identity) or (isinstance(block, nn.Sequential) and not len(block)) for block in module.m
    ]
    if not any(gone):
        return
    convolution: nn.Conv2d = module.cv2.conv
    # Before the outputs of the blocks there are the two halves that C2f makes, or the whole of A2C2f.
    first = 2 if isinstance(module, C2f) else 1
    parts = list(convolution.weight.split(convolution.in_channels // (first + len(gone)), dim=1))
    kept = parts[:first]
    for part, is_gone in zip(parts[first:], gone, strict=True):
        if is_gone:
            kept[-1] = kept[-1] + part
        else:
            kept.append(part)
    convolution.weight = nn.Parameter(torch.cat(kept, dim=1), convolution.weight.requires_grad)
    convolution.in_channels = convolution.weight.shape[1]
    module.m = nn.ModuleList(block for block, is_gone in zip(module.m, gone, strict=True) if not is_gone)
