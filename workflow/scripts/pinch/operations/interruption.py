"""An interrupted run ends within seconds, with all of its jobs.

Snakemake alone does not do this. On SIGTERM it waits until the running jobs have finished, which may take days; and it
hangs if the signal arrives while it selects jobs, because its handler asks for a lock that the selection holds. On
Ctrl-C it leaves local jobs to the terminal. Its Slurm executor then submits what still waits to be submitted, does not
cancel the jobs whose states it is asking for, and sleeps until its next query is due (up to three minutes).

While Snakemake plans, a signal raises SystemExit, and again where that is swallowed (Python ignores exceptions in the
callbacks of weak references) or leaves an event loop that never ends. While jobs are scheduled, a signal is only noted,
and takes effect where the scheduler waits for jobs: there all jobs that were started are known, which is not so while
the thread of one is being started. The scheduler wakes to look for noted signals, since Python does not end a wait for
a signal that arrives just before it, while another thread runs.
"""

import asyncio
import contextlib
import functools
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

import psutil

from pinch.operations import slurm

# Seconds that local jobs have to end themselves after SIGTERM. A pool whose worker died holding a lock never does.
_GRACE = 5

# Seconds after which the waiting scheduler looks for noted signals.
_WAKE = 0.5

# Seconds that Snakemake has to end after SystemExit, until it is raised again.
_PATIENCE = 5

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
# Those that told this process to end, the first one first: it gives the status.
_noted: list[int] = []


def end_on_signals() -> None:
    """Let SIGTERM, Ctrl-C and the end of the terminal end this process, with the status of the signal."""
    _handle(_exit)


def _handle(handler: Callable[[int, Any], None]) -> None:
    for number in _SIGNALS:
        # `nohup`, and shells that start something in the background, ignore signals on purpose.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _note(number: int, frame: Any = None) -> None:
    _noted.append(number)


def _exit(number: int, frame: Any = None) -> NoReturn:
    _note(number)
    _handle(_note)  # `timeout` sends the signal twice: to its child and to the child's group
    signal.signal(signal.SIGALRM, _exit)
    signal.alarm(_PATIENCE)
    raise SystemExit(128 + _noted[0])


def end_with_all_jobs(scheduler: Any) -> None:
    """Let an interruption of Snakemake end all of its jobs.

    Args:
        scheduler: Snakemake's JobScheduler, before its first job.
    """
    scheduler.schedule = functools.partial(_schedule, scheduler.schedule)
    scheduler._open_jobs.acquire = functools.partial(_acquire, scheduler._open_jobs)
    executor = scheduler._executor
    executor.cancel = functools.partial(_cancel, scheduler)
    if slurm.is_executor(executor):
        executor.sleep = functools.partial(_sleep, executor)
        # Its first sleep has begun already.
        executor.wait_thread.join = functools.partial(executor.wait_thread.join, timeout=2)


def _schedule(schedule: Callable[[], bool]) -> bool:
    """Schedule all jobs; a signal has its effect where the scheduler waits, and afterwards here."""
    _handle(_note)
    try:
        succeeded = schedule()
    finally:
        end_on_signals()
    if _noted:
        _exit(_noted[0])
    return succeeded


def _acquire(semaphore: threading.Semaphore) -> None:
    """Wait for jobs that are ready or have ended; raise SystemExit when a signal has been noted."""
    while not _noted and not threading.Semaphore.acquire(semaphore, timeout=_WAKE):
        pass
    if _noted:
        raise SystemExit


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
