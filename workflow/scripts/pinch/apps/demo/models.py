"""The models that the page offers: what they are called, and opened when somebody asks for them."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pinch.apps.demo.detector import Detector
from pinch.core.text import one_line

OPEN = 4
"""Models that are kept in memory: two beside each other, and the two before."""


@dataclass(frozen=True)
class Choice:
    """A model that the page offers.

    Attributes:
        path: its file or folder.
        label: what it is called in lists.
        threshold: the score of its best F1 on val, as a run's record says; None: not known there.
        note: what its run says of it: what it was chosen for, or why it is no candidate.
    """

    path: Path
    label: str
    threshold: float | None = None
    note: str = ""


class Models:
    """The choices, each opened at its first use. The last OPEN ones stay open.

    Args:
        choices: at least one; of several for the same file the first is taken.
        device, threads: see `pinch.runtimes.open`.
    """

    def __init__(self, choices: Sequence[Choice], device: str = "cpu", threads: int = 1):
        unique = {choice.path.resolve(): choice for choice in reversed(choices)}
        self.choices = _told_apart([choice for choice in choices if unique[choice.path.resolve()] is choice])
        self.device, self.threads = device, threads
        self._open: OrderedDict[int, Detector] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.choices)

    def open(self, number: int) -> Detector:
        """The model of a choice, by its number.

        Raises:
            PinchError: it cannot be opened, see `pinch.runtimes.open`.
        """
        with self._lock:
            if number not in self._open:
                choice = self.choices[number]
                self._open[number] = Detector(choice.path, self.device, self.threads, choice.threshold)
                if len(self._open) > OPEN:
                    self._open.popitem(last=False)
            self._open.move_to_end(number)
            return self._open[number]


def named(path: Path) -> Choice:
    """A model from the command line."""
    return Choice(path, one_line(path.name))


def _told_apart(choices: list[Choice]) -> list[Choice]:
    """The choices; of those with one label, the paths are their labels."""
    times = Counter(choice.label for choice in choices)
    return [
        replace(choice, label=one_line(str(choice.path))) if times[choice.label] > 1 else choice for choice in choices
    ]
