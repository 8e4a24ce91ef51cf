"""Plans: what Snakemake's graph becomes in hours, the longest chain and disk, and the command that prints it."""

import shutil
import threading

import pytest
import yaml

from pinch.operations import plan

DOT = r"""digraph snakemake_dag {
    graph[bgcolor=white, margin=0];
    0[label = "all", color = "0.1 0.6 0.85", style="rounded"];
    1[label = "check_gpu\nuse: training", color = "0.2 0.6 0.85", style="rounded"];
    2[label = "hagrid_to_yolo", color = "0.3 0.6 0.85", style="rounded,dashed"];
    3[label = "train_base", color = "0.4 0.6 0.85", style="rounded"];
    4[label = "tune_pruned\nmethod: coarse", color = "0.5 0.6 0.85", style="rounded"];
    5[label = "tune_pruned\nmethod: fine", color = "0.5 0.6 0.85", style="rounded"];
    6[label = "export_onnx\nmodel: some\nprecision: int8", color = "0.6 0.6 0.85", style="rounded"];
    1 -> 3
    2 -> 3
    1 -> 4
    3 -> 4
    1 -> 5
    3 -> 5
    3 -> 6
    4 -> 0
    5 -> 0
    6 -> 0
}
"""
WORK = plan.Workload(
    images=(4000, 600, 600), epochs={"base": 100, "coarse": 10, "fine": 15}, imgsz=640, timed_frames=100
)


@pytest.fixture
def graph():
    return plan.parse_dag(DOT)


def test_graphs_keep_rules_wildcards_and_what_is_done(graph):
    assert graph.jobs[4] == plan.PlannedJob("tune_pruned", {"method": "coarse"})
    assert graph.jobs[2].done
    assert graph.needs[3] == {1, 2}
    assert [number for number in graph.jobs if graph.uses_gpu(number)] == [1, 3, 4, 5]


def test_assumed_hours_follow_epochs_pictures_and_area(graph):
    stages = {stage.rule: stage for stage in plan.make(graph, WORK, {}).stages}
    # An epoch: 4000 pictures at 400 a second and 600 at 600 a second; 20 s for a job to start.
    assert stages["train_base"].hours * 3600 == pytest.approx(20 + 100 * 11)
    assert stages["tune_pruned"].hours * 3600 == pytest.approx(2 * 20 + (10 + 15) * 11)
    assert stages["tune_pruned"].gpu
    assert not stages["export_onnx"].gpu
    assert "hagrid_to_yolo" not in stages, "done jobs take no more time"
    small = plan.Workload(WORK.images, WORK.epochs, 320, WORK.timed_frames)
    quarter = {stage.rule: stage for stage in plan.make(graph, small, {}).stages}["train_base"]
    assert quarter.hours * 3600 == pytest.approx(20 + 100 * 11 / 4)


def test_measured_jobs_replace_assumptions_and_make_the_longest_chain(graph):
    made = plan.make(
        graph, WORK, {"check_gpu": 36, "train_base": 3600, "tune_pruned": 360, "export_onnx": 7200, "all": 1}
    )
    assert [rule for rule, _ in made.chain] == ["check_gpu", "train_base", "export_onnx", "all"]
    assert sum(hours for _, hours in made.chain) == pytest.approx((36 + 3600 + 7200 + 1) / 3600)
    assert made.gpu_hours == pytest.approx((36 + 3600 + 2 * 360) / 3600)
    assert made.cpu_hours == pytest.approx(7201 / 3600)
    assert all(stage.measured for stage in made.stages)


def test_times_of_earlier_jobs_are_medians_by_rule(tmp_path):
    for name, seconds in (("a", 10), ("b", 30), ("c", 500)):
        path = tmp_path / f"tune_pruned/{name}.tsv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"s\tmax_rss\tcpu_time\n{seconds}\t100\t{seconds}\n")
    assert plan.measured_seconds(tmp_path) == pytest.approx({"tune_pruned": 30})
    assert plan.measured_seconds(tmp_path / "nothing") == {}


@pytest.mark.fault
def test_times_of_jobs_that_end_or_are_removed_meanwhile_are_left_out(tmp_path):
    whole = "s\tmax_rss\tcpu_time\n30\t100\t30\n"
    ends = threading.Event()

    def run():
        while not ends.is_set():
            folder = tmp_path / "tune_pruned/gone"
            folder.mkdir(parents=True, exist_ok=True)
            for length in range(0, len(whole), 5):
                (folder / "job.tsv").write_text(whole[:length])
            (folder / "job.tsv").write_bytes(b"\xff\0")
            shutil.rmtree(folder)

    (tmp_path / "train_base").mkdir()
    (tmp_path / "train_base/base.tsv").write_text(whole)
    jobs = threading.Thread(target=run)
    jobs.start()
    try:
        seen = [plan.measured_seconds(tmp_path) for _ in range(1000)]
    finally:
        ends.set()
        jobs.join()
    assert all(found["train_base"] == pytest.approx(30) for found in seen)


def test_quantized_exports_take_longer_by_their_comparison(graph):
    def hours(precision):
        job = plan.PlannedJob("export_onnx", {"precision": precision})
        return plan.assumed_seconds(job, False, WORK)

    assert hours("int8") - hours("half") == pytest.approx(2 * 600 / 15)
    assert hours("half") == hours("full")


def test_studies_take_what_their_parts_train_and_look_at():
    def seconds(rule, work=WORK, gpu=True):
        return plan.assumed_seconds(plan.PlannedJob(rule), gpu, work) - 20

    # 200 pictures of val and all 600 of test, by each network and the one that is not pruned.
    assert seconds("scan_layers") == pytest.approx(61 * 200 / 600)
    assert seconds("scan_layers", gpu=False) == pytest.approx(61 * 200 / 15)
    assert seconds("explain_pruning") == pytest.approx(4 * 600 / 600)
    assert seconds("explain_tuning") == pytest.approx(15 * 11 + 2 * 600 / 600)
    large = plan.Workload((4000, 600, 50_000), WORK.epochs, 640, WORK.timed_frames)
    assert seconds("explain_pruning", large) == pytest.approx(4 * 1000 / 600), "a thousand at most"
    assert seconds("explain_tuning", large) == pytest.approx(15 * 11 + 2 * 1000 / 600)


def test_disk_counts_what_is_left_to_make(graph):
    everything = plan.make(graph, WORK, {}).disk_bytes
    done = plan.JobGraph({n: plan.PlannedJob(j.rule, j.wildcards, True) for n, j in graph.jobs.items()}, graph.needs)
    assert everything > 3 * 5.6e6
    assert plan.make(done, WORK, {}).disk_bytes == 0
    assert plan.make(done, WORK, {}).chain == []


def test_command_plans_the_full_configuration(command, tmp_path):
    result = command("plan.py", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line.strip()}
    assert lines["tune_pruned"][1] == "18"
    assert float(lines["tune_pruned"][3]) > 1
    assert "assumptions" in lines["train_base"]
    assert "Longest chain: " in result.stdout
    assert " GB needed besides the user's own images, " in result.stdout


def test_command_refuses_in_one_sentence(command, tmp_path):
    result = command("plan.py", "--configfile", tmp_path / "none.yaml")
    assert result.returncode != 0
    assert "none.yaml does not exist: name a configuration with --configfile" in result.stderr
    assert "Traceback" not in result.stderr
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump({"name": "some", "unknown": 1}))
    result = command("plan.py", "--configfile", tmp_path / "wrong.yaml")
    assert result.returncode != 0
    assert "unknown key 'unknown'" in result.stderr
    assert "Traceback" not in result.stderr
