"""Processes in which models run while they are measured: starting, asking and ending them."""

import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from pinch import runtimes
from pinch.core.environment import library_path
from pinch.core.errors import PinchError
from pinch.run.settings.measuring import Runtime


class Worker:
    """A process for one model, see `start`."""

    def __init__(self, model: Path, process: subprocess.Popen[str], messages: TextIO, request: dict[str, Any]):
        self._model, self._process, self._messages, self._request = model, process, messages, request

    @functools.cached_property
    def opened(self) -> dict[str, Any]:
        """What loading the model showed, which is done now, see `pinch.measuring.timing_worker.Job.describe`.

        Raises:
            PinchError: the model cannot be loaded, or the process died.
        """
        return self._ask(self._request)

    def ask(self, task: str, **request: Any) -> Any:
        """The answer of a task of `pinch.measuring.timing_worker.TASKS`.

        Raises:
            PinchError: the process reports an error, or it died.
        """
        _ = self.opened
        return self._ask({"task": task, "arguments": request})

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            code = self._process.wait()  # it writes its last message after it has closed its output
            self._messages.seek(0)
            last = (self._messages.read().strip().splitlines() or ["no message"])[-1]
            raise PinchError(f"the process that runs {self._model} ended with code {code}: {last}")
        said = json.loads(answer)
        if "error" in said:
            raise PinchError(said["error"])
        return said["result"]


@contextlib.contextmanager
def start(model: Path, where: Runtime, imgsz: int | None, frames: str) -> Iterator[Worker]:
    """A fresh process that loads a model when it is first asked, and ends with the block.

    Args:
        model: `.pt` or an artifact of any format.
        where: device and threads.
        imgsz: side of the input of a checkpoint in pixels; other models have their own.
        frames: a folder of frames, each a .npy file.
    """
    command = [sys.executable, "-m", "pinch.measuring.timing_worker"]
    imgsz = imgsz if runtimes.find_format(model) is runtimes.CHECKPOINT else None
    request = {"model": str(model.absolute()), "frames": frames, "imgsz": imgsz}
    request |= {"device": where.device, "threads": where.threads}
    with (
        tempfile.TemporaryFile("w+") as messages,
        subprocess.Popen(
            command,
            env=_environment(where.threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=messages,
            text=True,
        ) as process,
    ):
        yield Worker(model, process, messages, request)


def _environment(threads: int) -> dict[str, str]:
    """The worker's environment: the path of this library, and the number of threads for numerical libraries."""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    return {**os.environ, **limits, "PYTHONPATH": library_path()}
