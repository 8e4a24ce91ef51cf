"""Iterative coarse pruning inside a training: the trainer goes on with a narrower network after each step."""

import copy
from typing import Any

import torch
from ultralytics.nn.distill_model import DistillationModel
from ultralytics.utils.torch_utils import ModelEMA

from pinch.weights import checkpoints
from pinch.weights.training import recipes
from pinch.weights.training.networks import bare


def prune_if_due(trainer: Any) -> None:
    """Take the step that is due before the trainer's epoch, if any, on the averaged weights.

    Args:
        trainer: a `pinch.weights.training.trainer.Trainer` whose `removal` knows the steps; None: there are none.
    """
    if not trainer.removal:
        return
    starts = recipes.step_epochs(trainer.epochs, len(trainer.removal.widths))
    due = sum(start <= trainer.epoch for start in starts)
    if due <= trainer.steps_taken:
        return
    network = copy.deepcopy(bare(trainer.ema.ema)).float().cpu()
    network.criterion = network.class_weights = None  # the loss's, on the device of training
    trainer.removal.shrink(network, due)
    network.pinch = {**network.pinch, "steps_taken": due}
    _continue_with(trainer, network)


def _continue_with(trainer: Any, network: Any) -> None:
    """Train another network from this epoch on: a new optimizer and average, at this epoch's learning rate."""
    trainer.model = network.to(trainer.device, memory_format=torch.channels_last)
    if trainer.args.distill_model:
        trainer.model = DistillationModel(student_model=network, teacher_model=trainer.args.distill_model)
    for name, parameter in trainer.model.named_parameters():
        parameter.requires_grad = not any(frozen in name for frozen in trainer.freeze_layer_names)
    trainer.set_class_weights()
    trainer.ema = ModelEMA(trainer.model)
    decay = max(group["weight_decay"] for group in trainer.optimizer.param_groups)
    chosen = trainer.args.optimizer, trainer.args.lr0, trainer.args.momentum
    trainer.optimizer = trainer.build_optimizer(trainer.model, *chosen, decay)
    trainer._setup_scheduler()
    trainer.scheduler.last_epoch = trainer.epoch - 1
    trainer.parameters = checkpoints.count_parameters(network)
    _continue_loss(trainer)


def _continue_loss(trainer: Any) -> None:
    """Weigh the losses of two heads (YOLOv10, YOLO26) as is due in this epoch.

    Ultralytics moves the weight from one head to the other with each epoch; a new loss would begin anew.
    """
    criterion = trainer.model.init_criterion()
    if hasattr(criterion, "update"):
        criterion.updates = trainer.epoch - 1
        criterion.update()
        trainer.model.criterion = criterion
