"""Pinch: make a YOLO detector small enough for a phone, and measure every step.

Importing this package settles how Ultralytics behaves in a job: it stays off the network and away from pip,
and keeps its settings in a folder of the process, so that parallel jobs do not write into each other's.
Ultralytics reads these variables when it is imported, so `pinch` must be imported first.
"""

import atexit
import os
import shutil
import tempfile

__version__ = "1.0.0"


def _isolate_ultralytics() -> None:
    os.environ.setdefault("YOLO_OFFLINE", "1")
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_VERBOSE", "false")
    if "YOLO_CONFIG_DIR" not in os.environ:
        folder = tempfile.mkdtemp(prefix="pinch-ultralytics-")
        os.environ["YOLO_CONFIG_DIR"] = folder
        owner = os.getpid()
        # A forked child must not take the folder away from its parent.
        atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == owner else None)


_isolate_ultralytics()
