import json
import os
import subprocess
import sys
import threading
import time

import pytest

from pinch.core import lock
from pinch.core.environment import library_path
from pinch.core.errors import PinchError


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "GRACE_SECONDS", 0)
    for name in ("SLURM_JOB_ID", "SLURM_RESTART_COUNT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / ".some.lock"


@pytest.fixture
def often_switching():
    """Threads that switch a hundred times as often as Python's, so that they meet in the middle of a step."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 100)
    yield
    sys.setswitchinterval(usual)


def held_by(path, **changes):
    """Write the lock of another owner."""
    owner = vars(lock.Owner.this_process()) | changes
    path.write_text(json.dumps(owner))
    return owner


def try_to_hold(path):
    with lock.held(path, "the work"):
        return json.loads(path.read_text())["token"]


def squeue(folder, monkeypatch, script):
    """A `squeue` that answers as Slurm's does."""
    program = folder / "squeue"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_lock_is_held_and_given_back(path, tmp_path):
    with lock.held(path, "the work"):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert not list(tmp_path.iterdir())


@pytest.mark.fault
def test_the_owner_is_named_with_how_to_end_it(path, tmp_path):
    held_by(path)
    with pytest.raises(PinchError, match=rf"the work is already run by process {os.getpid()} on .* kill {os.getpid()}"):
        try_to_hold(path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.fault
def test_the_lock_of_a_process_that_is_gone_is_taken_over(path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    theirs = held_by(path, pid=ended.pid)
    assert try_to_hold(path) != theirs["token"]
    assert not path.exists()
    # A number is used again by another process, which began at another time.
    held_by(path, began="1")
    assert try_to_hold(path)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("said", "free"),
    [
        ("exit 0", True),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", True),
        ("echo RUNNING", False),
        ("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1", False),
    ],
)
def test_the_lock_of_a_slurm_job_is_taken_over_once_slurm_does_not_know_it(path, tmp_path, monkeypatch, said, free):
    squeue(tmp_path, monkeypatch, said)
    held_by(path, machine="another", slurm_job="4711")
    if free:
        assert try_to_hold(path)
    else:
        with pytest.raises(PinchError, match="scancel 4711"):
            try_to_hold(path)


def test_a_job_that_slurm_put_back_into_the_queue_takes_over_its_own_lock(path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    held_by(path, slurm_start="")
    assert try_to_hold(path)


@pytest.mark.fault
def test_an_owner_on_another_machine_keeps_its_lock_until_it_is_silent(path):
    """By the clock of the folder's filesystem: the owner's clock is a day fast here."""
    held_by(path, machine="another", started="2099-01-01T00:00:00+00:00")
    with pytest.raises(PinchError, match="already run"):
        try_to_hold(path)
    long_ago = path.stat().st_mtime - lock.SILENT_SECONDS - 1
    os.utime(path, (long_ago, long_ago))
    assert try_to_hold(path)


def test_an_owner_touches_its_lock(path, monkeypatch):
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.05)
    with lock.held(path, "the work"):
        os.utime(path, (0, 0))
        end = time.monotonic() + 5
        while path.stat().st_mtime == 0 and time.monotonic() < end:
            time.sleep(0.05)
        assert path.stat().st_mtime > 0


@pytest.mark.fault
def test_an_owner_whose_lock_was_taken_over_ends_itself(path):
    """As after a machine was silent for minutes, and another took its place."""
    code = (
        "import sys, time, pathlib; from pinch.core import cli, lock; lock.BEAT_SECONDS = 0.05\n"
        "def main(_):\n"
        "    with lock.held(pathlib.Path(sys.argv[1]), 'the work'):\n"
        "        print('held', flush=True); time.sleep(60)\n"
        "cli.run(main)"
    )
    line, environment = [sys.executable, "-c", code, str(path)], {**os.environ, "PYTHONPATH": library_path()}
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout.readline() == "held\n"
        ours = held_by(path.with_name("other"))
        path.with_name("other").replace(path)
        assert process.wait(30) == 143
        assert "another process took over its lock" in process.stderr.read()
    assert json.loads(path.read_text())["token"] == ours["token"]


@pytest.mark.fault
@pytest.mark.parametrize("attempt", range(10))
def test_of_many_who_take_over_one_lock_at_once_one_holds_it(path, attempt, often_switching):
    held_by(path, pid=2**22, began="1")
    inside, most = [], []

    def work():
        try:
            with lock.held(path, "the work"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.02)
                inside.pop()
        except PinchError:
            pass

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1


@pytest.mark.fault
def test_what_is_no_lock_is_left_alone(path):
    path.write_text("mine")
    with pytest.raises(PinchError, match="is not a lock that Pinch made: move it away"):
        try_to_hold(path)
    assert path.read_text() == "mine"
