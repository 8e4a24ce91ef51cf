"""Ultralytics' trainer, changed so that pruning is kept.

Ultralytics builds a new network from the yaml and copies weights into it, which makes a pruned network dense again.
This trainer uses the network object of its checkpoint instead. The `pinch` entry, with the masks, is an attribute of
the network, so it is copied with the network: into the average that is validated and saved, into last.pt and from there
into a resumed run, and into the processes of a run on several GPUs, which import this module by name.
"""

import os
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from ultralytics.data import base as data_base
from ultralytics.engine import trainer as engine
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils import RANK, TQDM
from ultralytics.utils.torch_utils import unwrap_model

from pinch.core.environment import DEADLINE
from pinch.core.errors import PinchError
from pinch.core.files import write_json
from pinch.data.ultralytics_dataset import labels_from_manifest
from pinch.weights import checkpoints
from pinch.weights.pruning import masks as mask_tools
from pinch.weights.pruning.stepwise import StepwiseRemoval
from pinch.weights.training import averaging, distilling, iterative, mixed_precision, recipes, results, resuming
from pinch.weights.training.networks import bare

# Seconds for what follows the last epoch.
_MARGIN = 15
# Optimizer steps between two updates of a gradual schedule's masks.
RAMP_STEPS = 10


class _NoBar(TQDM):
    """No progress bar while images are cached: it would fill the log and takes a second."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "disable": True})


class _DivergedError(Exception):
    """Losses or weights are no longer finite, and going on from the last checkpoint did not help."""


class Trainer(DetectionTrainer):
    """Trains the network of a checkpoint and keeps its shape and its zeros.

    Attributes:
        removal: how channels are removed in steps between epochs; None: they are not.
        average: number of epochs at the end whose weights are averaged.
    """

    model: Any
    ema: Any
    loss: Any
    optimizer: Any
    scheduler: Any
    masks: mask_tools.Masks
    parameters: int
    paused = False
    removal: StepwiseRemoval | None = None
    average = 0
    # The average of the last epochs' weights, once it is known to be the best model.
    averaged: nn.Module | None = None

    def __init__(self, *args: Any, **kwargs: Any):
        data_base.TQDM = _NoBar  # type: ignore[misc]
        engine.check_amp = lambda model: mixed_precision.works(bare(model))
        checkpoints.take_names_as_they_are()
        super().__init__(*args, **kwargs)
        for prepare in (iterative.prune_if_due, distilling.weigh):
            self.add_callback("on_train_epoch_start", prepare)

    def train(self) -> None:
        """Train; a training that diverges ends, and keeps the best of the epochs before."""
        try:
            super().train()
        except _DivergedError as error:
            if RANK in {-1, 0}:
                print(f"{self.save_dir.name}  diverged in epoch {self.epoch + 1}: {error}", flush=True)
                write_json(self.save_dir / results.DIVERGED, {"epoch": self.epoch + 1})
            self.final_eval()

    def setup_model(self) -> dict[str, Any] | None:
        """Load the network; a start checkpoint's `pinch` entry becomes its attribute."""
        content = super().setup_model()
        if content and content.get("pinch"):
            bare(self.model).pinch = content["pinch"]
        # Ultralytics does this on CUDA only; on the CPU it reduces the time of a step by a fifth.
        self.model.to(memory_format=torch.channels_last)
        return content

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> nn.Module:
        """The loaded network; only for another number of classes, Ultralytics builds one and copies what fits."""
        if weights is not None and weights.model[-1].nc == self.data["nc"]:
            return weights.requires_grad_(True)
        return super().get_model(cfg, weights, verbose)

    def _setup_train(self) -> None:
        if self.device.type == "cpu":
            # Ultralytics would use all processors of the machine but one, even if the job has fewer.
            torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        super()._setup_train()
        network = bare(self.model)
        self.parameters = checkpoints.count_parameters(network)
        meta = getattr(network, "pinch", {})
        packed = meta.get("masks") or {}
        self.masks = {
            name: m.to(self.device) for name, m in mask_tools.unpack(packed, network, self.args.model).items()
        }
        self.targets = {name: 1 - float(mask.float().mean()) for name, mask in self.masks.items()}
        self.gradual = bool(meta.get("gradual")) and self.start_epoch < self.ramp_epochs
        self._batches = 0
        if RANK in {-1, 0}:
            (self.save_dir / results.DIVERGED).unlink(missing_ok=True)
        if self.start_epoch:
            self._go_on()
        self._hold()

    @property
    def steps_taken(self) -> int:
        """Number of steps of an iterative pruning that are done."""
        return bare(self.model).pinch.get("steps_taken", 0)

    @property
    def settling(self) -> bool:
        """Whether the network is not yet pruned as far as it is going to be."""
        steps = len(self.removal.widths) if self.removal else 0
        return self.gradual or (steps > 0 and self.steps_taken < steps)

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        """Ultralytics' data set, with labels from the manifest."""
        with labels_from_manifest():
            return super().build_dataset(img_path, mode, batch)

    def _go_on(self) -> None:
        """Restore the state after the epoch that is resumed from."""
        if RANK in {-1, 0}:
            results.keep(self.csv, self.start_epoch)
        if not resuming.load(self.wdir, self.start_epoch - 1, self._parts()):
            print("the exact state after that epoch is not there: going on from its averaged weights", flush=True)

    def _parts(self) -> dict[str, Any]:
        """The parts whose states are needed to resume exactly."""
        return {"model": unwrap_model(self.model), "ema": self.ema.ema, "optimizer": self.optimizer}

    @property
    def ramp_epochs(self) -> float:
        """Number of epochs in which the sparsity of a gradual schedule rises."""
        return recipes.RAMP * self.epochs

    def _model_train(self) -> None:
        self._batches = 0
        resuming.seed_epoch(self.train_loader, self.args.seed + 1 + RANK, self.epoch)
        super()._model_train()

    def preprocess_batch(self, batch: dict) -> dict:
        """Count batches, which a gradual schedule needs, and use the layout channels last."""
        self._batches += 1
        batch = super().preprocess_batch(batch)
        batch["img"] = batch["img"].contiguous(memory_format=torch.channels_last)
        return batch

    def optimizer_step(self) -> None:
        """Make one step, and then set masked weights of the network and its average to zero again."""
        parameters = dict(bare(self.model).named_parameters())
        for name, mask in self.masks.items():
            # Otherwise the gradients of zeroed weights would count in the norm that is clipped.
            if parameters[name].grad is not None:
                parameters[name].grad.mul_(mask)
        super().optimizer_step()
        self._hold()
        # Processes of a run on several GPUs must all end at the same point, which is after the epoch.
        if RANK == -1 and self.epoch == self.start_epoch and not self.loss.isfinite():
            self._require_finite_weights()

    def _require_finite_weights(self) -> None:
        if not all(parameter.isfinite().all() for parameter in self.model.parameters()):
            raise _DivergedError("weights are no longer finite")

    def _handle_nan_recovery(self, epoch: int) -> bool:
        """Go on from last.pt if losses are not finite, as Ultralytics does, but end where that cannot help."""
        try:
            if super()._handle_nan_recovery(epoch):
                return True
        except RuntimeError as error:
            raise _DivergedError(str(error)) from error
        self._require_finite_weights()
        return False

    def _hold(self) -> None:
        if self.gradual and (self._batches % RAMP_STEPS == 0 or self._progress() >= 1):
            self._raise_sparsity()
        for model in (self.model, self.ema.ema if self.ema else None):
            if model is not None:
                mask_tools.apply(bare(model), self.masks)

    def _progress(self) -> float:
        return (
            (self.epoch + self._batches / len(self.train_loader)) / self.ramp_epochs if hasattr(self, "epoch") else 0.0
        )

    def _raise_sparsity(self) -> None:
        """New masks at the ratio s(t) = s_end (1 - (1 - t)^3): Zhu and Gupta, "To prune, or not to prune", 2017, eq. 1.

        They are chosen again by magnitude. Weights that are zero already are the smallest, so they stay zero.
        """
        progress = min(self._progress(), 1.0)
        ratios = {name: target * (1 - (1 - progress) ** 3) for name, target in self.targets.items()}
        weights = mask_tools.prunable(bare(self.model))
        self.masks = mask_tools.layer_masks({name: weights[name] for name in ratios}, ratios)
        if progress >= 1:
            self.gradual = False
            meta = {**bare(self.model).pinch, "masks": mask_tools.pack(self.masks)}
            for model in (self.model, self.ema.ema):
                bare(model).pinch = meta

    def validate(self) -> tuple[Any, Any]:
        """Validate; until the network is pruned as far as it is going to be, no epoch counts as the best."""
        metrics, fitness = super().validate()
        if self.settling:
            self.best_fitness = None
        elif self.average:
            self.averaged = averaging.after_epoch(self, fitness, super().validate)
        return metrics, fitness

    def save_metrics(self, metrics: dict[str, Any]) -> None:
        """Save and print the metrics of the epoch, and check that Ultralytics has not rebuilt the network."""
        super().save_metrics(metrics)
        for model in (self.model, self.ema.ema):
            if (now := checkpoints.count_parameters(bare(model))) != self.parameters:
                raise PinchError(f"training changed the network from {self.parameters} to {now} parameters")
        loss = "  ".join(
            f"{k.removeprefix('train/').removesuffix('_loss')} {v:.3f}" for k, v in metrics.items() if "train/" in k
        )
        accuracy = f"mAP50 {metrics['metrics/mAP50(B)']:.3f}  mAP50-95 {metrics['metrics/mAP50-95(B)']:.3f}"
        elapsed = time.time() - self.train_time_start
        # Several runs may print to one terminal, so each line names its run.
        epoch = f"{self.save_dir.name}  epoch {self.epoch + 1}/{self.epochs}"
        print(f"{epoch}  {accuracy}  loss: {loss}  {elapsed:.0f} s", flush=True)

    def read_results_csv(self) -> dict[str, list]:
        """Nothing: Ultralytics would copy results.csv into each checkpoint, for which it needs one more package."""
        return {}

    def save_model(self) -> bool:
        """Save under temporary names first, so that the last checkpoint stays complete if the job is killed."""
        if self.settling:
            self.stopper.best_fitness, self.stopper.best_epoch = 0.0, self.epoch + 1
        last, best = self.last, self.best
        self.last, self.best = (Path(f"{path}.part") for path in (last, best))
        try:
            saved = super().save_model()
            resuming.save(self.wdir, self.epoch, self._parts())
            if self.averaged is not None:
                averaging.write_best(self.last, self.best, self.averaged)
            for part, path in ((self.best, best), (self.last, last)):
                if part.exists():
                    os.replace(part, path)
        finally:
            self.last, self.best = last, best
        resuming.forget(self.wdir, but=self.epoch)
        # Ultralytics tells the processes of all GPUs of the stop.
        self.paused = not self.stop and self._is_late()
        self.stop = self.stop or self.paused
        return saved

    def _is_late(self) -> bool:
        """Whether an epoch like this one may not end before the job."""
        now = time.time()
        return now + 1.5 * (now - self.epoch_time_start) + _MARGIN > float(os.environ.get(DEADLINE, "inf"))

    def final_eval(self) -> None:
        """Strip the checkpoints of what only training needs. Another job measures their accuracy."""
        if RANK in {-1, 0} and not self.paused:
            resuming.finish(self.wdir)
