"""The average of the weights of the last epochs (stochastic weight averaging, Izmailov et al., UAI 2018).

What is averaged are the weights that Ultralytics validates, themselves a moving average over steps. They are kept in
files beside the checkpoints, one for each of the last epochs, so that a resumed run has them too, and because patience
may make any epoch the last. On several GPUs the first process keeps and averages them, and all validate the average.
"""

import copy
import itertools
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch.optim.swa_utils import update_bn
from ultralytics.utils import RANK

from pinch.core.files import write_json
from pinch.run.image_counts import AVERAGE_IMAGES
from pinch.weights.training import results

Validate = Callable[[], tuple[Any, float | None]]


def keep(folder: Path, epoch: int, network: Any, count: int) -> None:
    """Write the weights of an epoch, and remove those that are older than the last `count` epochs."""
    temporary = folder / "ema.part"
    with temporary.open("wb") as stream:  # to a path, PyTorch would not say why it cannot write
        torch.save(network.state_dict(), stream)
    temporary.replace(_path(folder, epoch))
    for path in _kept(folder)[:-count]:
        path.unlink()


def forget(folder: Path) -> None:
    """Remove all weights that were kept."""
    for path in _kept(folder):
        path.unlink()


def average(folder: Path, network: Any, images: Iterable[torch.Tensor]) -> Any:
    """A network like `network` with the mean of the weights that were kept.

    Args:
        folder: where they were kept.
        network: gives the architecture.
        images: batches of (n, 3, height, width) float32 in 0..1, of which batch-norm statistics are computed: those of
            the mean weights are not the mean of the statistics.
    """
    states = [torch.load(path, map_location="cpu", weights_only=True) for path in _kept(folder)]
    averaged = copy.deepcopy(network)
    averaged.load_state_dict({name: _mean([state[name] for state in states]) for name in states[-1]})
    update_bn(images, averaged)
    return averaged


def ask_for(trainer: Any, count: int) -> None:
    """Let a trainer average the last `count` epochs; a callback, which reaches the processes of all GPUs.

    Args:
        trainer: a `pinch.weights.training.trainer.Trainer`.
        count: number of epochs; 0: none are averaged.
    """
    trainer.average = count


def after_epoch(trainer: Any, fitness: float | None, validate: Validate) -> Any:
    """Keep the weights of an epoch. After the last one, return their average if it is better on val; else None.

    Args:
        trainer: a `pinch.weights.training.trainer.Trainer`. All processes of a run on several GPUs call this.
        fitness: of the epoch; None in processes other than the first.
        validate: validates the average of the trainer as the epochs, in all processes together.
    """
    if RANK in {-1, 0}:
        keep(trainer.wdir, trainer.epoch, trainer.ema.ema, trainer.average)
    return better(trainer, validate) if _is_last(trainer, fitness) else None


def _is_last(trainer: Any, fitness: float | None) -> bool:
    """Whether training ends with this epoch, which only the first process knows."""
    said = [False]
    if RANK in {-1, 0}:
        stops = copy.copy(trainer.stopper)(trainer.epoch + 1, fitness)
        said = [stops or trainer.epoch + 1 >= trainer.epochs]
    if trainer.world_size > 1:
        distributed.broadcast_object_list(said, src=0)
    return said[0]


def better(trainer: Any, validate: Validate) -> Any:
    """The average of the weights that were kept, if it is more accurate on val than the best epoch; else None.

    Args:
        trainer: see `after_epoch`; the accuracy is written to its run folder.
        validate: see there.
    """
    own, before = trainer.ema.ema, trainer.best_fitness
    trainer.ema.ema = averaged = _averaged(trainer)
    metrics, fitness = validate()
    trainer.ema.ema = own
    if fitness is None:
        return None
    kept = len(_kept(trainer.wdir)) if fitness > before else 0
    found = {"averaged_epochs": kept, "averaged_map50_95": metrics["metrics/mAP50-95(B)"]}
    write_json(trainer.save_dir / results.AVERAGED, found)
    return averaged if kept else None


def _averaged(trainer: Any) -> Any:
    """The average, in all processes the same."""
    own, loader = trainer.ema.ema, trainer.train_loader
    if RANK in {-1, 0}:
        batches = itertools.islice(loader, math.ceil(AVERAGE_IMAGES / loader.batch_size))
        averaged = average(trainer.wdir, own, (trainer.preprocess_batch(batch)["img"] for batch in batches))
    else:
        averaged = copy.deepcopy(own)
    if trainer.world_size > 1:
        for tensor in averaged.state_dict().values():
            distributed.broadcast(tensor, src=0)
    return averaged


def write_best(last: Path, best: Path, network: Any) -> None:
    """Write `best` like the checkpoint `last`, with the weights of another network."""
    content = torch.load(last, map_location="cpu", weights_only=False)
    content["ema"] = copy.deepcopy(network).half().to(memory_format=torch.contiguous_format)
    content["ema"].criterion = None
    with best.open("wb") as stream:
        torch.save(content, stream)


def _mean(tensors: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack(tensors).mean(dim=0) if tensors[0].is_floating_point() else tensors[-1]


def _kept(folder: Path) -> list[Path]:
    """The files of the epochs, in their order."""
    return sorted(folder.glob("ema-*.pt"), key=lambda path: int(path.stem.removeprefix("ema-")))


def _path(folder: Path, epoch: int) -> Path:
    return folder / f"ema-{epoch}.pt"
