"""How far a download is, said at a steady pace."""

import sys
import threading
import time

EVERY = {True: 1.0, False: 30.0}
"""Seconds between two lines; on a terminal each takes the place of the one before."""


def amount(size: float) -> str:
    """A number of bytes in words, in decimal units."""
    for unit, digits in (("bytes", 0), ("kB", 0), ("MB", 1)):
        if size < 999.5:
            return f"{size:,.{digits}f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"


class Progress:
    """Prints how much of one thing has come, how fast, and how long the rest will take. Threads may share it."""

    def __init__(self, what: str, total: int) -> None:
        """Begin.

        Args:
            what: shown at the beginning of each line.
            total: bytes in all.
        """
        self._what, self._total = what, total
        self._done, self._first = 0, 0
        self._began = self._said = time.monotonic()
        self._terminal = sys.stdout.isatty()
        self._lock = threading.Lock()

    def begin(self, size: int) -> None:
        """So many bytes are there without any time: from before, or none because it begins anew."""
        with self._lock:
            self._done = self._first = size

    def add(self, size: int) -> None:
        """Some more bytes have come."""
        with self._lock:
            self._done += size
            self._say_in_time()

    def end(self) -> None:
        """Print the last line."""
        with self._lock:
            self._say(f"{self._what}: {amount(self._done)}, done")
            if self._terminal:
                print()

    def _say_in_time(self) -> None:
        now = time.monotonic()
        if now - self._said < EVERY[self._terminal]:
            return
        self._said = now
        speed = (self._done - self._first) / (now - self._began)
        share = 100 * self._done / max(self._total, 1)
        left = f", {(self._total - self._done) / speed / 60:,.0f} min left" if speed > 0 else ""
        come = f"{amount(self._done)} of {amount(self._total)} ({share:.0f}%)"
        self._say(f"{self._what}: {come}, {amount(speed)}/s{left}")

    def _say(self, line: str) -> None:
        print(f"\r\033[K{line}" if self._terminal else line, end="" if self._terminal else "\n", flush=True)
