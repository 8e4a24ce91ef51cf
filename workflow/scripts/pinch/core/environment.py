"""Isolate Ultralytics in a process of Pinch: no downloads, no pip, no code of checkpoints, a separate settings folder.

Ultralytics reads these variables when it is imported, so commands call `isolate_ultralytics` before anything else.
Importing Pinch sets nothing, because Snakemake imports it too and passes its environment on to every job, also on other
nodes.
"""

import atexit
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

SAFE_LOAD = "ULTRALYTICS_SAFE_LOAD"
"""The variable that, set to 0, makes Ultralytics open any checkpoint, which may then run any code."""
DEADLINE = "PINCH_DEADLINE"
"""The variable that says when the job will be ended, in seconds since the epoch. Training pauses before it."""


def isolate_ultralytics() -> None:
    """Set the variables that Ultralytics reads, for this process and those it starts. Variables already set stay."""
    os.environ.setdefault("YOLO_OFFLINE", "1")
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_VERBOSE", "false")
    # A checkpoint is a pickle, which may call anything. This restricts it to the classes that detectors consist of, and
    # keeps Ultralytics from evaluating text of a model's yaml as Python.
    os.environ.setdefault(SAFE_LOAD, "true")
    # Without it Ultralytics would use one thread. Snakemake sets it for its jobs; otherwise use all processors.
    os.environ.setdefault("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))
    if "YOLO_CONFIG_DIR" not in os.environ:
        folder = tempfile.mkdtemp(prefix="pinch-ultralytics-")
        os.environ["YOLO_CONFIG_DIR"] = folder
        _lend_fonts(Path(folder) / "Ultralytics")
        owner = os.getpid()
        # A forked child must not remove the folder of its parent.
        atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == owner else None)


def library_path() -> str:
    """PYTHONPATH for a child process that imports this library: its folder, and what this process was given."""
    return os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))


def _lend_fonts(folder: Path) -> None:
    """Put a font where Ultralytics looks for one: it would otherwise download it whenever it reads a data set."""
    matplotlib = importlib.util.find_spec("matplotlib")
    if matplotlib and matplotlib.origin:
        folder.mkdir()
        font = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        for name in ("Arial.ttf", "Arial.Unicode.ttf"):
            (folder / name).symlink_to(font)
