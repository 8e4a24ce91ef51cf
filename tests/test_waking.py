"""Snakemake's scheduler rests while jobs run, and still starts what its limit on new jobs kept back."""

import pytest

QUICK = 20
SNAKEFILE = """
from pinch.operations import waking

looks = []

onstart:
    select = workflow.scheduler.job_selector
    workflow.scheduler.job_selector = lambda jobs: looks.append(1) or select(jobs)
    waking.rest_while_jobs_run(workflow.scheduler)

onsuccess:
    Path("looks").write_text(str(len(looks)))

rule all:
    input: expand("{name}.quick", name=range(QUICK)), "slow", "last"

rule quick:
    output: touch("{name}.quick")
    priority: 2

rule slow:
    output: touch("slow")
    priority: 1
    shell: "sleep 4"

rule last:
    output: touch("last")
"""


@pytest.fixture
def looks(own_snakefile, tmp_path):
    """How often the scheduler looks at ready jobs: the quick jobs, a slow one, and one that waits for the slow one."""

    def run(*options):
        done = own_snakefile(SNAKEFILE.replace("QUICK", str(QUICK)), *options, timeout=120)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "last").exists()
        return int((tmp_path / "looks").read_text())

    return run


def test_the_scheduler_looks_at_ready_jobs_when_one_has_ended(looks):
    # Beside the slow job, Snakemake alone would look as often in each second as jobs have ended before.
    assert looks() <= QUICK + 5


def test_what_the_limit_on_new_jobs_kept_back_is_started(looks):
    # After five jobs in a second none runs whose end would wake the scheduler.
    assert looks("--max-jobs-per-timespan", "5/1s") >= QUICK / 5
