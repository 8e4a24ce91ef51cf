"""What Slurm says about jobs: why it refuses them, why they wait, and how long they may still run."""

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinch.core.errors import PinchError
from pinch.operations import site

# What to change in site.yaml.
_SIZE = "no node of the partition has what it asks for: correct cores, memory and GPUs (describe_site.py reads them)"
_TIME = "it asks for more time than is allowed: lower cpu_minutes or gpu_minutes"
_ACCOUNT = "correct account, and the QOS if cpu_options and gpu_options name one"
_PARTITION = "choose another cpu_partition or gpu_partition (`sinfo -s` lists them)"
_OPTIONS = "correct cpu_options and gpu_options"
# What sbatch prints when it will never accept such a job. Anything else, such as a full queue, may pass.
_REFUSED = {
    "node configuration is not available": _SIZE,
    "can not be satisfied": _SIZE,
    "invalid generic resource": _SIZE,
    "invalid partition": _PARTITION,
    "access/permission denied": _PARTITION,
    "time limit is invalid": _TIME,
    "invalid account": _ACCOUNT,
    "invalid qos": _ACCOUNT,
    "invalid feature": _OPTIONS,
    "unrecognized option": _OPTIONS,
    # Snakemake's executor has not even called sbatch.
    "failed with exception": "correct what the message names: account, gpu_type, cpu_options or gpu_options",
}
# Patterns of the reasons for which a job waits for ever, in this order: what to change.
_NEVER = {
    r"Partition(Node|Config).*|BadConstraints": _SIZE,
    r"PartitionTimeLimit|QOSTimeLimit|.*WallDurationPerJob.*": _TIME,
    r".*PerJob.*": "the account or QOS allows a job less: lower cores, memory or base_gpus",
    r".*(?<!Run)Minutes.*": "the account's budget is used up: name another account, or ask for more",
    r"Invalid(Account|QOS)|.*(Account|QOS)NotAllowed": _ACCOUNT,
    r"Partition(Down|Inactive)": f"it is closed: {_PARTITION}",
}
_HELD = r"JobHe?o?ld.*|.*requeued.held"
_ABSENT = r"ReqNodeNotAvail.*|Nodes.required.*|Reserved for maintenance"


def is_executor(executor: Any) -> bool:
    """Whether an executor of Snakemake is that for Slurm."""
    return hasattr(executor, "run_uuid")


def ask(*command: str) -> str:
    """What a command of Slurm prints.

    Raises:
        PinchError: it is missing, fails, or does not answer within a minute.
    """
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    except FileNotFoundError:
        raise PinchError(f"there is no {command[0]} here, as there is on a login node of a cluster") from None
    except subprocess.SubprocessError as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip()
        raise PinchError(f"{command[0]} failed: {reason}") from error


def seconds(limit: str) -> int | None:
    """Seconds of a time as Slurm writes it: "30:00", "12:00:00", "7-00:00:00"; None if it is not limited.

    Raises:
        ValueError: it is no time.
    """
    if limit in ("infinite", "UNLIMITED", "NOT_SET", "n/a"):
        return None
    days, _, clock = limit.rpartition("-")
    hours, minutes, rest = ([0, 0, *map(int, clock.split(":"))])[-3:]
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + rest


def refusal_advice(message: str) -> str | None:
    """What to change after sbatch refused a job with this message; None if it may accept the same later."""
    return next((_in_site(advice) for phrase, advice in _REFUSED.items() if phrase in message.lower()), None)


def _in_site(advice: str) -> str:
    return f"in {site.path()}, {advice}"


@dataclass(frozen=True)
class PendingJob:
    """A job that waits: its number, what it is for (rule and wildcards), and Slurm's reason."""

    number: str
    purpose: str
    reason: str

    @property
    def advice(self) -> str | None:
        """What to do so that it starts; None if patience is enough."""
        if re.fullmatch(_HELD, self.reason):
            return f"it is held: `scontrol release {self.number}`"
        if re.fullmatch(_ABSENT, self.reason):
            return "its nodes are down or reserved: `sinfo -R` says why and until when"
        for pattern, advice in _NEVER.items():
            if re.fullmatch(pattern, self.reason):
                return f"it can never start: {_in_site(advice)}"
        return None


def pending(folder: Path) -> list[PendingJob]:
    """This user's jobs that wait and were submitted from a folder; none where Slurm is missing or does not answer."""
    try:
        text = ask("squeue", "--noheader", "--me", "--states", "PENDING", "--format", "%Z|%i|%k|%r")
    except PinchError:
        return []
    lines = [line.split("|", 3) for line in text.splitlines()]
    return [
        # The first wildcard of a model of the run's own seed is empty.
        PendingJob(number, comment.removeprefix("rule_").replace("_wildcards_", " ").replace(" _", " "), reason)
        for place, number, comment, reason in (line for line in lines if len(line) == 4)
        if Path(place) == folder.resolve()
    ]


def has_accounting() -> bool:
    """Whether `sacct` answers: some clusters keep no accounts."""
    try:
        ask("sacct", "--noheader", "--allocations", "--starttime", "now")
    except PinchError:
        return False
    return True


def deadline() -> float | None:
    """When Slurm will end the job that this process belongs to, in seconds since the epoch; None if never."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return None
    try:
        left = seconds(ask("squeue", "--noheader", "--jobs", job, "--format", "%L").strip())
    except (PinchError, ValueError):
        return None
    return None if left is None else time.time() + left


def requeue() -> None:
    """Send the job that this process belongs to again, under its own number. Slurm then ends this process.

    Raises:
        PinchError: there is no such job, or Slurm refuses.
    """
    ask("scontrol", "requeue", os.environ.get("SLURM_JOB_ID", "of no number"))
