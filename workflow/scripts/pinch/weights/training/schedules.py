"""When a pruned network is pruned: at once before its training, or little by little during it.

`chosen` makes one value of a request, which says all in which the kinds of schedule differ. The values need no torch,
so that the configuration can be checked by them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pinch.core.errors import PinchError
from pinch.weights.pruning import kinds
from pinch.weights.training import recipes

if TYPE_CHECKING:
    from pinch.data.dataset import Dataset
    from pinch.weights.checkpoints import Checkpoint
    from pinch.weights.pruning.stepwise import StepwiseRemoval

Named = Callable[[str], str]
"""How an option is called where it was given, by its name."""


@dataclass(frozen=True)
class OneShot:
    """What is pruned, is pruned before its training.

    Attributes:
        epochs: of the training.
        several_gpus: whether a training on several GPUs can follow the schedule.
    """

    several_gpus: ClassVar[bool] = True
    epochs: int

    @property
    def name(self) -> str:
        """Its name in records."""
        return "one-shot"

    @property
    def settings(self) -> dict[str, Any]:
        """What the identity of a training says of it: two that differ here give different models."""
        return {}

    @property
    def settled(self) -> float:
        """The first epoch, counted from 1, that may count as the best: from there on nothing more is pruned."""
        return 1

    @property
    def left(self) -> int:
        """Number of epochs in which nothing more is pruned."""
        return sum(epoch >= self.settled for epoch in range(1, self.epochs + 1))

    def require_fit(self, average: int, named: Named = "--{}".format) -> None:
        """Refuse what does not fit into the epochs.

        Args:
            average: number of epochs at the end whose weights are averaged.
            named: how options are called, for the message.

        Raises:
            PinchError: there are not so many epochs with the whole pruning.
        """
        if average > self.left:
            all_pruned = "" if self.left == self.epochs else f" of {self.epochs} with all its pruning"
            raise PinchError(
                f"{named('average')}: {average} epochs cannot be averaged, since there are only"
                f" {self.left}{all_pruned}: lower it, or raise {named('epochs')}"
            )

    def require_fitting(self, base: "Checkpoint") -> None:
        """Refuse a base whose pruning cannot be done so.

        Raises:
            PinchError: it cannot.
        """

    def start(self, base: "Checkpoint") -> tuple[Any, dict[str, Any]]:
        """The network that training starts from, and what the trainer has to know of the schedule.

        Args:
            base: the pruned network, or one that is not pruned.
        """
        return base.model, {}

    def removal(self, base: "Checkpoint", data: "Dataset", imgsz: int) -> "StepwiseRemoval | None":
        """How channels are removed between epochs; None: they are not.

        Args:
            base: the pruned network.
            data: its training images rank channels.
            imgsz: side of these images in pixels.
        """
        return None

    def structure(self, network: Any) -> Any:
        """What must be equal in the network before and after its training."""
        return {name: tuple(parameter.shape) for name, parameter in network.named_parameters()}


@dataclass(frozen=True)
class Gradual(OneShot):
    """Weights are zeroed during the first epochs.

    Attributes:
        dense: checkpoint of the network before pruning.
    """

    dense: Path

    @property
    def name(self) -> str:
        """See `OneShot`."""
        return "cubic"

    @property
    def settings(self) -> dict[str, Any]:
        """See `OneShot`."""
        return {"ramp": recipes.RAMP}

    @property
    def settled(self) -> float:
        """See `OneShot`."""
        return recipes.RAMP * self.epochs

    def require_fitting(self, base: "Checkpoint") -> None:
        """See `OneShot`."""
        if _lacks_channels(base):
            raise PinchError(f"channels were removed from {base.path}: --gradual-from needs --steps, at least 2")
        if base.meta["method"] != "fine" or not base.meta.get("masks"):
            raise PinchError(
                f"{base.path} cannot be pruned gradually: give a fine-pruned model, or one from which channels were"
                " removed"
            )
        if pattern := base.meta.get("settings", {}).get("pattern"):
            raise PinchError(
                f"weights of {base.path} were zeroed in the pattern {pattern}, which --gradual-from would not keep:"
                " leave it out"
            )

    def start(self, base: "Checkpoint") -> tuple[Any, dict[str, Any]]:
        """See `OneShot`."""
        from pinch.weights import checkpoints
        from pinch.weights.pruning import masks

        network = checkpoints.load(self.dense).model
        masks.unpack(base.meta["masks"], network, str(self.dense))
        return network, {"gradual": True}


@dataclass(frozen=True)
class Steps(OneShot):
    """Channels are removed in steps during the first half of the epochs.

    Attributes:
        dense: checkpoint of the network before pruning.
        steps: number of them.
    """

    several_gpus: ClassVar[bool] = False
    dense: Path
    steps: int

    @property
    def name(self) -> str:
        """See `OneShot`."""
        return f"{self.steps} steps"

    @property
    def settings(self) -> dict[str, Any]:
        """See `OneShot`."""
        return {"steps": self._starts}

    @property
    def settled(self) -> float:
        """See `OneShot`."""
        return self._starts[-1] + 1

    @property
    def _starts(self) -> list[int]:
        return recipes.step_epochs(self.epochs, self.steps)

    def require_fit(self, average: int, named: Named = "--{}".format) -> None:
        """See `OneShot`; also refuses two steps before one epoch."""
        if len(set(self._starts)) < self.steps:
            raise PinchError(
                f"{named('steps')}: {self.steps} steps do not fit into the first half of {self.epochs} epochs: lower"
                f" it, or raise {named('epochs')}"
            )
        super().require_fit(average, named)

    def require_fitting(self, base: "Checkpoint") -> None:
        """See `OneShot`."""
        if not _lacks_channels(base):
            raise PinchError(f"no channels were removed from {base.path}: leave out --steps")

    def start(self, base: "Checkpoint") -> tuple[Any, dict[str, Any]]:
        """See `OneShot`."""
        from pinch.weights import checkpoints

        return checkpoints.load(self.dense).model, {}

    def removal(self, base: "Checkpoint", data: "Dataset", imgsz: int) -> "StepwiseRemoval":
        """See `OneShot`."""
        from pinch.weights import checkpoints
        from pinch.weights.pruning.stepwise import StepwiseRemoval

        return StepwiseRemoval(checkpoints.load(self.dense), base, self.steps, data, imgsz)

    def structure(self, network: Any) -> Any:
        """See `OneShot`: queries and keys of attention, which follow other widths, may be rounded otherwise."""
        from pinch.weights.pruning.stepwise import unit_widths

        return unit_widths(network)


def chosen(epochs: int, dense: Path | None, steps: int) -> OneShot:
    """The schedule of a training.

    Args:
        epochs: of the training.
        dense: checkpoint of the network before pruning, if training starts from it.
        steps: in how many steps channels are removed.

    Raises:
        PinchError: there are steps, but no network to take them from.
    """
    if dense is None:
        if steps > 1:
            raise PinchError("--steps needs the model from which the base was pruned: give it with --gradual-from")
        return OneShot(epochs)
    return Steps(epochs, dense, steps) if steps > 1 else Gradual(epochs, dense)


def require_removal(steps: int, mode: str, named: Named = "--{}".format) -> None:
    """Refuse several steps where no channels are removed.

    Args:
        steps: number of them.
        mode: of coarse pruning, one of `pinch.weights.pruning.kinds.MODES`.
        named: how options are called, for the message.

    Raises:
        PinchError: the mode does not remove channels.
    """
    if steps > 1 and mode != kinds.ChannelRemoval.mode:
        raise PinchError(f"{named('steps')} is for the mode {kinds.ChannelRemoval.mode}, not for {mode}: leave it out")


def _lacks_channels(base: "Checkpoint") -> bool:
    return base.meta.get("settings", {}).get("mode") == kinds.ChannelRemoval.mode
