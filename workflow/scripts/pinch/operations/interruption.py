"""An interrupted run ends within seconds, with all of its jobs.

Snakemake alone does not do this. On SIGTERM it waits until the running jobs have finished, which may take days; and it
hangs if the signal arrives while it selects jobs, because its handler asks for a lock that the selection holds. On
Ctrl-C it leaves local jobs to the terminal. Its Slurm executor then submits what still waits to be submitted, does not
cancel the jobs whose states it is asking for, and sleeps until its next query is due (up to three minutes).
"""

import asyncio
import contextlib
import functools
import signal
import subprocess
import threading
import time
from typing import Any, NoReturn

import psutil

from pinch.operations import slurm

# Seconds that local jobs have to end themselves after SIGTERM. A pool whose worker died holding a lock never does.
_GRACE = 5


def end_on_sigterm() -> None:
    """Let SIGTERM, and the end of the terminal, act on this process like Ctrl-C."""
    signal.signal(signal.SIGTERM, _interrupt)
    # `nohup` ignores it on purpose.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)


def _interrupt(number: int, frame: Any) -> NoReturn:
    # `timeout` sends the signal twice: to its child and to the child's group.
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, lambda *_: None)
    raise SystemExit(128 + number)


def end_with_all_jobs(scheduler: Any) -> None:
    """Let an interruption of Snakemake end all of its jobs.

    Args:
        scheduler: Snakemake's JobScheduler, before its first job.
    """
    end_on_sigterm()  # The scheduler has replaced it.
    executor = scheduler._executor
    executor.cancel = functools.partial(_cancel, scheduler)
    if slurm.is_executor(executor):
        executor.sleep = functools.partial(_sleep, executor)
        # Its first sleep has begun already.
        executor.wait_thread.join = functools.partial(executor.wait_thread.join, timeout=2)


async def _sleep(executor: Any) -> None:
    """Sleep until the next query of states is due, or the executor shuts down."""
    due = time.monotonic() + executor.next_seconds_between_status_checks
    while executor.wait and time.monotonic() < due:
        await asyncio.sleep(0.5)


def _cancel(scheduler: Any) -> None:
    executor = scheduler._executor
    if slurm.is_executor(executor):
        executor._job_submission_executor.shutdown(wait=True, cancel_futures=True)
        _cancel_slurm_jobs(executor.run_uuid)
    pool = (scheduler._local_executor or executor).pool
    closing = threading.Thread(target=pool.shutdown, kwargs={"cancel_futures": True})
    closing.start()
    _end_processes(closing)
    executor.shutdown()


def _cancel_slurm_jobs(name: str) -> None:
    """Cancel the jobs of this name: all that a Snakemake submits have the same."""
    command = ["scancel", "--name", name]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip()
        print(f"The jobs could not be cancelled ({reason}): do it later with {' '.join(command)}", flush=True)


def _end_processes(closing: threading.Thread) -> None:
    """End the processes of local jobs, until the thread that waits for these jobs has ended."""
    told: set[psutil.Process] = set()
    limit = time.monotonic() + _GRACE
    while closing.is_alive() or any(map(_is_alive, told)):
        stopped = _stop_children()
        for process in stopped - told:
            _send(process, signal.SIGTERM)
        if time.monotonic() > limit:
            for process in [*told, *(child for each in told for child in _below(each))]:
                _send(process, signal.SIGKILL)
        for process in stopped:
            _send(process, signal.SIGCONT)
        told |= stopped
        closing.join(0.1)
        time.sleep(0.1)


def _stop_children() -> set[psutil.Process]:
    """Stop all processes under this one: what is stopped cannot start another one that is then overlooked."""
    stopped: set[psutil.Process] = set()
    while new := set(filter(_is_alive, _below(psutil.Process()))) - stopped:
        for process in new:
            _send(process, signal.SIGSTOP)
        stopped |= new
    return stopped


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _send(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
