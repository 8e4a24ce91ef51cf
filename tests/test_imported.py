"""Times from other devices: read from the files of the page and of benchmark_model, and made a record."""

import made_up_device as device
import made_up_run
import numpy as np
import pytest

import import_timings
from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.exports import ExportRecord
from pinch.core.record_types.imported import ImportedRecord
from pinch.measuring import interval
from pinch.measuring.imported import entries, reading
from pinch.run.identity import parse_artifact

FULL, LITE, INT8 = "demo_full.onnx", "demo_full.tflite", "demo_int8.tflite"
LOG_HEAD = "07-14 13:14:52.098 22838 22838 I tflite  : "


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return made_up_run.make(tmp_path_factory.mktemp("run") / "demo", coarse=(50,), fine=())


@pytest.fixture
def imported(run, tmp_path):
    """Make a record of files as the command does, and read it."""

    def made(*files, name=None):
        told = ["--device", name] if name else []
        import_timings.main([*files, "--results", str(run), *told, "--output", str(tmp_path / "record.json")])
        return records.read(tmp_path / "record.json", ImportedRecord).value

    return made


def test_the_page_measures_in_turns_so_ratios_are_of_rounds(imported, tmp_path):
    times = {FULL: 40.0, INT8: 10.0}
    found = imported(
        device.save(tmp_path / "a.json", device.page(times, curve=[10, 10, 10, 10, 10, 11, 12, 13, 14, 15]))
    )
    assert (found.device.name, found.device.is_phone, found.device.cores) == ("Pixel 8", True, 8)
    base, small = found.timings
    assert (base.file, small.file) == (FULL, INT8)
    assert (small.place, small.unit, small.threads) == ("Chrome 142 on Android, WebAssembly", "cpu", 1)
    assert (small.runtime, small.version) == ("LiteRT.js", "0.3.0")
    assert (base.baseline_file, base.relative_to_baseline) == (None, None)
    assert (small.baseline_file, small.relative_to_baseline) == (FULL, pytest.approx(0.25))
    assert small.ratio_high - small.ratio_low < 1e-9, "each round was as much slower for both"
    medians = [10.0 * share * 1.02 for share in device.ROUNDS]
    assert small.round_p50_ms == pytest.approx(medians)
    assert (small.p50_low_ms, small.p50_high_ms) == pytest.approx(interval.of_values(medians)[1:])
    assert small.p50_ms == pytest.approx(np.median(small.samples_ms["inference"]))
    assert small.inferences == len(small.samples_ms["inference"]) == 20
    assert small.total_ms == pytest.approx(small.p50_ms + 3)
    assert small.p90_ms < small.p99_ms
    assert base.notes == ["in a run of 10 s, the last fifth took 1.45 times as long as the first"]


@pytest.mark.parametrize("head", ["", "INFO: ", LOG_HEAD])
def test_benchmark_model_tells_summaries_of_a_run(imported, tmp_path, head):
    files = [
        device.save(tmp_path / f"{ms}.txt", device.benchmark_model(file, ms, head))
        for file, ms in ((LITE, 40), (INT8, 10))
    ]
    found = imported(*files, name="Pixel 8")
    assert (found.device.name, found.device.is_phone, found.measured_at) == ("Pixel 8", True, None)
    small = found.timings[1]
    assert (small.place, small.unit, small.threads, small.version) == ("native", "cpu", 4, None)
    assert (small.p50_ms, small.mean_ms, small.min_ms) == pytest.approx((10.0, 10.1505, 9.7))
    assert (small.load_ms, small.first_ms) == pytest.approx((92.318, 19.0))
    assert (small.model_mb, small.peak_rss_mb) == (33.4102, 61.25)
    assert (small.p90_ms, small.p99_ms, small.samples_ms, small.inferences) == (None, None, {}, 50)
    assert (small.baseline_file, small.relative_to_baseline) == (LITE, pytest.approx(0.25))
    assert (small.ratio_low, small.p50_low_ms) == (None, None)
    assert any("a single run does not tell" in note for note in small.notes)
    assert "XNNPACK computes 339 of 348 operators" in small.notes


def test_repeated_runs_are_rounds_in_one_file_or_several(imported, tmp_path):
    runs = {LITE: (40, 41, 40.5), INT8: (10, 10.2, 10.1)}
    texts = [device.benchmark_model(file, times[turn]) for turn in range(3) for file, times in runs.items()]
    together = imported(device.save(tmp_path / "all.txt", "".join(texts)), name="Pixel 8")
    apart = imported(*(device.save(tmp_path / f"{n}.txt", text) for n, text in enumerate(texts)), name="Pixel 8")
    assert together == apart
    small = together.timings[1]
    assert small.round_p50_ms == [10, 10.2, 10.1]
    ours, theirs = (interval.of_values(runs[file]) for file in (INT8, LITE))
    assert (small.p50_low_ms, small.p50_high_ms) == (ours.low, ours.high)
    assert (small.relative_to_baseline, small.ratio_low, small.ratio_high) == pytest.approx(
        interval.ratio(ours, theirs)
    )


def test_what_computed_is_the_place(imported, tmp_path):
    def place(**options):
        path = device.save(tmp_path / "one.txt", device.benchmark_model(INT8, 10, **options))
        timing = imported(path, name="Pixel 8").timings[0]
        return timing.place, timing.unit, timing.threads

    assert place(use="gpu") == ("native, GPU delegate", "gpu", 1)
    assert place(use="NNAPI", threads=None) == ("native, NNAPI", "npu", 1)
    with pytest.raises(
        PinchError, match="does not say on how many threads it was: run benchmark_model with --num_threads"
    ):
        place(threads=None)
    refused = "Though GPU delegate is explicitly applied, the model graph will not be executed by the delegate.\n"
    text = device.benchmark_model(INT8, 10, use="gpu").replace(
        "INFO: Initialized session", f"{refused}Initialized session"
    )
    fallen = imported(device.save(tmp_path / "back.txt", text), name="Pixel 8").timings[0]
    assert (fallen.place, fallen.unit, fallen.threads) == ("native", "cpu", 4)
    assert "GPU delegate took nothing of it, so the CPU computed" in fallen.notes


def test_a_mean_stands_for_a_median_that_is_not_printed_and_says_so(imported, tmp_path):
    text = device.benchmark_model(INT8, 10, percentiles=False)
    timing = imported(device.save(tmp_path / "old.txt", text), name="Pixel 8").timings[0]
    assert timing.p50_ms == timing.mean_ms == pytest.approx(10.1505)
    assert "this version prints no median: the mean stands for it" in timing.notes
    assert "no ratio, because the base's float32 file was not measured there" in timing.notes


def test_a_desktop_is_no_phone_and_powershell_writes_two_bytes_a_letter(imported, tmp_path):
    page = device.page({FULL: 40.0}, name="my PC", backend="webgpu", threads=4, user_agent=device.DESKTOP)
    found = imported(device.save(tmp_path / "pc.json", page))
    assert not found.device.is_phone
    assert (found.timings[0].place, found.timings[0].threads) == ("Chrome 142 on Linux, WebGPU", 1)
    path = tmp_path / "wide.txt"
    path.write_text(device.benchmark_model(INT8, 10, folder="/home/me"), encoding="utf-16")
    assert not imported(str(path), name="my PC").device.is_phone


@pytest.mark.fault
def test_what_is_no_file_of_times_gets_one_sentence(tmp_path):
    whole = device.page({FULL: 40.0})
    text = device.benchmark_model(INT8, 10, megabytes=3.5)
    cut = text.split("Inference timings")[0]
    damaged = [
        text.replace(told, f"{told[:-1]}..5")
        for told in ("median=10000", "First inference: 19000", "(MB): 3.5", "overall=33.4102", "monitoring: 61.25")
    ]
    for content, sentence in (
        ("hello", "holds no times: give what Pinch's web page saved, or what LiteRT's benchmark_model printed"),
        ("{", "is not JSON"),
        ({"models": []}, "is not what Pinch's web page writes"),
        (whole | {"pinch_device_timings": 2}, "is of version 2 of the page, this Pinch reads version 1"),
        (whole | {"device": {}}, "is not whole (it has no device.name)"),
        (whole | {"models": []}, "holds no times of any model"),
        (whole | {"models": [whole["models"][0] | {"rounds": [[]]}]}, "has no times in one of its rounds"),
        (whole | {"models": [whole["models"][0] | {"preprocess_ms": [1.0]}]}, "has 1 preprocess_ms for 20 inferences"),
        (device.page({FULL: 40.0}, name="cpu"), "the device cannot be called cpu, which is this computer's"),
        (device.page({FULL: 40.0}, name="a\nb"), "is not one line of 1 to 80 characters"),
        (device.page({FULL: 40.0}, backend="webnn"), "ran on 'webnn', none of wasm, webgpu"),
        (cut, 'has no line "Inference timings in us": it did not end'),
        *((text, "where a number should be: run it again") for text in damaged),
        (device.benchmark_model(INT8, 10), "does not tell on which device it ran: name the device"),
    ):
        named = "Pixel 8" if content in (cut, *damaged) else None
        with pytest.raises(PinchError) as caught:
            reading.read([device.save(tmp_path / "file", content)], named)
        assert sentence in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(PinchError, match="cannot be read"):
        reading.read([tmp_path / "nothing"])
    two = [device.save(tmp_path / f"{name}.json", device.page({FULL: 1.0}, name)) for name in ("one", "two")]
    with pytest.raises(PinchError, match=r"on two, .*one.json by .* on one: give them separately, or name the device"):
        reading.read(two)
    assert len(reading.read(two, "both").files) == 2


@pytest.mark.fault
def test_times_of_another_state_of_a_file_are_refused(imported, run, tmp_path):
    path = run / f"records/export/{INT8}.json"
    size = records.read(path, ExportRecord).value.bytes
    text = device.save(tmp_path / "a.txt", device.benchmark_model(INT8, 10, megabytes=size / 1e6))
    page = device.save(tmp_path / "a.json", device.page({INT8: 10.0}, sha256="a" * 64))
    assert imported(text, name="Pixel 8")
    before = path.read_bytes()
    try:
        made_up_run.edit(path, ExportRecord, sha256="b" * 64, bytes=size + 1000)
        for files, name in (((text,), "Pixel 8"), ((page,), None)):
            with pytest.raises(PinchError, match=f"{INT8} was measured in another state than this run's"):
                imported(*files, name=name)
        made_up_run.edit(path, ExportRecord, sha256="a" * 64)
        assert imported(page).timings[0].sha256 == "a" * 64
    finally:
        path.write_bytes(before)


@pytest.mark.fault
def test_entries_of_a_configuration_are_refused_before_any_job(tmp_path):
    artifacts = {file: parse_artifact(file) for file in (FULL, INT8)}
    one = device.save(tmp_path / "phone.json", device.page({FULL: 40.0, INT8: 10.0}))
    two = device.save(tmp_path / "again.json", device.page({INT8: 10.0}))
    other = device.save(tmp_path / "other.json", device.page({"x_full.onnx": 1.0}))
    said = [{"files": [one]}, {"files": [two], "device": "Pixel 9"}, {"files": ["none.txt"]}]
    found = list(entries.listed(said).values())
    entries.require(found, artifacts)
    assert [entry.name for entry in found] == ["phone", "again", "none"]
    assert [(timing.device, timing.threads, timing.artifact.file) for timing in found[1].timings(artifacts)] == [
        ("Pixel 9", 1, INT8)
    ]
    assert found[0].on_phone(artifacts) == [("cpu", 1, "onnx"), ("cpu", 1, "tflite")]
    assert (found[2].found, found[2].timings(artifacts)) == (None, [])
    with pytest.raises(PinchError, match=r"measure.imported\[0\]: .*other.json: x_full.onnx is no file of this run"):
        entries.require(entries.listed([{"files": [other]}]).values(), artifacts)
    with pytest.raises(PinchError, match=f"both have times of {INT8} on Pixel 8: put the files into one entry"):
        entries.require(entries.listed([{"files": [one]}, {"files": [two]}]).values(), artifacts)


def test_entries_have_names_without_a_look_at_their_files(tmp_path):
    text = device.save(tmp_path / "phone 1.txt", "no times")
    found = entries.listed([{"files": [text]}, {"files": [text]}])
    assert [(name, entry.name, entry.files) for name, entry in found.items()] == [
        ("phone_1", "phone_1", (text,)),
        ("phone_1_", "phone_1_", (text,)),
    ]
    with pytest.raises(PinchError, match="holds no times"):
        entries.require(found.values(), {})
