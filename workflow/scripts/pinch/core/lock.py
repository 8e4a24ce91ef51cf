"""A lock for work that may be started twice, on two machines of a cluster as well.

The lock is a small file that names its owner: machine, process, SLURM job. Its owner touches it twice a minute. Whoever
finds a lock takes it over if the owner has ended for certain: a process of this machine that is gone, an earlier start
of this SLURM job, or a SLURM job that `squeue` no longer knows. Of other owners only their silence tells: times of two
files in one folder are compared, which the same file server has set, so that clocks of machines do not matter.

A lock appears under its name complete, by a hard link, which network filesystems make in one step. Of several who take
over one lock, one removes it: it locks the file (`flock`) and looks again whose it is. Where a filesystem has no such
locks, two could hold one name for a moment; the owner who finds another's lock in its place ends itself.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pinch.core.errors import PinchError
from pinch.core.files import write_json

BEAT_SECONDS = 30
"""How often an owner touches its lock."""
SILENT_SECONDS = 180
"""An owner who has not touched its lock for so long counts as ended."""
PATIENCE = 4 * 3600
"""Seconds to wait for another process that goes through all files of a data set."""
GRACE_SECONDS = 10
"""How long to wait for an owner that may be about to end, before the work is refused."""


@dataclass(frozen=True)
class Owner:
    """Who holds a lock.

    Attributes:
        token: of this lock alone.
        host: name of the machine.
        machine: its boot and the namespace of its process numbers, within which a process number means something.
        pid: of the process.
        began: when the process began, in ticks since the boot, because numbers of processes are used again.
        started: when the lock was taken, UTC, ISO 8601.
        slurm_job: number of the SLURM job; empty outside one.
        slurm_start: how often SLURM has put the job back into the queue.
        made_by: tells that Pinch wrote the file.
    """

    token: str
    host: str
    machine: str
    pid: int
    began: str
    started: str
    slurm_job: str
    slurm_start: str
    made_by: str = "Pinch"

    @classmethod
    def this_process(cls) -> "Owner":
        """This process as the owner of a new lock."""
        return cls(
            token=uuid.uuid4().hex,
            host=socket.gethostname(),
            machine=_machine(),
            pid=os.getpid(),
            began=_began(os.getpid()),
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            slurm_job=os.environ.get("SLURM_JOB_ID", ""),
            slurm_start=os.environ.get("SLURM_RESTART_COUNT", ""),
        )

    def __str__(self) -> str:
        """The owner in words, with how to look at it and how to end it."""
        if self.slurm_job:
            return (
                f"SLURM job {self.slurm_job} on {self.host}, since {self.started}: see it with squeue -j "
                f"{self.slurm_job}, and let it finish or end it with scancel {self.slurm_job}"
            )
        return (
            f"process {self.pid} on {self.host}, since {self.started}: see it there with ps -fp {self.pid}, and let it "
            f"finish or end it with kill {self.pid}"
        )


@contextlib.contextmanager
def held(path: Path, doing: str, patience: float | None = None) -> Iterator[None]:
    """Hold a lock while the block runs.

    Args:
        path: file of the lock, in an existing folder.
        doing: what the lock is for, as in "a training of demo"; for messages.
        patience: seconds to wait for another owner; None: GRACE_SECONDS.

    Raises:
        PinchError: another process holds it, or Pinch did not make what is there.
    """
    owner = Owner.this_process()
    _acquire(path, owner, doing, GRACE_SECONDS if patience is None else patience)
    done = threading.Event()
    beat = threading.Thread(target=_beat, args=(path, owner, doing, done), daemon=True)
    beat.start()
    try:
        yield
    finally:
        done.set()
        beat.join()
        if _read(path) == owner:
            path.unlink(missing_ok=True)


def is_abandoned(path: Path) -> bool:
    """Whether the owner of a lock has ended for certain without giving it back; False where there is no lock."""
    try:
        other = _read(path)
    except (OSError, PinchError):
        return False
    return other is not None and _has_ended(path, other, Owner.this_process())


def _acquire(path: Path, owner: Owner, doing: str, patience: float) -> None:
    own = path.with_name(f"{path.name}.{owner.token}")
    write_json(own, asdict(owner))
    end = time.monotonic() + patience
    try:
        while not _appears(own, path):
            other = _read(path)
            if other == owner:  # the file server made the link, but its answer was lost
                return
            if other is None:
                continue
            if _has_ended(path, other, owner):
                _remove(path, other)
            elif time.monotonic() > end:
                raise PinchError(f"{doing} is already run by {other}")
            else:
                time.sleep(1)
    finally:
        own.unlink(missing_ok=True)


def _appears(own: Path, path: Path) -> bool:
    """Give a complete file a second name; False if that exists."""
    try:
        try:
            os.link(own, path)
        except FileExistsError:
            raise
        except OSError:  # a filesystem without hard links
            with open(path, "x") as stream:
                stream.write(own.read_text())
    except FileExistsError:
        return False
    return True


def _remove(path: Path, judged: Owner) -> None:
    """Remove the lock of an owner who has ended, unless another owner has taken it over meanwhile."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # it is gone, or its filesystem has no such locks
            # For writing, which network filesystems ask of who locks a file alone.
            fcntl.flock(stack.enter_context(open(path, "r+")), fcntl.LOCK_EX)
        if _read(path) == judged:
            path.unlink(missing_ok=True)


def _read(path: Path) -> Owner | None:
    """The owner of a lock; None where there is no lock.

    Raises:
        PinchError: what is there is not a lock.
    """
    try:
        content: Any = json.loads(path.read_text())
        return Owner(**content)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise PinchError(f"{path} is not a lock that Pinch made: move it away") from error


def _has_ended(path: Path, other: Owner, me: Owner) -> bool:
    if other.slurm_job and other.slurm_job == me.slurm_job and other.slurm_start != me.slurm_start:
        return True
    if other.machine == me.machine:
        return _began(other.pid) != other.began
    return (bool(other.slurm_job) and _slurm_has_ended(other.slurm_job)) or _silence(path) > SILENT_SECONDS


def _slurm_has_ended(job: str) -> bool:
    """Whether SLURM says that it no longer knows a job."""
    command = ["squeue", "--noheader", "--jobs", job, "--format", "%T"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return "Invalid job id" in said.stderr if said.returncode else not said.stdout.strip()


def _silence(path: Path) -> float:
    """Seconds since a lock was touched, by the clock of its filesystem."""
    probe = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    probe.touch()
    try:
        return probe.stat().st_mtime - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
    finally:
        probe.unlink()


def _beat(path: Path, owner: Owner, doing: str, done: threading.Event) -> None:
    """Touch a lock until `done`; if it is another's, end this process as SIGTERM does."""
    while not done.wait(BEAT_SECONDS):
        try:
            found = _read(path)
            if found == owner:
                os.utime(path)
        except (OSError, PinchError):  # the file server does not answer, or someone wrote over the file
            continue
        if found not in (owner, None):
            print(f"{doing}: another process took over its lock {path}, so this one ends", file=sys.stderr)
            os.kill(os.getpid(), signal.SIGTERM)
            return


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{socket.gethostname()} {uuid.getnode()}"


def _began(pid: int) -> str:
    """When a process began, in ticks since the boot; empty if there is none, or it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
