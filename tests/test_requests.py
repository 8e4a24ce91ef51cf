"""What jobs ask for: from the data's size, earlier jobs, and the limits of a site."""

import inspect
import json
import shutil
import threading
from dataclasses import replace

import made_up_records as made_up
import pytest
import shapes
from conftest import ROOT

from pinch.core import records
from pinch.core.record_types.data import DatasetRecord, SplitContent
from pinch.core.schema import load, validate
from pinch.operations import experience, rates, requests, workload
from pinch.operations.experience import Experience, Seen
from pinch.operations.rates import Job
from pinch.operations.requests import Requests
from pinch.operations.site import Site
from pinch.operations.sources import Sources
from pinch.operations.workload import Workload
from pinch.run.identity import Model

WORK = Workload(
    images=(40_000, 6000, 6000), classes=10, epochs={"base": 100, "coarse": 10, "fine": 15}, imgsz=640, timed_frames=100
)
# HaGRID's folders, which are not there yet.
FOLDERS = {"images": "nowhere/images", "annotations": "nowhere/annotations"}
EVALUATION = Job("evaluate_artifact", {"artifact": "some_full.onnx"}, threads=4)


def asking(work=WORK, seen=(), margin=requests.MARGIN, **limits):
    """What jobs ask for on a cluster with these limits."""
    place = Site(cpu_partition="cpu", gpu_partition="gpu", **limits)
    return Requests(lambda: work, lambda: place, lambda: Experience(seen), ROOT / requests.MEMORY, margin)


def call(function, job, attempt=1):
    """Call a resource function as Snakemake does."""
    needs = {"data": "data.yaml", "gpu": ["record"] if job.gpu else []}
    return function(job.wildcards, input=needs, attempt=attempt, threads=job.threads, rulename=job.rule)


def configuration(**changes):
    """A configuration with all defaults."""
    config = {"name": "some", **changes}
    validate(config, load(str(ROOT / "workflow/schemas/config.schema.yaml")))
    return config


def sources_of(config):
    """What a run with this configuration starts from."""
    return Sources(config, "rendered")


# --- What is asked for ------------------------------------------------------------------------------------------------
def test_time_is_twice_what_is_expected_and_grows_with_each_attempt():
    asks = asking()
    # 12,000 images, each decoded in 1/250 s and looked at in 1/15 s, and 20 s to start.
    assert asks.seconds(EVALUATION) == pytest.approx(20 + 12_000 * (1 / 250 + 1 / 15))
    assert [call(asks.minutes, EVALUATION, attempt) for attempt in (1, 2, 3)] == [29 + 1, 60, 90]
    assert call(asking(replace(WORK, images=(0, 60_000, 60_000))).minutes, EVALUATION) == 284
    assert call(asking(replace(WORK, limit=10)).minutes, EVALUATION) == 30, "the least"


def test_threads_count_where_they_compute():
    alone = replace(EVALUATION, threads=1)
    asks = asking()
    assert asks.seconds(alone) == pytest.approx(20 + 12_000 * (1 / 250 + 4 / 15))
    export = Job("export_onnx", {"stem": "some", "precision": "int8"})
    checked = 10 * WORK.calibration_images + 2 * 6000
    assert asks.seconds(export) == pytest.approx(20 + 60 + checked * 4 / 15)
    assert asks.seconds(replace(export, threads=4)) == pytest.approx(20 + 60 + checked / 15)
    assert asks.seconds(replace(export, wildcards={"stem": "some", "precision": "half"})) == 20 + 60
    conversion = Job("hagrid_to_yolo", threads=8)
    assert asks.seconds(conversion) == pytest.approx(20 + 52_000 / (8 * 250))


def test_studies_take_what_their_parts_train_and_look_at():
    def seconds(rule, work=WORK, gpu=True):
        return rates.seconds(Job(rule, gpu=gpu, threads=4), work) - 20

    work = replace(WORK, images=(4000, 600, 600))
    # 200 pictures of val and all 600 of test, by each network and the one that is not pruned.
    assert seconds("scan_layers", work) == pytest.approx(61 * 200 / 600)
    assert seconds("scan_layers", work, gpu=False) == pytest.approx(61 * 200 / 15)
    assert seconds("explain_pruning", work) == pytest.approx(4 * 600 / 600)
    assert seconds("explain_tuning", work) == pytest.approx(15 * 11 + 2 * 600 / 600)
    large = replace(work, images=(4000, 600, 50_000))
    assert seconds("explain_pruning", large) == pytest.approx(4 * 1000 / 600), "a thousand at most"
    assert seconds("explain_tuning", large) == pytest.approx(15 * 11 + 2 * 1000 / 600)


def test_a_teacher_makes_each_epoch_of_its_method_longer():
    job, share = Job("tune_pruned", {"method": "coarse"}, gpu=True), rates.ASSUMPTIONS["teacher"][0]
    work = replace(WORK, teachers={"coarse": 3.0})
    extra = share * 3 * 40_000 / 400
    assert rates.epoch_seconds(job, work) == pytest.approx(rates.epoch_seconds(job, WORK) + extra)
    assert rates.seconds(job, work) == pytest.approx(rates.seconds(job, WORK) + 10 * extra)
    assert rates.unbroken_seconds(job, work) == pytest.approx(rates.unbroken_seconds(job, WORK) + extra)
    for other in (Job("train_base", gpu=True), Job("tune_pruned", {"method": "fine"}, gpu=True)):
        assert rates.seconds(other, work) == rates.seconds(other, WORK)


def test_steps_are_ranked_on_the_processor_and_averages_are_validated():
    job = Job("tune_pruned", {"method": "coarse"}, gpu=True, threads=4)
    stepwise = rates.seconds(job, replace(WORK, steps=3)) - rates.seconds(job, WORK)
    assert stepwise == pytest.approx(3 * (rates.seconds(Job("coarse_prune", threads=4), WORK) - 20))
    assert rates.seconds(replace(job, wildcards={"method": "fine"}), replace(WORK, steps=3)) == 20 + 15 * 110
    averaged = rates.seconds(job, replace(WORK, averaged=("coarse",))) - rates.seconds(job, WORK)
    assert averaged == pytest.approx((6000 + 1024) / 600)
    assert rates.seconds(Job("train_base"), replace(WORK, averaged=("coarse",))) == rates.seconds(
        Job("train_base"), WORK
    )
    size = Job("tune_rival", {"rival": "size", "amount": "320"}, gpu=True)
    rivals = replace(WORK, epochs={"size": 10}, sizes=(320,))
    assert rates.seconds(size, rivals) == pytest.approx(20 + 10 * 110 / 4)
    averaged = rates.seconds(size, replace(rivals, averaged=("size",))) - rates.seconds(size, rivals)
    assert averaged == pytest.approx((6000 + 1024) / 600 / 4)


def test_the_configuration_tells_how_large_teachers_are_and_what_is_averaged(tmp_path):
    base, large = tmp_path / "base.pt", tmp_path / "large.pt"
    base.write_bytes(bytes(1000))
    large.write_bytes(bytes(3500))
    coarse = {"ratios": [0.5], "teacher": str(large), "steps": 3, "average": 2}
    found = workload.settings(configuration(base_model=str(base), coarse=coarse, fine={"teacher": "base"}))
    assert found["teachers"] == {"coarse": 3.5, "fine": 1.0}
    assert found["averaged"] == ("coarse", "size", "depth", "twin")
    assert found["steps"] == 3
    large.unlink()
    later = workload.settings(configuration(base_model=str(base), coarse=coarse))
    assert later["teachers"]["coarse"] > 1, "it is not there yet"


def test_other_sizes_of_exported_models_take_their_own_time():
    work = replace(WORK, sizes=(320, 1280))
    for size, per_image in {"": 1 / 15, "_320": 1 / 60}.items():
        job = Job("evaluate_artifact", {"artifact": f"some{size}_int8_openvino"}, threads=4)
        assert rates.seconds(job, work) == pytest.approx(20 + 12_000 * (1 / 250 + per_image))
    exports = [Job("export_onnx", {"stem": stem, "precision": "int8"}) for stem in ("some", "some_1280")]
    assert rates.seconds(exports[1], work) - 80 == pytest.approx(4 * (rates.seconds(exports[0], work) - 80))


def test_memory_grows_with_images_processes_and_attempts_as_far_as_nodes_have_it():
    training = Job("train_base", gpu=True, threads=8)
    asks = asking(gpu_memory_mb=30_000)
    assert asks.needed_mb(training) == pytest.approx(2000 + 8 * 1250 + 1.5 * 46 * 9)
    assert [call(asks.memory_mb, training, attempt) for attempt in (1, 2)] == [25_242, 30_000]
    assert call(asking(margin=1).memory_mb, training) == 12_621
    assert asking(replace(WORK, images=(10**6, 10**5, 10**5))).needed_mb(training) > 2 * asks.needed_mb(training)
    limited = replace(WORK, images=(10**6, 10**5, 10**5), limit=3000)
    assert asking(limited).needed_mb(EVALUATION) == 4000 + 15 * 6


def test_members_of_a_group_divide_what_the_partition_allows():
    work = replace(WORK, images=(0, 300_000, 300_000))
    export = Job("export_onnx", {"stem": "some", "precision": "int8"}, threads=4)
    asks = asking(work, cpu_minutes=1440)
    assert call(asks.minutes, export, 3) + call(asks.minutes, EVALUATION, 3) in (1439, 1440)
    alone = asking(work, cpu_minutes=800)
    assert [call(alone.minutes, job, 3) for job in (export, EVALUATION)] == [800, 800]


def test_what_jobs_ask_for_is_found_once_for_all_that_are_alike(monkeypatch):
    computed, compute = [], rates.seconds
    monkeypatch.setattr(rates, "seconds", lambda job, work: computed.append(job.rule) or compute(job, work))
    work = [WORK]
    asks = Requests(
        lambda: work[0], lambda: Site(cpu_partition="cpu", gpu_partition="gpu"), memory=ROOT / requests.MEMORY
    )
    timings = [Job("measure_on_cpu", {"artifact": f"some_{size}_full.onnx", "threads": "2"}) for size in range(200)]
    exports = [Job("export_onnx", {"stem": "some", "precision": precision}) for precision in ("full", "int8")]
    for job in [*timings, *exports, *exports]:
        for attempt in (1, 2):
            call(asks.minutes, job, attempt)
            call(asks.memory_mb, job, attempt)
    assert computed == ["measure_on_cpu", "export_onnx", "export_onnx"]
    work[0] = replace(WORK, timed_frames=10**7)
    assert call(asks.minutes, timings[0]) > 15, "the work is another one now"


def test_functions_of_rules_have_their_signature_at_hand():
    asks = asking()
    for function in (asks.minutes, asks.memory_mb):
        assert list(function.__signature__.parameters) == ["wildcards", "input", "attempt", "threads", "rulename"]
        assert inspect.signature(function) is function.__signature__


# --- How large the data is --------------------------------------------------------------------------------------------
def write_dataset(path, train, val, test, classes=("cat",)):
    counts = {"train": train, "val": val, "test": test}
    splits = {split: SplitContent(images=count, boxes={}) for split, count in counts.items()}
    records.write(path, DatasetRecord(data_yaml="data.yaml", classes=list(classes), splits=splits))


def test_once_there_is_a_record_of_the_data_set_requests_follow_it(tmp_path):
    record = tmp_path / "records/dataset.json"
    place = Site(cpu_partition="cpu", gpu_partition="gpu")
    config = configuration(hagrid={"targets": ["like", "ok"]} | FOLDERS)
    asks = Requests(workload.Watched(config, record, sources_of(config)), lambda: place, memory=ROOT / requests.MEMORY)
    assert asks.work().images == (2 * 24_900, 2 * 3000, 2 * 5000)
    before = call(asks.minutes, EVALUATION)
    write_dataset(record, 1000, 400_000, 400_000)
    assert asks.work().images == (1000, 400_000, 400_000)
    assert call(asks.minutes, EVALUATION) > 10 * before
    record.write_text("{")
    assert asks.work().classes == 2, "it is being replaced"


@pytest.mark.parametrize(
    ("changes", "images"),
    [
        ({"hagrid": {"targets": ["ok"], "limit": 4000} | FOLDERS}, (4000, 3000, 4000)),
        ({"hagrid": {"targets": ["ok", "like"], "fetch": {"limit": 329}}}, (2 * 249, 2 * 30, 2 * 50)),
        ({"hagrid": {"targets": "all"} | FOLDERS}, (34 * 24_900, 34 * 3000, 34 * 5000)),
        ({"synthetic": {"images": [3, 2, 1]}, "hagrid": {"targets": ["ok", "like"]}}, (6, 4, 2)),
        ({"dataset": "nowhere/data.yaml"}, (0, 0, 0)),
    ],
)
def test_without_a_record_the_configuration_tells(tmp_path, changes, images):
    config = configuration(**changes)
    assert workload.of(config, tmp_path / "none.json", sources_of(config)).images == images


def test_images_of_ones_own_data_set_are_counted(tmp_path):
    data = shapes.write(tmp_path, train=5, val=3)
    config = configuration(dataset=str(data))
    found = workload.of(config, tmp_path / "none.json", sources_of(config))
    assert found.images[:2] == (5, 3)


# --- Earlier jobs -----------------------------------------------------------------------------------------------------
@pytest.fixture
def run(tmp_path):
    """A finished run of this many images: write(name, images, device, further keys) -> its folder."""

    def write(name, images, device="gpu", **changes):
        folder = tmp_path / "results" / name
        write_dataset(folder / "records/dataset.json", *images)
        config = configuration(device=device, train={"epochs": 100}, **changes)
        (folder / "manifest.json").write_text(json.dumps(experience.noted(config)))
        return folder

    return write


def benchmark(folder, rule, name, seconds):
    path = folder / f"benchmarks/{rule}/{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\tmax_rss\tcpu_time\n{seconds}\t100\t{seconds}\n")


def factor(tmp_path, job, work=WORK, on_slurm=False):
    return Experience.read(tmp_path / "results", on_slurm).factor(job, work)


def test_earlier_jobs_of_any_size_tell_by_which_factor_jobs_take_longer(tmp_path, run):
    assert factor(tmp_path, EVALUATION) is None
    folder = run("one", (9000, 900, 900))
    expected = 20 + 1800 * (1 / 250 + 1 / 15)
    for number, times in enumerate((3, 4, 50)):
        benchmark(folder, "evaluate_artifact", f"one_{number}_full.onnx", times * expected)
    assert factor(tmp_path, EVALUATION) == pytest.approx(4), "the median"
    asks = asking(seen=[Seen(EVALUATION, WORK, 4 * rates.seconds(EVALUATION, WORK))])
    assert asks.seconds(EVALUATION) == pytest.approx(4 * rates.seconds(EVALUATION, WORK))
    assert factor(tmp_path, replace(EVALUATION, rule="evaluate_model")) is None


def test_an_evaluation_at_a_rivals_image_size_tells_of_its_time_at_that_size(tmp_path, run):
    job = Job("evaluate_model", {"model": "one_size_320_tuned"})
    work = replace(WORK, images=(9000, 900, 900), sizes=(320,))
    assert rates.seconds(job, work) < 0.5 * rates.seconds(replace(job, wildcards={"model": "one"}), work)
    folder = run("one", work.images, "cpu", rivals={"imgsz": [320]})
    benchmark(folder, "evaluate_model", job.wildcards["model"], 3 * rates.seconds(job, work))
    assert factor(tmp_path, job, work) == pytest.approx(3)


def test_short_jobs_of_a_small_run_say_nothing_of_a_large_one(tmp_path, run):
    benchmark(run("demo", (90, 9, 9)), "evaluate_artifact", "demo_full.onnx", 60)
    assert factor(tmp_path, EVALUATION) is None
    assert factor(tmp_path, EVALUATION, replace(WORK, images=(100, 10, 10))) > 2


def test_jobs_of_a_cluster_and_of_one_machine_are_not_mixed(tmp_path, run, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    benchmark(run("there", (9000, 900, 900)), "evaluate_artifact", "there_full.onnx", 1000)
    assert factor(tmp_path, EVALUATION) is None
    assert factor(tmp_path, EVALUATION, on_slurm=True) > 5


def test_trainings_that_ended_early_or_went_on_count_by_their_epochs(tmp_path, run):
    folder = run("one", (40_000, 6000, 6000))
    # Ten epochs of 110 s at the assumed rates, which took twice that; the last of its jobs was short.
    training = replace(made_up.training_record(Model("one"), 0.5), epochs_requested=100, epochs_run=10, seconds=2200.0)
    records.write(folder / "records/training/one.json", training)
    benchmark(folder, "train_base", "one", 30)
    found = factor(tmp_path, Job("train_base", gpu=True, threads=8))
    assert found == pytest.approx(22_000 / (20 + 100 * 110))
    assert factor(tmp_path, Job("train_base", threads=8)) is None, "a GPU's time says nothing of a processor's"


def test_the_tuning_of_a_twin_is_known_from_those_of_the_base_and_of_pruned_models(tmp_path, run):
    folder = run("one", (40_000, 6000, 6000))
    twin = Model("one", tuned=True)
    # 15 epochs of 110 s at the assumed rates, which took three times that.
    training = replace(made_up.training_record(twin, 0.5), epochs_requested=15, epochs_run=15, seconds=15 * 330.0)
    records.write(folder / f"records/training/{twin}.json", training)
    config = configuration(device="gpu", fine={"ratios": [0.5]})
    (folder / "manifest.json").write_text(json.dumps(experience.noted(config)))
    work = replace(WORK, epochs=WORK.epochs | {"twin": 15})
    assert factor(tmp_path, Job("tune_base", gpu=True, threads=8), work) == pytest.approx(4950 / (20 + 15 * 110))
    for other in (Job("train_base", gpu=True), Job("tune_pruned", {"method": "fine"}, gpu=True)):
        assert factor(tmp_path, other, work) is None
    without = experience.noted(configuration(device="gpu", fine={"ratios": [0.5]}, tune_base=False))
    (folder / "manifest.json").write_text(json.dumps(without))
    assert factor(tmp_path, Job("tune_base", gpu=True), work) is None, "the record of a twin that the run had once"


@pytest.mark.fault
def test_times_of_jobs_that_end_or_are_removed_meanwhile_are_left_out(tmp_path, run):
    folder = run("one", (40_000, 6000, 6000))
    benchmark(folder, "hagrid_to_yolo", "one", 400)
    whole, ends = "s\tmax_rss\tcpu_time\n30\t100\t30\n", threading.Event()

    def others():
        while not ends.is_set():
            gone = folder / "benchmarks/tune_pruned/gone"
            gone.mkdir(parents=True, exist_ok=True)
            for length in range(0, len(whole), 5):
                (gone / "job.tsv").write_text(whole[:length])
            (gone / "job.tsv").write_bytes(b"\xff\0")
            shutil.rmtree(gone)

    jobs = threading.Thread(target=others)
    jobs.start()
    try:
        seen = [factor(tmp_path, Job("hagrid_to_yolo", threads=8)) for _ in range(200)]
    finally:
        ends.set()
        jobs.join()
    assert seen == pytest.approx([400 / (20 + 52_000 / 2000)] * 200)
