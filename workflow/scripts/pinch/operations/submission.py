"""Two corrections of Snakemake's Slurm executor.

It counts a submission that sbatch refuses as an attempt, so that the next one asks for more memory and time, and is
refused as well. And it forgets its jobs when Slurm does not answer a question about them: the run then waits for ever.
"""

import functools
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from pinch.operations import slurm

# A refusal that may pass is followed by this many seconds of waiting and another submission, this many times.
_PAUSE = 30
_PATIENCE = 60


def correct(executor: Any) -> None:
    """Correct Snakemake's Slurm executor, before its first job; other executors stay as they are."""
    if not slurm.is_executor(executor):
        return
    refusals: Counter[int] = Counter()
    report = executor._report_job_error_threadsafe
    executor._report_job_error_threadsafe = functools.partial(_refused, executor, report, refusals)
    for name in ("report_job_success", "report_job_error"):
        setattr(executor, name, functools.partial(_ended, getattr(executor, name)))
    executor.check_active_jobs = functools.partial(_check, executor.check_active_jobs)


def _refused(executor: Any, report: Any, refusals: Counter[int], info: Any, message: str) -> None:
    """Report a submission that was refused: it fails for good, or is repeated as it was."""
    job = info.job
    refusals[id(job)] += 1
    advice = slurm.refusal_advice(message)
    if advice or refusals[id(job)] > _PATIENCE:
        job.attempt = job.restart_times + 1
        report(info, f"{message}\n{advice or 'It was refused too often.'}\n")
        return
    executor.logger.warning(f"{message.splitlines()[0]} It is submitted again in {_PAUSE} seconds.")
    for _ in range(_PAUSE):
        # An interrupted run does not wait.
        if executor._job_submission_executor._shutdown:
            return
        time.sleep(1)
    job.attempt -= 1
    executor.workflow.scheduler.error_callback(job)


def _ended(report: Any, info: Any, *arguments: Any, **options: Any) -> None:
    info.aux = {**(info.aux or {}), "ended": True}
    report(info, *arguments, **options)


async def _check(check: Any, active: list[Any]) -> AsyncIterator[Any]:
    """The jobs that are still active: all whose end is not reported, whatever Slurm answers."""
    async for _ in check(active):
        pass
    for info in active:
        if "ended" not in (info.aux or {}):
            yield info
