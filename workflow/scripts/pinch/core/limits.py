"""A limit of processor time for work that may never end."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def processor_seconds(limit: float) -> Iterator[None]:
    """Interrupt the block once its thread has used `limit` seconds of processor time in it.

    Unlike wall time, this does not depend on what else the machine does. Only Python code is interrupted, and only in
    the main thread: elsewhere there is no limit.

    Raises:
        TimeoutError: in the block, at the limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    start = time.thread_time()

    def look(*_: Any) -> None:
        if time.thread_time() - start >= limit:
            raise TimeoutError(f"it used {limit:g} seconds of processor time")

    before = signal.signal(signal.SIGPROF, look)
    # The timer counts all threads of the process, so it only says when to look.
    signal.setitimer(signal.ITIMER_PROF, limit, limit / 10)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
