"""Two runs side by side: what differs, what is larger than noise, and what is not judged."""

import dataclasses
import json
import re
import shutil

import made_up_evidence
import made_up_run
import numpy as np
import pandas as pd
import pytest

import compare
from pinch.core.errors import PinchError
from pinch.core.record_types.data import DatasetRecord
from pinch.core.record_types.exports import ExportRecord
from pinch.core.record_types.measurements import AccuracyRecord, InferenceRecord
from pinch.measuring import evidence, interval, statistics
from pinch.tables import gathering, selection
from pinch.tables.across import accuracy, blocks, comparison, rows, text, times

INT8, FULL = "demo_coarse_prune_50_tuned_int8.onnx", "demo_coarse_prune_50_tuned_full.onnx"
CONFIG = {"name": "demo", "seed": 1, "compare_with": None, "coarse": {"ratios": [0.5], "epochs": 6, "options": {}}}


def made(folder, digest="a" * 64, **options):
    """A made-up run with choices and a configuration."""
    made_up_run.make(folder, **{"coarse": (50,), "fine": ()} | options)
    made_up_run.edit(folder / "records/dataset.json", DatasetRecord, digest=digest)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    chosen(folder)
    return folder


def chosen(folder):
    """Choose, as the workflow does."""
    gathering.write_all(folder, gathering.gather(folder).tables)
    gathering.write(folder, "selection", selection.select(folder))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return made(tmp_path_factory.mktemp("run") / "demo")


@pytest.fixture
def run(original, tmp_path):
    """A copy of the run, which a test may change like the other one."""
    return shutil.copytree(original, tmp_path / "demo")


@pytest.fixture
def other(original, tmp_path):
    return shutil.copytree(original, tmp_path / "other run")


def found(a, b, **wanted):
    """The rows of a comparison with these values."""
    return [
        row
        for row in comparison.compare(a, b).rows
        if all(getattr(row, name) == value for name, value in wanted.items())
    ]


def only_row(a, b, **wanted):
    (row,) = found(a, b, **wanted)
    return row


def add_evidence(folder, name, skill, seed, images=160, data=0):
    """Evidence of a file on images that `data` decides; the intervals of its record follow from it."""
    seen = made_up_evidence.scenes(np.random.default_rng(data), images, 3)
    stats = made_up_evidence.matched(np.random.default_rng(seed), seen, skill)
    kept = made_up_evidence.collected(seen, stats)
    evidence.write(folder / f"records/accuracy/{name}.npz", "0" * 64, {"test": kept})
    estimate = statistics.map50_95(statistics.resample(kept))
    path = folder / f"records/accuracy/{name}.json"
    said = json.loads(path.read_text())
    said["result"]["splits"]["test"]["map50_95"] = estimate.value
    path.write_text(json.dumps(said))
    path = folder / "records/intervals.json"
    said = json.loads(path.read_text())
    of = next(each for each in said["result"]["files"] if each["file"] == name)
    of["splits"]["test"]["map50_95"] = dataclasses.asdict(estimate)
    path.write_text(json.dumps(said))


def test_a_copy_differs_in_nothing(run, other):
    compared = comparison.compare(run, other)
    assert {row.differs for row in compared.rows if row.basis != times.ABSOLUTE} == {False, None}
    assert all(not row.differs for row in compared.rows)
    for part in rows.PARTS:
        assert not blocks.only(compared, part)
    shown = text.text(compared)
    assert "config: 0 of 4 differ" in shown
    assert "coarse 50%" not in shown, "rows that do not differ are only counted"


def test_on_the_same_images_a_difference_is_found_that_two_intervals_do_not_tell(run, other):
    """The files are compared image by image: what makes an image hard is hard for both."""
    for folder, skill, seed in ((run, 1.1, 1), (other, 0.8, 2)):
        add_evidence(folder, INT8, skill, seed)
        add_evidence(folder, FULL, 1.2, seed)
    worse = only_row(run, other, of="coarse 50% int8.onnx", figure="map50_95")
    assert (worse.differs, worse.basis) == (True, accuracy.PAIRED)
    assert worse.ratio.high < 1
    assert worse.ratio.middle == pytest.approx(worse.b / worse.a)
    alike = only_row(run, other, of="coarse 50% full.onnx", figure="map50_95")
    assert (alike.differs, alike.basis) == (False, accuracy.PAIRED)
    assert alike.a != alike.b
    # val has no evidence in these runs
    assert only_row(run, other, of="coarse 50% int8.onnx", figure="val_map50_95").basis == accuracy.APART
    for folder in (run, other):
        (folder / f"records/accuracy/{INT8}.npz").unlink()
    apart = only_row(run, other, of="coarse 50% int8.onnx", figure="map50_95")
    assert (apart.differs, apart.basis) == (False, accuracy.APART)


def test_accuracies_on_other_images_are_judged_by_two_intervals(tmp_path):
    a, b = made(tmp_path / "a"), made(tmp_path / "b", digest="b" * 64)
    for folder, skill, data in ((a, 1.2, 0), (b, 0.3, 1)):
        add_evidence(folder, INT8, skill, seed=data, data=data, images=300)
        add_evidence(folder, FULL, 1.2, seed=data, data=data, images=300)
    compared = comparison.compare(a, b)
    figures = {(row.of, row.figure): row for row in compared.rows if row.part == "files"}
    worse, alike = (figures[f"coarse 50% {spec}.onnx", "map50_95"] for spec in ("int8", "full"))
    assert (worse.differs, worse.basis, worse.ratio.high < 1) == (True, accuracy.APART, True)
    assert (alike.differs, alike.basis) == (False, accuracy.APART)
    # What each keeps of its own base is compared, too.
    kept = figures["coarse 50% full.onnx", "kept"]
    assert (kept.differs, kept.ratio.middle) == (False, 1)
    assert any("The data sets differ: accuracies are compared by their intervals" in note for note in compared.notes)
    assert only_row(a, b, part="data", figure="digest").differs


def test_the_same_data_set_with_another_draw_of_images_is_not_compared_image_by_image(run, other):
    add_evidence(run, INT8, 1.2, 1)
    add_evidence(other, INT8, 1.2, 1, images=150)
    assert only_row(run, other, of="coarse 50% int8.onnx", figure="map50_95").basis == accuracy.APART


def test_times_are_judged_as_ratios_to_the_baseline(run, other):
    for file, factor in ((INT8, 1.03), (FULL, 1.01)):
        path = other / f"records/inference/cpu_1/{file}.json"
        said = json.loads(path.read_text())["result"]
        names = ("relative_to_baseline", "ratio_low", "ratio_high")
        made_up_run.edit(path, InferenceRecord, **{name: said[name] * factor for name in names})
    slower = only_row(run, other, of="coarse 50% int8.onnx, cpu, 1 thread", figure="relative_to_baseline")
    assert (slower.differs, slower.basis) == (True, times.IN_TURNS)
    assert slower.ratio.middle == pytest.approx(1.03)
    assert 1 < slower.ratio.low < 1.03 < slower.ratio.high < 1.05
    # Both intervals reach 1% around their ratio.
    alike = only_row(run, other, of="coarse 50% full.onnx, cpu, 1 thread", figure="relative_to_baseline")
    assert (alike.differs, alike.ratio.middle) == (False, pytest.approx(1.01))
    assert {row.differs for row in found(run, other, figure="p50_ms")} == {None}
    assert "median time (ms)" in text.text(comparison.compare(run, other))


def test_times_of_other_processors_are_shown_and_not_judged(run, tmp_path):
    other = made(tmp_path / "b", processors=("Other CPU",))
    made_up_run.edit(other / "records/inference/cpu_1/demo_full.onnx.json", InferenceRecord, p50_ms=42.0)
    compared = comparison.compare(run, other)
    of_times = [row for row in compared.rows if row.part == "times"]
    assert {(row.figure, row.differs, row.basis) for row in of_times} == {("p50_ms", None, times.OTHER_PROCESSOR)}
    assert any("comparable only on the same processor" in note for note in compared.notes)
    shown = text.text(compared)
    assert "processors differ" in shown
    assert re.search(r"base full.onnx, cpu, 1 thread +21\.21 +42\.00 +\+98\.0%", shown)
    assert "Other CPU" in shown


def test_times_relative_to_other_networks_are_not_judged(run, other):
    made_up_run.edit(other / "records/accuracy/demo.json", AccuracyRecord, macs=1)
    row = only_row(run, other, of="coarse 50% int8.onnx, cpu, 1 thread", figure="relative_to_baseline")
    assert (row.differs, row.basis) == (None, "the baselines are different networks")


def test_what_only_one_run_has_is_listed(run, tmp_path):
    other = made(tmp_path / "b", name="second", coarse=(30,), twin=1.02, devices=(("cpu", 1), ("gpu", 1)))
    compared = comparison.compare(run, other)
    assert blocks.only(compared, "models") == {"A": ["coarse 50%"], "B": ["base tuned", "coarse 30%"]}
    assert blocks.only(compared, "files")["A"][0] == "coarse 50% full.onnx"
    assert blocks.only(compared, "times") == {"A": ["cpu, 2 threads"], "B": ["gpu, 1 thread"]}
    assert "only in B: base tuned, coarse 30%" in text.text(compared)
    # The bases have other names and are the same thing.
    assert found(run, other, of="base int8.tflite", figure="map50_95")


def test_sizes_and_failed_checks_are_exact(run, other):
    path = other / f"records/accuracy/{INT8}.json"
    size = json.loads(path.read_text())["result"]["bytes"]
    made_up_run.edit(path, AccuracyRecord, bytes=size + 1)
    made_up_run.edit(other / f"records/export/{INT8}.json", ExportRecord, failed="keeps only 0.5")
    row = only_row(run, other, of="coarse 50% int8.onnx", figure="bytes")
    assert (row.differs, row.basis, row.ratio.low) == (True, rows.EXACT, None)
    failed = only_row(run, other, of="coarse 50% int8.onnx", figure="failed")
    assert (failed.a, failed.b, failed.differs) == ("passed", "keeps only 0.5", True)
    shown = text.text(comparison.compare(run, other))
    assert "keeps only 0.5" in shown
    assert "1 of 12 differ, 1 of them by less than 0.05%" in shown


def test_conditions_that_differ_are_named(run, other):
    changed = CONFIG | {"name": "other", "coarse": CONFIG["coarse"] | {"epochs": 9, "options": {"lr0": 0.1}}}
    (other / "config.json").write_text(json.dumps(changed))
    path = other / f"records/export/{INT8}.json"
    content = json.loads(path.read_text())
    content["provenance"]["versions"] = {"python": "3.12", "onnx": "1.2"}
    content["provenance"]["git_revision"] = "f" * 40
    path.write_text(json.dumps(content))
    shown = {
        (row.part, row.of): (row.a, row.b, row.differs)
        for row in comparison.compare(run, other).rows
        if row.part in rows.CONDITIONS and row.differs is not False
    }
    assert shown == {
        ("config", "coarse.epochs"): ("6", "9", True),
        ("config", "coarse.options"): ("{}", "(no such key)", True),
        ("config", "coarse.options.lr0"): ("(no such key)", "0.1", True),
        ("versions", "git revision"): (None, "f" * 40, None),
        ("versions", "python"): ("3.11", "3.11; 3.12", True),
        ("versions", "onnx"): (None, "1.2", None),
    }


@pytest.mark.parametrize(("certain", "differs"), [((True, True), True), ((True, False), False), (None, None)])
def test_another_choice_is_no_difference_where_one_was_a_toss_up(run, other, certain, differs):
    for folder, file, is_certain in zip((run, other), (INT8, FULL), certain or (None, None), strict=True):
        told = {} if certain is None else {"certain": is_certain}
        choice = {"device": "cpu", "threads": 1, "want": "fast", "file": file}
        pd.DataFrame([choice | told]).to_csv(folder / "tables/selection.csv", index=False)
    row = only_row(run, other, part="choices")
    assert (row.a, row.b) == ("coarse 50% int8.onnx", "coarse 50% full.onnx")
    assert row.differs is differs
    if certain == (True, False):
        assert row.basis == "a toss-up in B"
        shown = text.text(comparison.compare(run, other))
        assert "file: 0 of 1 differ, 1 more by a toss-up" in shown
        assert "coarse 50% int8.onnx  coarse 50% full.onnx  (a toss-up in B)" in shown


def test_choices_of_several_processors_are_told_apart(tmp_path):
    a, b = (made(tmp_path / name, processors=("One", "Two")) for name in "ab")
    names = [row.of for row in found(a, b, part="choices")]
    assert len(names) == len(set(names))
    assert any(name.endswith("cpu, 1 thread, Two") for name in names)


def test_a_run_of_an_earlier_version_is_compared_as_far_as_it_tells(run, other):
    shutil.rmtree(other / "tables")
    (other / "config.json").unlink()
    (other / "records/intervals.json").unlink()
    for path in (other / "records/inference").glob("*/*.json"):
        content = json.loads(path.read_text())
        for name in ("ratio_low", "ratio_high", "stable", "p50_low_ms", "p50_high_ms"):
            content["result"].pop(name, None)
        path.write_text(json.dumps(content))
    broken = other / f"records/accuracy/{INT8}.json"
    broken.write_text(broken.read_text().replace('"bytes_zipped"', '"zipped"'))
    compared = comparison.compare(run, other)
    notes = "\n".join(compared.notes)
    assert "B does not say its configuration" in notes
    assert "B has chosen nothing yet" in notes
    assert "B has no intervals of its accuracies" in notes
    assert f"first records/accuracy/{INT8}.json (is a record of an earlier version of Pinch" in notes
    assert blocks.only(compared, "files") == {"A": ["coarse 50% int8.onnx"]}
    judged = [row for row in compared.rows if row.part in ("models", "files", "times") and row.ratio and row.ratio.low]
    assert not judged
    # The other way round nothing is different but the names.
    assert blocks.only(comparison.compare(other, run), "files") == {"B": ["coarse 50% int8.onnx"]}


def _no_such_folder(folder):
    shutil.rmtree(folder)


def _no_run(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def _nothing_measured(folder):
    shutil.rmtree(folder / "records")


def _selection_of_others(folder):
    (folder / "tables/selection.csv").write_text("file,ms\na.onnx,3\n")


def _config_of_others(folder):
    (folder / "config.json").write_text("[]")


def _damaged_evidence(folder):
    (folder / f"records/accuracy/{INT8}.npz").write_bytes(b"PK")


@pytest.mark.fault
@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (_no_such_folder, "there is no folder .*: give the folders of two runs"),
        (_no_run, "holds neither a manifest.json nor records: give the folder of a run"),
        (_nothing_measured, "nothing of .* can be compared: records/accuracy/demo.json: no record; run the workflow"),
        (_selection_of_others, "selection.csv has not the columns of choices: run select_models.py"),
        (_config_of_others, "config.json is no configuration: delete it and run the workflow again"),
        (_damaged_evidence, "is not evidence of this version of Pinch"),
    ],
)
def test_what_cannot_be_compared_is_named(run, other, fault, sentence):
    add_evidence(run, INT8, 1.2, 1)
    add_evidence(other, INT8, 1.2, 1)
    fault(other)
    for a, b in ((run, other), (other, run)):
        with pytest.raises(PinchError, match=sentence):
            comparison.compare(a, b)


def test_a_folder_is_not_compared_with_itself(run):
    with pytest.raises(PinchError, match="are the same folder: give the folders of two runs"):
        comparison.compare(run, run / "../demo")


def test_the_command_prints_and_writes_a_page_and_a_table(run, other, tmp_path, capsys):
    made_up_run.edit(other / f"records/export/{INT8}.json", ExportRecord, failed="is <b>wrong</b>")
    page = tmp_path / "two runs.html"
    for _ in range(2):  # what it wrote itself is replaced
        compare.main([str(run), str(other), "--output", str(page)])
    assert f"Page: {page}" in capsys.readouterr().out
    content = page.read_text().replace("<wbr>", "")
    assert "is &lt;b&gt;wrong&lt;/b&gt;" in content
    assert "http://" not in content.replace("http://www.w3.org", "")
    assert "src=" not in content
    table = pd.read_csv(tmp_path / "two runs.csv")
    assert list(table) == rows.COLUMNS
    assert len(table) == len(comparison.compare(run, other).rows)
    for row in comparison.compare(run, other).rows:
        assert row.part == "config" or blocks.subject(row) in content
    compare.main([str(run), str(other)])
    assert "Page" not in capsys.readouterr().out


@pytest.mark.fault
@pytest.mark.parametrize("suffix", [".html", ".csv"])
def test_files_of_others_are_not_replaced(run, other, tmp_path, suffix):
    own = tmp_path / f"mine{suffix}"
    own.write_text("something")
    with pytest.raises(PinchError, match=f"mine{suffix} is a file that Pinch did not make"):
        compare.main([str(run), str(other), "--output", str(tmp_path / "mine.html")])
    assert own.read_text() == "something"


def test_an_output_that_is_no_page_is_refused(run, other, capsys):
    with pytest.raises(SystemExit):
        compare.main([str(run), str(other), "--output", "two.txt"])
    assert "give it a name that ends in .html" in capsys.readouterr().err


def test_intervals_of_ratios_hold_the_true_ratio_as_often_as_they_say():
    """Of two independent times with a few rounds each, whose true ratio is 1.3."""
    rng, inside = np.random.default_rng(0), 0
    for _ in range(1000):
        ours, theirs = (interval.of_values(mean * np.exp(rng.normal(0, 0.02, 6))) for mean in (1.3, 1.0))
        _, low, high = interval.ratio(ours, theirs)
        inside += low <= 1.3 <= high
    assert 0.93 <= inside / 1000 <= 0.99


def test_two_models_on_other_images_are_seldom_called_different_without_a_difference():
    """Thirty pairs of the same skill, each on images of its own."""
    estimates = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        seen = made_up_evidence.scenes(rng, 120, 3)
        kept = made_up_evidence.collected(seen, made_up_evidence.matched(rng, seen, 1.2))
        estimates.append(statistics.map50_95(statistics.resample(kept)))
    ratios = [statistics.ratio(*pair) for pair in zip(estimates[::2], estimates[1::2], strict=True)]
    called = [statistics.is_gain(ratio) or statistics.is_loss(ratio) for ratio in ratios]
    assert np.mean(called) <= 0.15
    assert statistics.ratio(estimates[0], dataclasses.replace(estimates[1], value=0.005)) is None


def test_an_end_at_zero_leaves_a_ratio_open():
    assert interval.ratio((0.1, 0.0, 0.3), (0.2, 0.1, 0.3))[1] == 0
    assert interval.ratio((0.2, 0.1, 0.3), (0.1, 0.0, 0.3))[2] == np.inf
