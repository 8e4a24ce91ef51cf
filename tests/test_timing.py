"""Times are of the model, repeated in fresh processes, and say under which conditions they were taken."""

import json
import subprocess
import sys
import time
from pathlib import Path

import cv2
import known_detectors as detectors
import numpy as np
import pytest

import measure_inference
import pinch
from pinch.core import records, typed_json
from pinch.core.errors import PinchError
from pinch.core.files import sha256
from pinch.core.record_types.measurements import InferenceRecord
from pinch.data import frames
from pinch.measuring import energy, timing, timing_worker

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


def test_ratio_to_the_baseline_shows_which_is_faster(compared, fast):
    assert compared.baseline.file == "slow_full.onnx"
    assert compared.sha256 == sha256(fast) != compared.baseline.sha256
    assert compared.relative_to_baseline < 0.5
    assert compared.relative_to_baseline == pytest.approx(np.median(compared.round_ratios))


def test_memory_and_conditions_are_recorded(compared):
    assert 30 < compared.rss_before_loading_mb < compared.peak_rss_mb < 1000
    assert compared.exclusive in (True, False)
    assert compared.others.cores_of_machine >= 1
    assert compared.energy_mj is None
    assert compared.energy_source is None
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
    class Sleeper:
        shape = (64, 64)

        def upload(self, batch):
            time.sleep(0.002)
            return batch

        def run(self, inputs):
            time.sleep(0.02)
            return detectors.answer()

        def download(self, outputs):
            time.sleep(0.005)
            return outputs

    samples = timing_worker.time_steps(Sleeper(), [detectors.picture(0)] * 3, warmup=1, min_seconds=0)
    medians = {step: np.median(values) for step, values in samples.items()}
    assert all(len(values) == 3 for values in samples.values())
    assert medians["inference"] >= 20
    assert 2 <= medians["preprocess"] < 20
    assert 5 <= medians["postprocess"] < 20


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
    load = timing.Load("cpu")
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(1)
        others = load.others()
    finally:
        other.kill()
        other.wait()
    assert others.busy_cores > timing.QUIET_CORES
    assert others.exclusive is False


def test_own_work_does_not_count_as_that_of_others():
    load = timing.Load("cpu")
    before = time.process_time()
    subprocess.run([sys.executable, "-c", "for i in range(10**7): pass"], check=True)
    clock, busy, own = (now - start for now, start in zip(load._now(), load._start, strict=True))
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


def test_no_counter_no_energy(tmp_path):
    assert energy.open_counter("cpu", tmp_path) is None


def test_energy_is_gross_and_less_the_idle_machine():
    class Steady:
        """A machine that takes 10 W idle, and 0.1 J more for each inference."""

        source = "steady"
        extra = 0.0

        def read(self):
            return time.perf_counter() * 10 + self.extra

    counter = Steady()

    def work():
        time.sleep(0.01)
        counter.extra += 0.1

    found = energy.measure(counter, work, seconds=0.2, idle_seconds=0.1)
    assert found.source == "steady"
    assert found.idle_w == pytest.approx(10, rel=0.1)
    assert found.net_mj == pytest.approx(100, rel=0.1)
    assert found.gross_mj > found.net_mj + 90
    assert found.inferences > 1
    assert found.seconds >= 0.2
