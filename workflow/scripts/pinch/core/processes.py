"""Processes that must not outlive the one that started them."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

_SECONDS = 20


def pool(processes: int) -> ProcessPoolExecutor:
    """Processes for work on many files, which end with this one, even if it is killed.

    They begin anew: fork would copy the threads of OpenCV in an unknown state.
    """
    return ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _end_with, (os.getpid(),))


def _end_with(parent: int) -> None:
    """Let this process end when the one that started it is gone: nobody would tell it so."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


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
