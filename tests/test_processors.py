"""A partition with two kinds of processors is two devices: nothing that is compared or chosen mixes their times."""

import made_up_run
import pandas as pd
import pytest

import render_report
from pinch.report import facts
from pinch.report.plots import speed, style
from pinch.tables import gathering, labels, output_types, selection

XEON = "Intel(R) Xeon(R) Processor @ 2.50GHz"
EPYC = "AMD EPYC 9B45 64-Core Processor"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "demo"
    made_up_run.make(folder, devices=(("cpu", 1),), coarse=(30, 50), fine=(50,), processors=(XEON, EPYC))
    gathering.write_all(folder, gathering.gather(folder).tables)
    output_types.write_choices(folder)
    return folder


def test_each_processor_has_a_place_of_its_own(run):
    table = gathering.read(run, "inference")
    found = labels.places(table)
    assert [name for name, _ in found] == ["cpu, 1 thread, Intel Xeon", "cpu, 1 thread, AMD EPYC 9B45 64-Core"]
    assert [set(rows["processor"]) for _, rows in found] == [{XEON}, {EPYC}]
    assert sum(len(rows) for _, rows in found) == len(table)


@pytest.mark.parametrize(
    ("processors", "names"),
    [
        (["Xeon(R) @ 2.10GHz"] * 2, ["cpu, 1 thread"]),
        ([None, None], ["cpu, 1 thread"]),
        (
            ["Xeon(R) @ 2.10GHz", "Xeon(R) @ 2.50GHz"],
            ["cpu, 1 thread, Xeon(R) @ 2.10GHz", "cpu, 1 thread, Xeon(R) @ 2.50GHz"],
        ),
        (["Xeon", None], ["cpu, 1 thread, Xeon", "cpu, 1 thread, unknown processor"]),
    ],
)
def test_names_stay_short_where_they_can(processors, names):
    table = pd.DataFrame({"device": "cpu", "threads": 1, "processor": processors})
    assert [name for name, _ in labels.places(table)] == names


def test_choices_are_made_on_each_processor_among_what_was_timed_there(run):
    chosen, timed = selection.select(run), gathering.read(run, "inference").set_index("file")["processor"]
    assert set(chosen["processor"]) == {XEON, EPYC}
    assert (chosen["processor"] == chosen["file"].map(timed)).all()
    assert chosen.groupby("place")["want"].nunique().min() >= 4


def test_ratios_are_to_the_base_on_the_same_processor(run):
    timed = gathering.read(run, "inference").set_index("file")
    assert timed.loc["demo_full.onnx", "processor"] == XEON
    xeon, epyc = facts.collect(run)["places"]
    assert (xeon["reference"]["file"], epyc["reference"]["file"]) == ("demo_full.onnx", "demo_full.onnx")
    # It was timed on the second only in turns with others.
    assert epyc["reference"]["p50_ms"] == pytest.approx(xeon["reference"]["p50_ms"] / 2, rel=0.05)
    ratios = timed["relative_to_baseline"].fillna(1.0)
    for place in (xeon, epyc):
        for model, share in place["models"].items():
            assert share == pytest.approx(ratios[f"{model}_full.onnx"])


def test_pictures_and_captions_name_both(run):
    made_up_run.add_pictures(run)
    render_report.main([str(run)])
    for caption in ("speed", "latency", "pareto", "choice"):
        text = (run / f"captions/{caption}.rst").read_text()
        assert "Intel Xeon" in text, caption
        assert "AMD EPYC 9B45 64-Core" in text, caption
    with style.applied():
        titles = {axis.get_title(loc="left").replace("\n", " ") for axis in speed.latency(run).axes}
    assert {"onnx: cpu, 1 thread, Intel Xeon", "onnx: cpu, 1 thread, AMD EPYC 9B45 64-Core"} <= titles
