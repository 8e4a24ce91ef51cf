"""Python's garbage collector, where it only costs time."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """In the block, no garbage is collected.

    Where hundreds of thousands of objects are made that stay, the collector looks through all of them again and again.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
