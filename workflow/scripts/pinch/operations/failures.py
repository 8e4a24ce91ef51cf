"""Why a job failed, in the words of its log."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pinch.core.text import one_line

_TAIL = 64 * 1024
# What `pinch.core.cli.run` and argparse print, and the last line of a traceback.
_REFUSAL = re.compile(r"^[\w.-]+\.py: error: (?P<sentence>.+)$")
_EXCEPTION = re.compile(r"^(?P<sentence>[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt)(: .*)?)$")


@dataclass(frozen=True)
class Failure:
    """A failed job: its rule, the last error of its logs (None: they say none), and its logs."""

    rule: str
    sentence: str | None
    logs: tuple[str, ...]

    @classmethod
    def read(cls, rule: str, logs: Sequence[str], since: float = 0.0) -> "Failure":
        """The failure of a job that has these logs. Older ones, of an earlier job, are not looked at.

        Args:
            rule: the job's rule.
            logs: their paths.
            since: when the run began, in seconds since the epoch.
        """
        new = [log for log in logs if Path(log).exists() and Path(log).stat().st_mtime >= since]
        return cls(rule, next(filter(None, map(last_error, new)), None), tuple(map(str, logs)))

    @property
    def is_explained(self) -> bool:
        """Whether a log says why."""
        return self.sentence is not None

    def __str__(self) -> str:
        return f"{self.rule} failed{f': {self.sentence}' if self.sentence else ', see ' + ', '.join(self.logs)}"


def last_error(log: str | Path) -> str | None:
    """The last error in a log: the sentence of a command that refused, or an exception; None if there is neither."""
    try:
        with open(log, "rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - _TAIL))
            lines = stream.read().decode(errors="replace").splitlines()
    except OSError:
        return None
    found = (_REFUSAL.match(line) or _EXCEPTION.match(line) for line in reversed(lines))
    return next((one_line(match["sentence"]).strip() for match in found if match), None)
