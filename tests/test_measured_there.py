"""Times from other devices in tables, choices and the report."""

import made_up_device as device
import made_up_run
import pytest

import import_timings
from pinch.core.errors import PinchError
from pinch.report import captions, facts, pages
from pinch.report.plots import pareto, speed
from pinch.run.settings.choosing import USUAL, Want
from pinch.tables import gathering, labels, output_types, selection, summary

FULL, INT8, SMALL = "demo_full.onnx", "demo_int8.tflite", "demo_coarse_prune_30_tuned_int8.tflite"
NATIVE = ["demo_full.tflite", "demo_half.tflite", INT8, SMALL]
BROWSER = "Pixel 8, 1 thread, Chrome 142 on Android, WebAssembly"


def _gathered(folder):
    gathering.write_all(folder, gathering.gather(folder).tables)
    output_types.write_choices(folder)
    return folder


def _import(folder, name, *files, device_name=None):
    told = ["--device", device_name] if device_name else []
    output = folder / f"records/imported/{name}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    import_timings.main([*files, "--results", str(folder), *told, "--output", str(output)])
    return name


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return _gathered(made_up_run.make(tmp_path_factory.mktemp("plain") / "demo", coarse=(30,), fine=(50,)))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Measured in a phone's browser, and natively on another phone without the base's float32 file."""
    folder = made_up_run.make(tmp_path_factory.mktemp("run") / "demo", coarse=(30,), fine=(50,))
    files = folder.parent
    # Where int8 is slow, as in some browsers, a float file is the fastest.
    times = {FULL: 60.0, INT8: 50.0, "demo_coarse_prune_30_tuned_full.onnx": 20.0, SMALL: 30.0}
    names = [_import(folder, "pixel", device.save(files / "pixel.json", device.page(times)))]
    texts = [device.benchmark_model(file, 40 / (n + 1)) for n, file in enumerate(NATIVE[1:])]
    names.append(_import(folder, "galaxy", device.save(files / "g.txt", "".join(texts)), device_name="Galaxy A5"))
    made_up_run.expect(folder, imported=names)
    made_up_run.add_pictures(folder)
    return _gathered(folder)


def test_rows_stand_under_the_devices_name_and_others_stay_as_they_are(plain, run):
    table, before = gathering.read(run, "inference"), gathering.read(plain, "inference")
    own = table[table["imported"].isna()].reset_index(drop=True)
    assert own.equals(before.astype(own.dtypes))
    there = table[table["device"] == "Pixel 8"].set_index("file")
    assert list(there["imported"].unique()) == ["pixel"]
    assert there.loc[INT8, "relative_to_baseline"] == pytest.approx(50 / 60)
    assert set(there["baseline_file"].dropna()) == {FULL}
    assert there.loc[INT8, "runtime"] == "LiteRT.js 0.3.0"
    assert there["relative_low"].notna().sum() == 3
    native = table[table["device"] == "Galaxy A5"]
    assert native["relative_to_baseline"].isna().all()
    assert native["notes"].str.contains("the base's float32 file was not measured there").all()
    assert native["p90_ms"].isna().all()
    places = [place for place, _ in labels.places(table)]
    assert places == ["cpu, 1 thread", "cpu, 2 threads", BROWSER, "Galaxy A5, 4 threads, native"]


def test_each_device_has_choices_by_its_own_times(run):
    chosen = gathering.read(run, "selection").set_index(["device", "want"])
    assert chosen.loc[("Pixel 8", "fast"), "file"] == "demo_coarse_prune_30_tuned_full.onnx"
    assert set(chosen.loc[("cpu", "fast"), "file"]) == {SMALL}
    assert chosen.loc[("Galaxy A5", "fast"), "file"] == SMALL
    assert chosen.loc[("Pixel 8", "fast"), "place"] == BROWSER
    assert f"({20 / 60:.2f} of {FULL})" in chosen.loc[("Pixel 8", "fast"), "reason"]
    assert not chosen.loc[("Galaxy A5", "fast"), "certain"], "single runs tell no noise"


def test_what_stood_in_for_a_phone_goes_where_one_was_measured(plain, run):
    before = gathering.read(plain, "selection").set_index("want")
    proxy = before.loc["phone CPU (by proxy)"]
    assert set(proxy["device"]) == {"cpu"}
    assert set(proxy["proxy_for"]) == {"a phone's CPU"}
    after = gathering.read(run, "selection")
    assert "phone CPU (by proxy)" not in set(after["want"])
    assert after["proxy_for"].isna().all()
    phone = after[after["want"] == "phone CPU"].set_index("device")
    assert set(phone.index) == {"Pixel 8", "Galaxy A5"}
    assert set(phone["format"]) == {"tflite"}
    assert f" ms ({30 / 60:.2f} of {FULL}) per frame" in phone.loc["Pixel 8", "reason"]
    chosen = selection.select(run, (Want(name="mine", proxy_for="a Raspberry Pi", prefer="smallest"),))
    assert set(chosen["device"]) == {"cpu", "Pixel 8", "Galaxy A5"}, "a phone is none"


def test_a_phone_that_was_not_measured_gets_no_precision_by_times_of_this_computer(plain, tmp_path):
    want = (
        Want(
            name="phone",
            device="cpu",
            threads=1,
            formats=("tflite",),
            proxy_for="a phone's CPU",
            kept=0.9,
            prefer="fastest",
        ),
    )
    made = selection.select(plain, want).iloc[0]
    assert made["file"] == SMALL
    assert "lightest (fewest MACs), and the smallest download of 3 with as many" in made["reason"]
    assert "was not measured, so accuracy, MACs and size decide, and no time of this computer" in made["reason"]
    assert "million MACs" in made["reason"]
    assert " ms" not in made["reason"]
    for name in ("models", "artifacts", "inference"):
        table = gathering.read(plain, name)
        if name == "inference":
            slow = table["precision"] == "int8"
            for column in ("p50_ms", "relative_to_baseline", "relative_low", "relative_high"):
                table[column] = table[column].mask(slow, table[column] * 9)
        gathering.write(tmp_path, name, table)
    (tmp_path / "records").symlink_to(plain / "records")
    again = selection.select(tmp_path, want).iloc[0]
    assert (again["file"], again["reason"]) == (made["file"], made["reason"])
    fast = selection.select(tmp_path, (Want(name="fast", threads=1, prefer="fastest", kept=0.9),)).iloc[0]
    assert fast["precision"] != "int8"


@pytest.mark.fault
def test_a_limit_that_nothing_tells_of_a_phone_is_refused(plain, run):
    want = Want(name="mine", device="cpu", proxy_for="a phone's CPU", p50_ms=30.0)
    with pytest.raises(
        PinchError, match="select: mine: p50_ms: nothing tells that of a phone's CPU, which was not measured"
    ):
        selection.select(plain, (want,))
    assert set(selection.select(run, (want,))["device"]) == {"Pixel 8", "Galaxy A5"}


def test_a_want_may_name_a_device(run):
    chosen = selection.select(run, (Want(name="mine", device="Pixel 8", prefer="fastest"),))
    assert list(chosen["place"]) == [BROWSER]
    with pytest.raises(PinchError, match=r"asks for \(Pixel 9\), only with cpu, 1 thread of .*Pixel 8, 1 thread of"):
        selection.select(run, (Want(name="mine", device="Pixel 9"),))


def test_the_report_shows_devices(run):
    assert "Pixel 8" in summary.text(run)
    captions.render(run)
    text = {
        name: " ".join((run / f"captions/{name}.rst").read_text().split())
        for name in ("choice", "measuring", "workflow")
    }
    assert f"Measured elsewhere: {BROWSER} (4 files, by Pinch's web page); Galaxy A5" in text["choice"]
    assert "No phone was measured" not in text["choice"]
    assert "- **Measured elsewhere**: 4 files on Pixel 8" in text["workflow"]
    assert "no interval, because a single run does not tell" in text["measuring"]
    told = facts.collect(run)
    assert [device["phone"] for device in told["devices"]] == [True, True]
    assert told["own_timings"] < told["counts"]["inference"]
    assert "(native)" not in (run / "captions/speed.rst").read_text()
    drawn = pareto.pareto(run)
    assert BROWSER in [axis.get_title() for axis in drawn.axes]
    assert [axis.get_title() for axis in speed.frames(run).axes][-1] == BROWSER, "a native run has inference alone"
    pages.render(run)
    assert "no interval, because a single run" in (run / "tables/inference.html").read_text()


def test_the_report_says_that_no_phone_was_measured(plain):
    captions.render(plain)
    text = " ".join((plain / "captions/choice.rst").read_text().split())
    assert "No phone was measured. What is chosen for one rests on accuracy, multiply-accumulates and size" in text
    assert "not timed on a phone's CPU" in text
    assert "phone CPU (by proxy)" in [want.name for want in USUAL]


def test_the_workflow_counts_them_and_refuses_what_it_cannot_use_before_any_job(snakemake, tmp_path):
    config = {"name": "some", "base_model": "yolo11n.yaml", "synthetic": {}}
    device.save(tmp_path / "phone.json", device.page({"some_full.onnx": 40.0}))
    said = {"imported": [{"files": ["phone.json"]}, {"device": "Galaxy A5", "files": ["none.txt"]}]}
    select = [{"name": "mine", "device": "Pixel 8"}, {"name": "other", "proxy_for": "a phone's CPU", "p50_ms": 20}]
    result = snakemake(tmp_path, "-n", "-p", config=config | {"measure": said, "select": select})
    text = result.stdout + result.stderr
    assert result.returncode == 0, text
    assert "import_timings            2" in text
    assert (
        "import_timings.py phone.json --results results/some  --output results/some/records/imported/phone.json" in text
    )
    assert "measure.imported[1].files[0]: none.txt does not exist" in text
    select = [{"name": "mine", "device": "Pixel 9"}]
    result = snakemake(
        tmp_path, "-n", config=config | {"measure": {"imported": said["imported"][:1]}, "select": select}
    )
    assert result.returncode != 0
    assert (
        "select: mine: device: nothing is timed with Pixel 9 (only with Pixel 8, cpu)" in result.stdout + result.stderr
    )
