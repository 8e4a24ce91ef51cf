"""Training in jobs that end before it does: it pauses, and Slurm runs the same job again."""

import contextlib
import os
import time
from collections.abc import Iterator

from pinch.core.environment import DEADLINE
from pinch.core.errors import PausedError, PinchError
from pinch.operations import slurm

# Seconds within which Slurm ends a job that it runs again.
_UNTIL_ENDED = 60


@contextlib.contextmanager
def before_deadline() -> Iterator[None]:
    """Let a training in the block, which can be resumed, pause before Slurm ends this job.

    Raises:
        PausedError: it paused. Slurm runs the job again, or the sentence says why not.
    """
    if deadline := slurm.deadline():
        os.environ[DEADLINE] = str(deadline)
    try:
        yield
    except PausedError as paused:
        _send_again(paused)
        raise


def _send_again(paused: PausedError) -> None:
    try:
        slurm.requeue()
    except PinchError as error:
        raise PausedError(f"{paused}. Slurm does not run it again ({error}): start the same command again") from error
    print(f"{paused}. Slurm runs it again, and it continues", flush=True)
    time.sleep(_UNTIL_ENDED)
