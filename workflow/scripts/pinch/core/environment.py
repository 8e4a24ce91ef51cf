"""How Ultralytics behaves in a process of Pinch: off the network, away from pip, with a settings folder of its own.

Ultralytics reads these variables when it is imported, so commands call `isolate_ultralytics` first of all. Importing
Pinch sets nothing: Snakemake imports it too, and hands its environment on to every job, on other nodes as well.
"""

import atexit
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path


def isolate_ultralytics() -> None:
    """Set the variables that Ultralytics reads, for this process and those it starts; what is set already stays."""
    os.environ.setdefault("YOLO_OFFLINE", "1")
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_VERBOSE", "false")
    # Ultralytics would set one where nothing is set. Snakemake says how many threads a job has; by hand it has all.
    os.environ.setdefault("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))
    if "YOLO_CONFIG_DIR" not in os.environ:
        folder = tempfile.mkdtemp(prefix="pinch-ultralytics-")
        os.environ["YOLO_CONFIG_DIR"] = folder
        _lend_fonts(Path(folder) / "Ultralytics")
        owner = os.getpid()
        # A forked child must not take the folder away from its parent.
        atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == owner else None)


def _lend_fonts(folder: Path) -> None:
    """Put a font where Ultralytics looks for its own: it would go to the network whenever it reads a data set."""
    matplotlib = importlib.util.find_spec("matplotlib")
    if matplotlib and matplotlib.origin:
        folder.mkdir()
        font = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        for name in ("Arial.ttf", "Arial.Unicode.ttf"):
            (folder / name).symlink_to(font)
