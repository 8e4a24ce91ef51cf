"""Snakemake's scheduler rests while jobs run.

Snakemake limits how many jobs it starts within some seconds. After each look at the jobs that are ready, it plans
another look when these seconds are over, whether or not the limit kept anything back. That look plans the next one,
and so does the one after each job that ends: after a hundred jobs it looks at all ready jobs a hundred times a second.
That took a quarter of a core beside what the demo times, and takes more of a login node the longer a run lasts.
"""

import threading
from typing import Any


def rest_while_jobs_run(scheduler: Any) -> None:
    """Let Snakemake's JobScheduler look at ready jobs only when there is a reason to."""
    scheduler._schedule_reevalutation = _NextLook(scheduler)


class _NextLook:
    """Plans the scheduler's next look at ready jobs, in place of `JobScheduler._schedule_reevalutation`.

    Only where the limit may have kept jobs back, and one at a time: whatever else lets a job start wakes the scheduler.
    """

    def __init__(self, scheduler: Any):
        self._scheduler = scheduler
        self._planned = False

    def __call__(self, seconds: float) -> None:
        """Plan a look in so many seconds."""
        limiter = self._scheduler.job_rate_limiter
        # Those started within the seconds before the last selection: the limit's own count may be lower by now.
        if self._planned or len(limiter._jobs) < limiter.max_jobs:
            return
        self._planned = True
        timer = threading.Timer(seconds, self._look)
        timer.daemon = True  # an interrupted run need not wait for it
        timer.start()

    def _look(self) -> None:
        self._planned = False
        self._scheduler._open_jobs.release()
