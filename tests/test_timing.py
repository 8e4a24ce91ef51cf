"""Times are of the model, repeated in fresh processes, and say under which conditions they were taken."""

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import cv2
import known_detectors as detectors
import numpy as np
import pandas as pd
import processing_benchmark
import pytest

import measure_inference
import pinch
from pinch.core import records, typed_json
from pinch.core.errors import PinchError
from pinch.core.files import sha256
from pinch.core.record_types.measurements import Energy, InferenceRecord
from pinch.data import frames
from pinch.measuring import energy, interval, load, peak, rounds, timing, timing_worker
from pinch.runtimes.base import Backend

QUICK = timing.TimingSettings(frames=5, warmup=2, rounds=2, min_seconds=0.05, energy_seconds=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("timing")


@pytest.fixture(scope="module")
def fast(folder):
    return detectors.onnx_detector(folder / "toy_full.onnx")


@pytest.fixture(scope="module")
def video(folder):
    return detectors.video(folder / "hands.mp4")


@pytest.fixture(scope="module")
def compared(folder, fast, video):
    """The fast model measured against one with much more work."""
    slow = detectors.onnx_detector(folder / "slow_full.onnx", work=60)
    return timing.measure(fast, video, QUICK, baseline=slow)


def test_figures_follow_from_the_samples(compared):
    inference = compared.samples_ms["inference"]
    assert len(inference) == len(compared.samples_ms["preprocess"]) >= 2 * 5
    assert compared.p50_ms == pytest.approx(np.median(inference), abs=1e-3)
    assert compared.p99_ms == pytest.approx(np.percentile(inference, 99), abs=1e-3)
    assert compared.mean_ms == pytest.approx(np.mean(inference), abs=1e-3)
    assert compared.min_ms == pytest.approx(min(inference), abs=1e-3)
    assert compared.min_ms <= compared.p50_ms <= compared.p90_ms <= compared.p99_ms
    assert len(compared.round_p50_ms) == 2
    assert compared.spread >= 0
    assert (compared.frames, compared.source, compared.imgsz) == (5, "hands.mp4", 64)
    assert compared.preprocess_ms > 0
    assert compared.postprocess_ms > 0
    assert compared.load_ms > 0
    assert compared.first_ms > 0


def test_a_frame_takes_the_sum_of_its_own_steps(compared):
    totals = np.sum(list(compared.samples_ms.values()), 0)
    assert compared.total_ms == pytest.approx(np.median(totals), abs=1e-3)
    assert compared.total_p90_ms == pytest.approx(np.percentile(totals, 90), abs=1e-3)
    assert compared.fps == pytest.approx(1000 / compared.total_ms)


def test_ratio_to_the_baseline_shows_which_is_faster(compared, fast):
    assert compared.baseline.file == "slow_full.onnx"
    assert compared.sha256 == sha256(fast) != compared.baseline.sha256
    assert compared.relative_to_baseline < 0.5
    assert compared.relative_to_baseline == pytest.approx(np.prod(compared.round_ratios) ** 0.5)
    assert compared.ratio_low < compared.relative_to_baseline < compared.ratio_high
    assert (compared.rounds, len(compared.round_ratios)) == (2, 2)
    assert compared.stable is (compared.ratio_high / compared.relative_to_baseline <= 1.02)


def test_memory_and_conditions_are_recorded(compared):
    assert 30 < compared.rss_import_mb < compared.rss_loaded_mb <= compared.peak_rss_mb < 1000
    assert compared.model_mb == pytest.approx(compared.peak_rss_mb - compared.rss_import_mb)
    assert compared.busy_threads > 0
    assert compared.exclusive in (True, False)
    assert compared.others.cores_of_machine >= 1
    assert compared.energy_mj is None
    assert compared.energy_source is None
    assert compared.energy_note == "not asked for"
    assert (compared.gpu_memory_mb, compared.gpu_percent, compared.power_mw) == (None, None, None)
    assert json.dumps(typed_json.to_json(compared), allow_nan=False)


def test_worker_imports_one_runtime_only(fast):
    code = (
        "import sys, pinch.measuring.timing_worker; from pinch import runtimes; runtimes.open(sys.argv[1]);"
        "heavy = {'torch', 'ultralytics', 'tensorflow', 'openvino', 'ai_edge_litert'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    scripts = str(Path(pinch.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code, fast], env={"PYTHONPATH": scripts}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_steps_are_timed_apart():
    class Sleeper(Backend):
        def __init__(self):
            super().__init__(Path("sleeper"), {}, (64, 64))

        def _place(self, batch):
            time.sleep(0.002)
            return batch

        def run(self, inputs):
            time.sleep(0.02)
            return detectors.answer()

        def download(self, outputs):
            time.sleep(0.005)
            return outputs

    turn = timing_worker.time_steps(Sleeper(), [detectors.picture(0)] * 3, warmup=1, min_seconds=0)
    medians = {step: np.median(values) for step, values in turn.samples_ms.items()}
    assert all(len(values) == 3 for values in turn.samples_ms.values())
    assert turn.wall_seconds > 3 * 0.027
    assert turn.cpu_seconds < turn.wall_seconds
    assert medians["inference"] >= 20
    assert 2 <= medians["preprocess"] < 20
    assert 5 <= medians["postprocess"] < 20


def test_two_runs_are_compared_by_their_intervals(capsys):
    first = pd.DataFrame({"file": ["a.onnx", "b.onnx", "base.onnx"], "device": "cpu", "threads": 1, "processor": "p"})
    ratios = {"relative_to_baseline": [0.50, 0.30, None], "relative_low": [0.49, 0.29, None]}
    first = first.assign(**ratios, relative_high=[0.51, 0.31, None])
    second = first.assign(relative_to_baseline=first["relative_to_baseline"] * [1.03, 1.1, 1])
    second = second.assign(relative_low=second["relative_to_baseline"] - 0.01, relative_high=0.6)
    processing_benchmark.report(first, second)
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "b.onnx, cpu, 1 threads: 0.3000 (0.2900 to 0.3100), then 0.3300 (0.3200 to 0.6000)"
    assert told[1].startswith("1 of 2 ratios differ by more than their intervals together")


@pytest.mark.slow
def test_checkpoint_is_timed_at_the_size_asked_for(folder, video):
    settings = timing.TimingSettings(frames=2, warmup=1, rounds=1, min_seconds=0, energy_seconds=0, imgsz=96)
    result = timing.measure(detectors.checkpoint(folder / "toy.pt"), video, settings)
    assert (result.format, result.imgsz, result.precision) == ("pt", 96, None)
    assert result.relative_to_baseline is None


def test_command_writes_a_record(fast, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "picture.png"), detectors.picture(0))
    output = tmp_path / "record.json"
    arguments = ["--rounds", "1", "--min-seconds", "0", "--energy-seconds", "0", "--output", str(output)]
    measure_inference.main([str(fast), str(tmp_path / "picture.png"), "--device", "cpu", *arguments])
    result = records.read(output, InferenceRecord).value
    assert (result.file, result.model, result.device) == ("toy_full.onnx", "toy", "cpu")
    assert (result.threads, result.frames) == (1, 1)
    assert "ms (p50)" in capsys.readouterr().out


def test_broken_model_is_refused_by_the_worker(tmp_path, video):
    (tmp_path / "bad.onnx").write_text("no model")
    with pytest.raises(PinchError, match="cannot be loaded"):
        timing.measure(tmp_path / "bad.onnx", video, QUICK)


def test_frames_come_from_videos_pictures_and_folders(video, tmp_path):
    assert len(frames.load(video, 5)) == 5
    assert len(frames.load(video, 100)) == 12
    (tmp_path / "more").mkdir()
    for index, name in enumerate(("0", "1", "2", "more/3")):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((8, 9, 3), index, np.uint8))
    (tmp_path / "notes.txt").write_text("not a picture")
    assert [int(image[0, 0, 0]) for image in frames.load(tmp_path, 2)] == [0, 3]
    assert len(frames.load(tmp_path, 10)) == 4
    assert frames.load(tmp_path / "1.png", 10)[0].shape == (8, 9, 3)


@pytest.mark.parametrize(
    ("name", "message"),
    [("gone", "does not exist"), ("empty", "no images"), ("bad.png", "as an image"), ("bad.mp4", "as a video")],
)
def test_unusable_sources_get_one_sentence(tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    for file in ("bad.png", "bad.mp4"):
        (tmp_path / file).write_bytes(b"nothing of the kind")
    with pytest.raises(PinchError, match=message):
        frames.load(tmp_path / name, 3)


def test_a_busy_machine_is_not_exclusive():
    seen = load.Load("cpu")
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(1)
        others = seen.others()
    finally:
        other.kill()
        other.wait()
    assert others.busy_cores > load.QUIET_CORES
    assert others.exclusive is False


def test_own_work_does_not_count_as_that_of_others():
    seen = load.Load("cpu")
    before = time.process_time()
    subprocess.run([sys.executable, "-c", "for i in range(10**7): pass"], check=True)
    clock, busy, own = (now - start for now, start in zip(seen._now(), seen._start, strict=True))
    assert own > time.process_time() - before
    assert busy >= own - 0.1
    assert clock > 0


def rapl(root: Path, name: str, values: list[int]) -> Path:
    """A RAPL domain as Linux shows it; each later value is written when the test advances it."""
    domain = root / f"intel-rapl:{len(list(root.glob('*')))}"
    domain.mkdir(parents=True)
    (domain / "name").write_text(f"{name}\n")
    (domain / "max_energy_range_uj").write_text("1000000\n")
    (domain / "energy_uj").write_text(f"{values[0]}\n")
    return domain


def test_rapl_adds_packages_leaves_out_their_parts_and_wraps(tmp_path):
    first, second = (rapl(tmp_path, f"package-{i}", [900_000]) for i in range(2))
    rapl(tmp_path, "psys", [0])
    counter = energy.open_counter("cpu", tmp_path)
    assert counter.source == "RAPL package-0+package-1"
    (first / "energy_uj").write_text("950000")
    assert counter.read() == pytest.approx(0.05)
    (second / "energy_uj").write_text("100000")  # wrapped around at one joule
    assert counter.read() == pytest.approx(0.25)


def test_no_counter_no_energy_but_the_reason(tmp_path):
    with pytest.raises(energy.NoCounterError, match="shows no RAPL counters"):
        energy.open_counter("cpu", tmp_path)
    (tmp_path / "intel-rapl:0").mkdir()  # no file in it can be read
    with pytest.raises(energy.NoCounterError, match="can be read by root only"):
        energy.open_counter("cpu", tmp_path)


class Steady:
    """A machine that takes 10 W idle, and more for each inference."""

    source = "steady"
    extra = 0.0

    def read(self):
        return time.perf_counter() * 10 + self.extra

    def model(self, joules):
        """A model that takes this much more for each inference."""

        def run(seconds):
            count = 0
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                time.sleep(0.002)
                self.extra += joules
                count += 1
            return energy.Used(count, 0.0)

        return run


def test_energy_is_gross_and_less_the_idle_machine_in_turns_with_the_baseline():
    counter = Steady()
    models = [counter.model(0.1), counter.model(0.4)]
    ours, theirs = energy.measure(counter, models, seconds=0.4, idle_seconds=0.1)
    assert ours.source == "steady"
    assert ours.idle_w == pytest.approx(10, rel=0.1)
    assert (ours.net_mj, theirs.net_mj) == (pytest.approx(100, rel=0.1), pytest.approx(400, rel=0.1))
    assert ours.gross_mj > ours.net_mj + 15
    assert ours.relative_net == pytest.approx(0.25, rel=0.1)
    assert theirs.relative_net is None
    assert len(ours.window_net_mj) == energy.WINDOWS
    assert 0 <= ours.net_spread < 0.5
    assert ours.inferences >= energy.WINDOWS
    assert ours.seconds >= 0.2
    assert ours.busy_cores >= 0


def test_energy_of_a_file_is_counted_while_it_runs_in_turns_with_the_baseline(fast, folder, video, monkeypatch):
    monkeypatch.setattr(energy, "open_counter", lambda _: Steady())
    slow = detectors.onnx_detector(folder / "counted_full.onnx", work=20)
    settings = dataclasses.replace(QUICK, rounds=1, energy_seconds=0.3)
    found = timing.measure(slow, video, settings, baseline=fast)
    window = found.energy
    assert (found.energy_source, found.energy_mj) == ("steady", window.gross_mj)
    assert window.gross_mj == pytest.approx(10 * window.seconds / window.inferences * 1e3, rel=0.01)
    assert (len(window.window_net_mj), window.seconds >= 0.15) == (energy.WINDOWS, True)
    assert abs(found.energy_net_mj) < 0.1 * found.energy_mj


class Neighbour(Steady):
    """A machine on which others are busy while it should be idle, and only then."""

    def __init__(self, monkeypatch):
        self.busy, self.reads = 0.0, 0
        monkeypatch.setattr(load, "busy_seconds", lambda: self.busy)

    def read(self):
        self.reads += 1
        if self.reads == 2:  # at the end of the idle window
            self.busy += 1.0
        return super().read()


def test_others_who_are_busy_while_the_idle_machine_is_measured_are_noticed(monkeypatch):
    counter = Neighbour(monkeypatch)
    found, *_ = energy.measure(counter, [counter.model(0.1)], seconds=0.1, idle_seconds=0.05)
    assert found.busy_cores > 1
    quiet = load.OtherLoad(exclusive=True, busy_cores=0.0, gpu_percent_before=60, cores_of_job=2, cores_of_machine=2)
    assert timing._neighbours(found, "cpu", quiet).endswith("cores busy meanwhile")
    # What is on the processor is not in the GPU's counter, nor the other way round.
    assert timing._neighbours(found, "gpu", quiet) == "others used the GPU 60% of the time just before"
    alone = dataclasses.replace(quiet, gpu_percent_before=0)
    assert timing._neighbours(found, "gpu", alone) is None


def test_models_are_loaded_before_the_idle_machine_is_measured(fast, folder, video, monkeypatch):
    """Else their own start counts as what the idle machine takes."""
    happened = []

    class Seen(Steady):
        def read(self):
            happened.append("counted")
            return super().read()

    repeat = timing._repeat
    monkeypatch.setattr(timing, "_repeat", lambda worker, seconds: happened.append("ran") or repeat(worker, seconds))
    monkeypatch.setattr(energy, "open_counter", lambda _: Seen())
    slow = detectors.onnx_detector(folder / "loaded_full.onnx", work=2)
    timing.measure(slow, video, dataclasses.replace(QUICK, rounds=1, energy_seconds=0.1), baseline=fast)
    assert happened[:3] == ["ran", "ran", "counted"]


def test_a_battery_is_estimated_from_net_energy_only(compared):
    settings = timing.TimingSettings(frame_rate=10, battery_mwh=1000)
    found = Energy(source="made up", gross_mj=90.0, net_mj=50.0, idle_w=4.0, seconds=5.0, inferences=500)
    quick = dataclasses.replace(compared, fps=100.0)
    fields = timing._energy_fields(quick, settings, found, None)
    assert (fields["energy_mj"], fields["energy_net_mj"], fields["energy_source"]) == (90.0, 50.0, "made up")
    assert (fields["frame_rate"], fields["power_mw"], fields["battery_hours"]) == (10, 500.0, 2.0)
    slow = dataclasses.replace(compared, fps=4.0)
    assert timing._energy_fields(slow, settings, found, None)["power_mw"] == 200.0
    nothing = timing._energy_fields(compared, settings, dataclasses.replace(found, net_mj=-1.0), None)
    assert "power_mw" not in nothing
    assert timing._energy_fields(compared, settings, None, "no counter")["energy_note"] == "no counter"


@pytest.mark.parametrize(
    ("used", "pauses"),
    [([0.0] * 9, 3), ([2, 2, 0, 2, 0, 0, 0, 0, 0], 7), ([0, 0, 0.4, 0], 3), ([2.0] * 200, 100)],
)
def test_a_turn_ends_when_no_thread_runs_any_more(monkeypatch, used, pauses):
    """`used` are the processor milliseconds of each pause of two."""
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "process_time", lambda: sum(used[: len(slept)]) / 1e3)
    timing_worker.come_to_rest()
    assert len(slept) == pauses


def made_up_rounds(ratios, turns=3):
    """Rounds in which a model takes these shares of its baseline's time."""

    def of(milliseconds):
        one = {"samples_ms": {"preprocess": [1.0], "inference": [milliseconds], "postprocess": [1.0]}}
        return rounds.Round({}, [one | {"cpu_seconds": 1.0, "wall_seconds": 1.0}] * turns)

    return [[of(ratio * (10 + index)), of(10.0 + index)] for index, ratio in enumerate(ratios)]


@pytest.mark.parametrize(
    ("ratios", "limit", "count"),
    [
        ([0.5] * 9, 8, 3),  # precise, but not before three
        ([0.5, 0.6, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 8, 8),  # one round apart: never precise enough
        ([0.5, 0.512, 0.5, 0.504, 0.505, 0.505, 0.505], 8, 4),
        ([0.5, 0.5, 0.5], 2, 2),
    ],
)
def test_rounds_end_when_the_ratio_is_precise(monkeypatch, ratios, limit, count):
    made = iter(made_up_rounds(ratios))
    monkeypatch.setattr(rounds, "_round", lambda *_, **__: next(made))
    settings = timing.TimingSettings(rounds=limit, half_width=0.02)
    assert len(list(rounds.until_precise([Path("a"), Path("b")], settings, ""))) == count


def test_a_model_alone_goes_on_until_its_time_is_precise(monkeypatch):
    times = [10.0, 10.2, 9.8, 10.0, 10.0, 10.0, 10.0, 10.0]
    made = iter([[pair[0]] for pair in made_up_rounds([time / (10 + i) for i, time in enumerate(times)])])
    monkeypatch.setattr(rounds, "_round", lambda *_, **__: next(made))
    found = list(rounds.until_precise([Path("a")], timing.TimingSettings(rounds=8), ""))
    assert 3 < len(found) < 8
    assert rounds.precision(found).is_within(0.02)
    assert not rounds.precision(found[:-1]).is_within(0.02)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    values = np.exp(np.random.default_rng(0).normal(np.log(0.4), 0.02, (1000, 4)))
    found = [interval.of_values(row) for row in values]
    assert 0.93 < np.mean([low <= 0.4 <= high for _, low, high in found]) < 0.97
    assert interval.of_values([0.4]) == (pytest.approx(0.4), None, None)
    assert not interval.of_values([0.4]).is_within(1.0)


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_the_peak_rate_says_what_it_was_measured_by(monkeypatch, kind):
    monkeypatch.setattr(peak, "SIDE", 64)
    gops, measured_by = peak.measure(kind, 1)
    assert gops > 0
    assert "of 64x64" in measured_by


def test_the_use_of_the_processor_is_over_all_turns():
    opened = dict.fromkeys(("rss_import_mb", "rss_loaded_mb", "peak_rss_mb", "gpu_memory_mb")) | {"macs": 5_000_000}
    turn = {"samples_ms": {}, "cpu_seconds": 3.0, "wall_seconds": 2.0}
    fields = timing._resources([rounds.Round(opened, [turn, turn], {})])
    assert fields["busy_threads"] == 1.5
    assert fields["model_mb"] is None


def test_a_process_that_dies_is_reported_with_its_last_message(fast, video, monkeypatch, tmp_path):
    (tmp_path / "onnxruntime.py").write_text("print('hello'); raise ImportError('there is no such library')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(PinchError, match="ended with code 1: ImportError: there is no such library"):
        timing.compare([fast], video, dataclasses.replace(QUICK, rounds=1, frames=1))
