"""The request of a training: what to train, and how."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinch.core.errors import PinchError
from pinch.run.settings.data import General
from pinch.run.settings.training import BaseActivation, Batches, CoarseTuning, Loading, Start, Training
from pinch.weights.training import schedules

# Ultralytics' training settings that follow from fields of a request.
_OWN_SETTINGS = {
    *("name", "project", "exist_ok", "save_dir", "resume", "model", "data", "device", "task", "mode"),
    *("epochs", "patience", "imgsz", "batch", "workers", "seed", "distill_model"),
}


@dataclass(frozen=True)
class Request(Batches, Training, BaseActivation, Loading):
    """What to train, and how: the declared options of training, and what the command adds.

    Attributes:
        name: the model's name; its checkpoint is `<project>/<name>.pt`, its run folder `<project>/<name>/`.
        data: path of a data.yaml.
        project: folder of models.
        base: a checkpoint to start from, or a .yaml of Ultralytics to train from scratch.
        pruned: whether the base is pruned and must stay so.
        as_after: a method of pruning: an unpruned base is tuned as after it, which makes the twin of the base.
        resume: continue an interrupted run of the same request, or reuse the model of a finished one; False: train from
            the beginning in any case.
        imgsz: side of the images in pixels; None: the base's.
        device: "cpu", "gpu" or numbers of GPUs.
        gpus: number of GPUs that "gpu" means.
        stage_to: a folder on a faster disk, to which images are copied for the time of training.
        seed: of all random numbers.
        teacher: a checkpoint to distill from.
        dense: the model from which the base was pruned; training starts from it, and zeroes weights gradually (after
            fine pruning) or removes channels in `steps` (after coarse pruning).
        steps: of an iterative coarse pruning.
    """

    name: str
    data: str | Path
    project: Path
    base: str | Path = Start.base_model
    pruned: bool = False
    as_after: str | None = None
    resume: bool = False
    imgsz: int | None = None
    device: str = General.device
    gpus: int = 1
    stage_to: Path | None = None
    seed: int = General.seed
    teacher: Path | None = None
    dense: Path | None = None
    steps: int = CoarseTuning.steps

    @functools.cached_property
    def schedule(self) -> schedules.OneShot:
        """When what is pruned is pruned."""
        return schedules.chosen(self.epochs, self.dense, self.steps)

    @property
    def several_gpus(self) -> bool:
        """Whether it is a training on more than one GPU."""
        return "," in self.device or (self.device == "gpu" and self.gpus > 1)

    @property
    def run_folder(self) -> Path:
        """The folder with last.pt, best.pt and results.csv of the run."""
        return self.project / self.name

    @property
    def checkpoint(self) -> Path:
        """The trained model."""
        return self.project / f"{self.name}.pt"


def check(request: Request) -> None:
    """Refuse names that would write outside the project, and settings that exclude or follow from other fields.

    Raises:
        PinchError: the request has one of them.
    """
    if request.pruned and request.as_after:
        raise PinchError("--as-after is for a base that is not pruned: leave out one of --as-after and --pruned-model")
    if request.pruned and request.activation:
        raise PinchError(
            "--activation is for a base that is not pruned: leave it out, and give it to coarse_prune.py instead"
        )
    if Path(request.name).name != request.name:
        raise PinchError(f"{request.name!r} is not a model's name: give it without folders, which belong to --project")
    if request.several_gpus and not request.schedule.several_gpus:
        raise PinchError("channels can be removed in --steps on one GPU only: name one with --device")
    request.schedule.require_fit(request.average)
    check_options(request.options)


def check_options(options: dict[str, Any]) -> None:
    """Refuse training settings that follow from fields of a request, or that Ultralytics does not know.

    Raises:
        PinchError: there is one.
    """
    if own := sorted(_OWN_SETTINGS & options.keys()):
        raise PinchError(f"the training setting {own[0]} follows from other arguments: leave it out")

    from ultralytics.cfg import get_cfg

    try:
        get_cfg(overrides=options)
    except (SyntaxError, TypeError, ValueError) as error:
        reason = next(line.strip() for line in str(error).splitlines() if line.strip())
        raise PinchError(f"Ultralytics does not know these training settings: {reason}") from error
