"""Processes that must not outlive the one that started them."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from typing import Any

_SECONDS = 20


@contextlib.contextmanager
def ending_with_this() -> Iterator[None]:
    """In the block, SIGTERM ends all processes that this one started, and theirs, before it ends this one with 143.

    Python would kill only the process that it waits for, and at once, so that the processes of that one live on.
    """
    import psutil

    def end(signal_number: int, _: Any) -> None:
        started = psutil.Process().children(recursive=True)
        for each in started:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.terminate()
        for each in psutil.wait_procs(started, timeout=_SECONDS)[1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        sys.exit(128 + signal_number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
