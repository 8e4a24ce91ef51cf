"""SIGTERM and Ctrl-C end a run within seconds, with all of its jobs, and the same command goes on afterwards."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

# Rendering takes longer than the test waits.
CONFIG = {"name": "tiny", "synthetic": {"images": [9000, 2, 2], "size": 96}, "base_model": "yolo11n.yaml"}
SECONDS = 15


def start(folder):
    """Start Snakemake alone in its process group, so that nothing but it is told to end."""
    (folder / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    line = [str(Path(sys.executable).with_name("snakemake")), "results/tiny/dataset/data.yaml"]
    line += ["--snakefile", str(ROOT / "Snakefile"), "--profile", "profiles/local"]
    line += ["--directory", str(folder), "--configfile", str(folder / "tiny.yaml")]
    with open(folder / "output", "wb") as output:
        # Whoever starts the tests in the background of a shell hands on that SIGINT is ignored.
        heeded = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
        return subprocess.Popen(line, cwd=ROOT, stdout=output, stderr=output, start_new_session=True, **heeded)


def processes_in(folder):
    """Command lines of the processes that work in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "cwd").readlink() == folder:
                found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def wait_for(process, seen):
    deadline = time.monotonic() + 60
    while not seen():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.fault
def test_an_interrupted_run_ends_with_its_jobs_and_goes_on(tmp_path):
    # `timeout` sends its signal twice. The second start shows that the first end left nothing that stands in its way.
    for signals in ([signal.SIGTERM, signal.SIGTERM], [signal.SIGINT]):
        process = start(tmp_path)
        wait_for(process, lambda: any("synthesize_hands.py" in line for line in processes_in(tmp_path)))
        for number in signals:
            process.send_signal(number)
        assert process.wait(SECONDS) != 0
        assert processes_in(tmp_path) == []


# Signals that arrive while the thread of a job is being started, while another thread than the one that waits for jobs
# takes them, where Python ignores what a handler raises, and when all is over: what a busy machine does now and then.
MOMENTS = {
    "a job's thread starts": """
class Told(threading.Event):
    def wait(self, timeout=None):
        super().wait(timeout)
        os.kill(os.getpid(), signal.SIGTERM)

def start(thread, start=threading.Thread.start):
    if thread.name.startswith("ThreadPoolExecutor"):
        thread._started = Told()
    start(thread)

def run(item, run=concurrent.futures.thread._WorkItem.run):
    time.sleep(1)
    run(item)

threading.Thread.start = start
concurrent.futures.thread._WorkItem.run = run
""",
    "the scheduler waits": """
def tell():
    while not Path("started").exists():
        time.sleep(0.1)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

threading.Thread(target=tell, daemon=True).start()
""",
    "a callback runs while Snakemake plans": """
class Planned:
    pass

planned = Planned()
reference = weakref.ref(planned, lambda _: os.kill(os.getpid(), signal.SIGTERM))
del planned
""",
    "Snakemake cleans up after its scheduler failed": """
from snakemake.scheduling.job_scheduler import JobScheduler
from snakemake.workflow import Workflow

def fail(scheduler, jobs):
    raise RuntimeError("no job can be selected")

def clean_up(workflow):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)

JobScheduler.job_selector = fail
Workflow.tear_down = clean_up
""",
}
SNAKEFILE = """
import concurrent.futures.thread, os, signal, threading, time, weakref
from pinch.operations import interruption, waking

interruption.end_on_signals()
MOMENT

onstart:
    interruption.end_with_all_jobs(workflow.scheduler)
    waking.rest_while_jobs_run(workflow.scheduler)

rule slow:
    output: "slow"
    shell: "touch started; sleep 60; touch slow"
"""


@pytest.mark.fault
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_at_a_bad_moment_ends_the_run_too(own_snakefile, tmp_path, moment):
    done = own_snakefile(SNAKEFILE.replace("MOMENT", MOMENTS[moment]), timeout=45)
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert not (tmp_path / "slow").exists()
    assert processes_in(tmp_path) == []
    assert not list((tmp_path / ".snakemake/locks").glob("*"))


@pytest.mark.fault
def test_a_run_interrupted_while_it_plans_leaves_no_lock(tmp_path):
    process = start(tmp_path)
    locks = tmp_path / ".snakemake/locks"
    wait_for(process, lambda: locks.is_dir())
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) != 0
    assert not list(locks.glob("*"))
