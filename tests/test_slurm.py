"""The shipped profile on a real Slurm: a whole tiny run, and faults that must lose nothing.

The scenarios run two at a time, as most of each is waiting; every test looks at what one of them left.
"""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from slurm import profile
from slurm.cluster import ACCOUNT, Cluster, Nodes, missing

from pinch.operations import site, slurm

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(missing()), reason=f"no Slurm here ({', '.join(missing())} missing): `make test-slurm` installs it"
    ),
]
TINY = yaml.safe_load((ROOT / "tests/configs/tiny.yaml").read_text())
# Partitions nearly as short as what is asked for: a job or group that asks for more would never start. Tests send jobs
# without a GPU to the GPU partition, which therefore is not shorter.
CPU_MINUTES, GPU_MINUTES = 900, 1000
SITE = {
    "cpu_partition": "cpu",
    "gpu_partition": "gpu",
    "cpu_minutes": CPU_MINUTES,
    "gpu_minutes": GPU_MINUTES,
    "cpu_memory_mb": 16000,
    "account": ACCOUNT,
}
# The node that is set down is in a partition of its own, where it fails no other run's jobs.
NODES = (
    Nodes("spare", 2, cpus=8, gpus=2, minutes=GPU_MINUTES),
    Nodes("late", 1, cpus=8, gpus=2, minutes=GPU_MINUTES),
    Nodes("gpu", 2, cpus=8, gpus=2, minutes=GPU_MINUTES),
    Nodes("cpu", 2, cpus=4, memory=16000, minutes=CPU_MINUTES),
)
EPOCHS = 4
# Within these seconds an interrupted run must end.
END = 20


@dataclass
class Run:
    """One Snakemake on the test cluster, in a folder of its own."""

    cluster: Cluster
    folder: Path
    config: dict
    site: dict = field(default_factory=lambda: dict(SITE))
    changes: dict = field(default_factory=dict)
    set_resources: dict = field(default_factory=dict)

    def start(self, *arguments):
        """Start Snakemake; it writes to the folder's `output`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "tiny.yaml").write_text(yaml.safe_dump(self.config))
        shipped = profile.for_tests(self.site, self.folder, self.cluster.environment, **self.changes)
        content = yaml.safe_load((shipped / "config.yaml").read_text())
        for rule, resources in self.set_resources.items():
            content["set-resources"][rule] |= resources
        (shipped / "config.yaml").write_text(yaml.safe_dump(content))
        # --configfile takes whatever follows it, so the targets come first.
        line = [str(Path(sys.executable).with_name("snakemake")), *map(str, arguments)]
        line += ["--snakefile", str(ROOT / "Snakefile"), "--profile", str(shipped), "--configfile", "tiny.yaml"]
        with open(self.folder / "output", "ab") as output:
            return subprocess.Popen(
                line,
                cwd=self.folder,
                env=self.cluster.environment | {"OMP_NUM_THREADS": "1", site.VARIABLE: str(shipped / "site.yaml")},
                stdout=output,
                stderr=output,
            )

    @property
    def output(self):
        return (self.folder / "output").read_text()

    def result(self, path):
        return self.folder / "results" / self.config["name"] / path

    def finish(self, process):
        assert process.wait(900) == 0, self.output[-6000:]

    def epochs(self):
        """Rows of the base training's results.csv."""
        path = self.result("models/tiny/results.csv")
        if not path.exists():
            return []
        with path.open(newline="") as stream:
            return list(csv.DictReader(stream))

    def freeze_training(self, process, seconds=600):
        """Stop the base training in its second epoch, so that a fault finds it there, and return its process."""
        deadline = time.monotonic() + seconds
        while not (self.epochs() and self.result("models/tiny/weights/last.pt").exists()):
            assert process.poll() is None, self.output[-6000:]
            assert time.monotonic() < deadline, self.output[-6000:]
            time.sleep(0.02)
        training = training_process(self)
        os.kill(training, signal.SIGSTOP)
        assert len(self.epochs()) < EPOCHS, "the training was too fast for this test"
        return training

    def seconds_left(self):
        """Seconds until Slurm ends the job of this folder that runs; None if none runs."""
        for line in self.cluster.run("squeue", "-h", "-t", "R", "-o", "%L|%Z").splitlines():
            left, folder = line.split("|")
            if folder == str(self.folder):
                return slurm.seconds(left)
        return None

    def wait_for(self, process, text):
        """Wait until Snakemake has written a text."""
        deadline = time.monotonic() + 600
        while text not in self.output:
            assert process.poll() is None, self.output[-6000:]
            assert time.monotonic() < deadline, self.output[-6000:]
            time.sleep(0.2)

    def accounts(self):
        """What Slurm accounted for the jobs of this folder."""
        names = "JobID,State,Comment,AllocTRES,AllocCPUS,Timelimit,ElapsedRaw,NodeList,WorkDir,Partition,ReqMem"
        text = self.cluster.run("sacct", "-XnPD", "--starttime", "now-1day", "-o", names)
        rows = [dict(zip(names.split(","), line.split("|"), strict=True)) for line in text.splitlines()]
        return [row for row in rows if row["WorkDir"] == str(self.folder)]

    def job_of(self, rule):
        """Accounts of a rule's jobs, in order."""
        return [row for row in self.accounts() if row["Comment"].startswith(f"rule_{rule}")]


def training_process(run):
    """The process that trains in a run's folder."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes().split(b"\0")
            if any(part.endswith(b"train.py") for part in line) and str((path / "cwd").readlink()) == str(run.folder):
                return int(path.name)
        except OSError:
            continue
    raise AssertionError("no training is running")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("slurm"), NODES)
    cluster.up()
    yield cluster
    cluster.down()


class Scenarios:
    """Starts every scenario at once on two threads and hands out what each left."""

    def __init__(self, cluster, folder):
        self.cluster, self.folder = cluster, folder
        self.pool = ThreadPoolExecutor(max_workers=2)
        # Mostly waiting, so that it may begin beside the others.
        self.patient = ThreadPoolExecutor(max_workers=2)
        self.whole = self.pool.submit(self._whole)
        self.paused = self.patient.submit(self._paused)
        self.over_time = self.patient.submit(self._over_time)
        self.killed = self.pool.submit(self._killed)
        self.node_down = self.pool.submit(self._node_down)
        self.terminated = self.pool.submit(self._terminated)

    def _run(self, name, **options):
        config = {**TINY, "train": {**TINY["train"], "epochs": EPOCHS}, **options.pop("config", {})}
        return Run(self.cluster, self.folder / name, config, **options)

    def _training(self, name, **options):
        """A run that only trains a base, on the data of the whole run."""
        data = self.folder / "whole run/results/tiny/dataset/data.yaml"
        while not (data.parent.parent / "records/dataset.json").exists():
            assert not (self.whole.done() and self.whole.exception()), "the whole run failed"
            time.sleep(0.5)
        return self._run(name, config={"dataset": str(data), "synthetic": None}, **options)

    def _whole(self):
        run = self._run("whole run")
        begin = time.monotonic()
        process = run.start()
        while not (run.folder / ".snakemake/locks").exists() or not any((run.folder / ".snakemake/locks").iterdir()):
            assert process.poll() is None, run.output[-6000:]
            time.sleep(0.2)
        second = subprocess.run(
            process.args, cwd=run.folder, env=self.cluster.environment, capture_output=True, text=True
        )
        run.finish(process)
        return run, second, time.monotonic() - begin

    def _killed(self):
        run = self._training("killed")
        process = run.start(run.result("models/tiny.pt").relative_to(run.folder))
        os.kill(run.freeze_training(process), signal.SIGKILL)
        run.finish(process)
        return run

    def _node_down(self):
        run = self._training("node_down", site={**SITE, "gpu_partition": "spare"})
        process = run.start(run.result("models/tiny.pt").relative_to(run.folder))
        run.freeze_training(process)
        running = self.cluster.run("squeue", "-h", "-t", "R", "-o", "%N %Z").split("\n")
        node = next(line.split()[0] for line in running if line.endswith(f" {run.folder}"))
        self.cluster.run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
        try:
            run.finish(process)
        finally:
            self.cluster.run("scontrol", "update", f"NodeName={node}", "State=RESUME")
        return run, node

    def _over_time(self):
        resources = {"train_base": {"runtime": "attempt ** 3"}}
        run = self._training("over_time", site={**SITE, "gpu_partition": "late"}, set_resources=resources)
        # The partition opens after the first submission.
        self.cluster.run("scontrol", "update", "PartitionName=late", "State=INACTIVE")
        process = run.start(run.result("models/tiny.pt").relative_to(run.folder))
        run.wait_for(process, "It is submitted again")
        self.cluster.run("scontrol", "update", "PartitionName=late", "State=UP")
        # It hangs until its time is over.
        run.freeze_training(process)
        run.finish(process)
        return run

    def _terminated(self):
        run = self._training("terminated")
        target = run.result("models/tiny.pt").relative_to(run.folder)
        process = run.start(target)
        run.freeze_training(process)
        begin = time.monotonic()
        process.terminate()
        process.wait(120)
        seconds = time.monotonic() - begin
        queued = run.seconds_left()
        # The first attempt of the second start has too little memory.
        run.set_resources = {"train_base": {"mem_mb": "600 * attempt ** 4"}}
        run.finish(run.start(target))
        return run, seconds, queued

    def _paused(self):
        """On a Slurm that keeps no accounts, with a partition that is shorter than the training."""
        nodes = Nodes("short", 1, cpus=8, gpus=2, minutes=2)
        cluster = Cluster(self.folder.with_name(f"{self.folder.name}-short"), (nodes,), accounting=False)
        cluster.up()
        try:
            site = {"cpu_partition": "short", "gpu_partition": "short", "cpu_minutes": 2, "gpu_minutes": 2}
            run = self._training("paused", site=site)
            run.cluster = cluster
            process = run.start(run.result("models/tiny.pt").relative_to(run.folder))
            training = run.freeze_training(process)
            while run.seconds_left() > 25:
                time.sleep(1)
            os.kill(training, signal.SIGCONT)
            run.finish(process)
            return run, cluster.run("scontrol", "--oneliner", "show", "jobs")
        finally:
            cluster.down()


@pytest.fixture(scope="module")
def scenarios(cluster, tmp_path_factory):
    found = Scenarios(cluster, tmp_path_factory.mktemp("runs"))
    yield found
    found.pool.shutdown(cancel_futures=True)
    found.patient.shutdown(cancel_futures=True)


@pytest.mark.fault
def test_a_refused_submission_is_no_attempt_and_says_what_to_change(cluster, scenarios, tmp_path):
    run = Run(cluster, tmp_path, TINY, site={**SITE, "cpu_partition": "nowhere"})
    process = run.start(run.result("models/tiny.pt").relative_to(run.folder))
    assert process.wait(120) != 0
    assert run.output.count("invalid partition specified: nowhere") == 1
    assert "Trying to restart" not in run.output
    assert "choose another cpu_partition or gpu_partition (`sinfo -s` lists them)" in run.output


@pytest.mark.fault
def test_progress_names_jobs_that_can_never_start(cluster, command, tmp_path):
    (tmp_path / "results/tiny/models").mkdir(parents=True)
    line = ["sbatch", "--parsable", "-A", ACCOUNT, "-p", "cpu", "-t", "3000", "-D", str(tmp_path)]
    number = cluster.run(*line, "--comment", "rule_train_base_wildcards_tiny", "--wrap", "true").strip()
    shown = ""
    while "PartitionTimeLimit" not in shown:
        time.sleep(0.5)
        shown = command("progress.py", "results/tiny", cwd=tmp_path, env=cluster.environment).stdout
    assert "train_base tiny (PartitionTimeLimit): it can never start: in profiles/slurm/site.yaml, it asks for" in shown
    cluster.run("scancel", number)


def test_the_site_is_described_from_the_cluster(cluster, command, tmp_path):
    described = tmp_path / "site.yaml"
    described.write_text((profile.SHIPPED / "site.yaml").read_text())
    done = command("describe_site.py", "--site", described, env=cluster.environment)
    assert done.returncode == 0, done.stderr
    found = vars(site.read(described))
    cpu = {"cpu_partition": "cpu", "cpu_minutes": CPU_MINUTES, "cpu_cores": 4, "cpu_memory_mb": 16000}
    gpu = {"gpu_partition": "spare", "gpu_minutes": GPU_MINUTES, "gpu_cores": 8, "gpu_memory_mb": 64000}
    assert found.items() >= (cpu | gpu).items()


@pytest.mark.fault
def test_second_snakemake_in_the_same_folder_is_refused(scenarios):
    _, second, _ = scenarios.whole.result()
    assert second.returncode != 0
    assert "Directory cannot be locked" in second.stderr


def test_whole_run_leaves_complete_tables(scenarios):
    run, _, _ = scenarios.whole.result()
    with run.result("tables/models.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 4
    for table in ("artifacts", "inference"):
        with run.result(f"tables/{table}.csv").open(newline="") as stream:
            assert len(list(csv.DictReader(stream))) == 3
    assert list((run.folder / "logs").glob("efficiency_report_*.csv"))


def test_gpu_jobs_have_one_gpu_and_others_none(scenarios):
    run, _, _ = scenarios.whole.result()
    gpus = {}
    for row in run.accounts():
        assert row["State"] == "COMPLETED", row
        rule = row["Comment"].split("_wildcards_")[0].removeprefix("rule_")
        gpus.setdefault(rule, set()).add("gres/gpu=1" if "gres/gpu=" in row["AllocTRES"] else row["Partition"])
        assert row["AllocTRES"].count("gres/gpu") <= 1
        assert "gres/gpu" not in row["AllocTRES"] or ",gres/gpu=1," in row["AllocTRES"]
    assert {rule for rule, kinds in gpus.items() if kinds == {"gres/gpu=1"}} == {
        "train_base",
        "tune_base",
        "tune_pruned",
        "evaluate_model",
    }
    assert {kind for kinds in gpus.values() for kind in kinds} == {"gres/gpu=1", "cpu"}


def test_short_jobs_share_submissions_and_timing_has_its_node_alone(scenarios):
    run, _, _ = scenarios.whole.result()
    comments = [row["Comment"] for row in run.accounts()]
    timing = [row for row in run.accounts() if "measure_on_cpu" in row["Comment"]]
    assert len(timing) == 1
    assert timing[0]["AllocCPUS"] == str(NODES[-1].cpus)
    assert not any(comment.startswith(("rule_export", "rule_evaluate_artifact")) for comment in comments)


def test_no_submission_asks_for_more_than_its_partition_has(scenarios):
    run, _, _ = scenarios.whole.result()
    allowed, memory = {"cpu": CPU_MINUTES, "gpu": GPU_MINUTES}, {group.partition: group.memory for group in NODES}
    for row in run.accounts():
        hours, minutes, _ = map(int, row["Timelimit"].split(":"))
        assert 60 * hours + minutes <= allowed[row["Partition"]], row["Comment"]
        assert int(row["ReqMem"].removesuffix("M")) <= memory[row["Partition"]], row["Comment"]


@pytest.mark.fault
@pytest.mark.parametrize("fault", ["killed", "node_down", "over_time", "terminated", "paused"])
def test_broken_training_ends_like_an_unbroken_one(scenarios, fault):
    whole, _, _ = scenarios.whole.result()
    left = getattr(scenarios, fault).result()
    run = left[0] if isinstance(left, tuple) else left
    assert (
        "resuming from results/tiny/models/tiny/weights/last.pt"
        in (run.folder / "logs/train_base/tiny.log").read_text()
    )
    expected, found = (
        yaml.safe_load(r.result("records/training/tiny.json").read_text())["result"] for r in (whole, run)
    )
    assert found["epochs_run"] == expected["epochs_run"] == EPOCHS
    for name in ("map50", "map50_95", "train_cls_loss"):
        values = [[row[name] for row in result["curve"]] for result in (expected, found)]
        assert values[1] == pytest.approx(values[0], abs=1e-4, rel=1e-3), name


@pytest.mark.fault
def test_killed_training_is_a_new_attempt_with_more_memory(scenarios):
    jobs = scenarios.killed.result().job_of("train_base")
    assert [job["State"] for job in jobs] == ["FAILED", "COMPLETED"]
    assert [job["ReqMem"] for job in jobs] == ["6501M", "13002M"]


@pytest.mark.fault
def test_training_of_a_dead_node_goes_on_elsewhere(scenarios):
    run, node = scenarios.node_down.result()
    states = [(job["State"], job["NodeList"]) for job in run.job_of("train_base")]
    assert states[-1][0] == "COMPLETED"
    assert states[-1][1] != node
    assert any(state in ("NODE_FAIL", "REQUEUED") and where == node for state, where in states)


@pytest.mark.fault
def test_job_over_its_time_limit_gets_more(scenarios):
    jobs = scenarios.over_time.result().job_of("train_base")
    assert [(job["State"], job["Timelimit"]) for job in jobs] == [("TIMEOUT", "00:01:00"), ("COMPLETED", "00:08:00")]


@pytest.mark.fault
def test_a_partition_that_opens_later_costs_no_attempt(scenarios):
    run = scenarios.over_time.result()
    assert "It is submitted again in 30 seconds" in run.output
    assert run.job_of("train_base")[0]["Timelimit"] == "00:01:00"


@pytest.mark.fault
def test_sigterm_cancels_the_jobs_within_seconds(scenarios):
    run, seconds, queued = scenarios.terminated.result()
    assert seconds < END
    assert queued is None
    assert run.job_of("train_base")[0]["State"].startswith("CANCELLED")


@pytest.mark.fault
def test_training_out_of_memory_gets_more(scenarios):
    run, _, _ = scenarios.terminated.result()
    _, ended, whole = run.job_of("train_base")
    assert (ended["ReqMem"], whole["ReqMem"], whole["State"]) == ("600M", "9600M", "COMPLETED")
    assert ended["State"] != "COMPLETED"


@pytest.mark.fault
def test_a_training_longer_than_its_partition_allows_pauses_and_goes_on_without_accounting(scenarios):
    run, jobs = scenarios.paused.result()
    (training,) = [line for line in jobs.splitlines() if "Comment=rule_train_base" in line]
    assert "JobState=COMPLETED" in training
    assert re.search("Restarts=[1-9]", training)
    assert "Trying to restart" not in run.output
