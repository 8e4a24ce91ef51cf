"""What is to be trained, and how."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinch.core.errors import PinchError
from pinch.run.settings.data import General
from pinch.run.settings.training import Batches, Loading, Start, Training

# Training settings that arguments of a request stand for.
_OWN_SETTINGS = {
    *("name", "project", "exist_ok", "save_dir", "resume", "model", "data", "device", "task", "mode"),
    *("epochs", "patience", "imgsz", "batch", "workers", "seed", "distill_model"),
}


@dataclass(frozen=True)
class Request(Batches, Training, Loading):
    """What is to be trained, and how; the options of training are among its fields.

    Attributes:
        name: the model's name; its checkpoint is `<project>/<name>.pt`, its run folder `<project>/<name>/`.
        data: path of a data.yaml.
        project: folder of models.
        base: a checkpoint to go on from, or a .yaml of Ultralytics to train from scratch.
        pruned: whether the base is pruned and must stay so.
        resume: go on where an interrupted run of the same request stopped, and take the model of a finished one; else
            train anew, whatever an earlier run left.
        imgsz: None takes the base's.
        device: "cpu", "gpu" or numbers of GPUs.
        gpus: how many of them "gpu" means.
        stage_to: a folder on a faster disk, to which images are copied for as long as training lasts.
        seed: of everything random.
        teacher: a checkpoint to distill from.
        dense: for a fine-pruned base: the model before pruning; its weights are then zeroed gradually.
    """

    name: str
    data: str | Path
    project: Path
    base: str | Path = Start.base_model
    pruned: bool = False
    resume: bool = False
    imgsz: int | None = None
    device: str = General.device
    gpus: int = 1
    stage_to: Path | None = None
    seed: int = General.seed
    teacher: Path | None = None
    dense: Path | None = None

    @property
    def run_folder(self) -> Path:
        """Where last.pt, best.pt and results.csv of the run lie."""
        return self.project / self.name

    @property
    def checkpoint(self) -> Path:
        """The trained model."""
        return self.project / f"{self.name}.pt"


def check(request: Request) -> None:
    """Refuse what would write elsewhere than the run folder, or mean something that has an argument of its own."""
    if Path(request.name).name != request.name:
        raise PinchError(f"{request.name!r} is no name of a model: give it without folders, those go to --project")
    if own := sorted(_OWN_SETTINGS & request.options.keys()):
        raise PinchError(f"the training setting {own[0]} cannot be set: it follows from the other arguments")
    _check_options(request.options)


def _check_options(options: dict[str, Any]) -> None:
    from ultralytics.cfg import get_cfg

    try:
        get_cfg(overrides=options)
    except (SyntaxError, TypeError, ValueError) as error:
        reason = next(line.strip() for line in str(error).splitlines() if line.strip())
        raise PinchError(f"Ultralytics does not know these training settings: {reason}") from error
