"""How much a teacher counts in each epoch of a training."""

from typing import Any

from ultralytics.nn.distill_model import DistillationModel
from ultralytics.utils.torch_utils import unwrap_model

from pinch.weights.training import recipes


def weigh(trainer: Any) -> None:
    """Set the weight of the distance to the teacher's features for the trainer's epoch.

    Args:
        trainer: an Ultralytics trainer at the start of an epoch, with or without a teacher.
    """
    network = unwrap_model(trainer.model)
    if isinstance(network, DistillationModel):
        network.dis = trainer.args.dis * recipes.teacher_share(trainer.epoch, trainer.epochs)
