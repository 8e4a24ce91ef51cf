"""A run on several devices, with files that are not meant for all of them: what the tables and the report say of it."""

from dataclasses import replace

import made_up_records
import made_up_run
import pytest

from pinch.core import records
from pinch.core.provenance import short_revision
from pinch.core.record_types.exports import ExportRecord
from pinch.core.record_types.measurements import AccuracyRecord, Energy, InferenceRecord, PeakRate
from pinch.report import captions, facts, pages
from pinch.run.formats import FORMATS
from pinch.tables import gathering, intervals, labels, output_types, provenance, timings
from pinch.tables.reading import RunRecords

XEON, EPYC = "Intel(R) Xeon(R) Processor @ 2.50GHz", "AMD EPYC 9B45 64-Core Processor"
ON_XEON, ON_EPYC = "cpu, 1 thread, Intel Xeon", "cpu, 1 thread, AMD EPYC 9B45 64-Core"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two processors and a GPU; int8 ONNX is for VNNI, which none has; bf16 cannot be run; one CPU counts energy."""
    folder = tmp_path_factory.mktemp("run") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(made_up_run.FORMAT_TIME, "openvino", 0.95)
        devices = (("cpu", 1), ("gpu", 1))
        made_up_run.make(folder, devices=devices, coarse=(50,), fine=(), processors=(XEON, EPYC), twin=1.02)
    for path in folder.glob("records/export/*_int8.onnx.json"):
        made_up_run.edit(path, ExportRecord, target="x86-vnni")
    for path in folder.glob("records/accuracy/*_int8.onnx.json"):
        made_up_run.edit(path, AccuracyRecord, notes=["made for x86-vnni: computed exactly here, in more time"])
    for path in folder.glob("records/inference/cpu_1/*.json"):
        timed, made = records.read(path, InferenceRecord)
        if made.hardware.cpu == XEON and not timed.skipped:
            _count_energy(path, timed)
            _measure_peak(path, timed)
    gathering.write_all(folder, gathering.gather(folder).tables)
    output_types.write_choices(folder)
    captions.render(folder)
    return folder


def _count_energy(path, timed, asked=60.0):
    """Energy as in a machine with a counter, at a frame rate that not all files reach."""
    net, rate = 10 * timed.p50_ms, min(asked, timed.fps)
    counted = Energy(source="RAPL package-0", gross_mj=2 * net, net_mj=net, idle_w=9.0, seconds=3.0, inferences=200)
    made_up_run.edit(
        path,
        InferenceRecord,
        energy=counted,
        energy_mj=2 * net,
        energy_net_mj=net,
        energy_source=counted.source,
        frame_rate=rate,
        power_mw=net * rate,
        battery_mwh=15000.0,
        battery_hours=15000 / (net * rate),
    )


def _measure_peak(path, timed, highest=100.0):
    """The peak rate of floats, which was measured beside other work for all files but one."""
    if "_full" in path.stem:
        gops = highest if path.stem == "demo_full_openvino" else highest / 2
        peak = PeakRate(gops=gops, type="float32", measured_by="made up")
        made_up_run.edit(path, InferenceRecord, macs=round(0.4 * highest * timed.p50_ms * 1e6), peak=peak)


def said(run, name):
    return " ".join((run / f"captions/{name}.rst").read_text().split())


def test_files_for_other_processors_are_named_and_never_advised(run):
    table = gathering.read(run, "output_types").set_index(["place", "file"])
    assert table.loc[(ON_XEON, "demo_int8.onnx"), "why"] == "it is made for x86-vnni, which this processor is not"
    notes = gathering.read(run, "inference").set_index(["place", "file"])["notes"]
    assert "never chosen here" in notes[ON_XEON, "demo_int8.onnx"]
    assert "int8 onnx takes 0.54 (made for other processors)" in said(run, "latency")
    assert "does not take" not in said(run, "output_types")
    evaluated = "not made for (made for x86-vnni: computed exactly here, in more time): ``demo_int8.onnx``,"
    assert evaluated in said(run, "artifacts")


def _on_xeon(run, **changes):
    """The timings of the base on one processor, some of them changed, by file."""
    table = gathering.read(run, "inference").query("place == @ON_XEON and model == 'demo'")
    return [row | changes.get(row["file"].replace(".", "_"), {}) for row in facts.clean(table)]


def test_no_file_for_other_processors_is_called_the_fastest(run):
    rows = _on_xeon(run, demo_int8_onnx={"p50_ms": 1.0, "relative_to_baseline": 0.05})
    (place,) = facts.timing_facts.places(rows, {}, set())
    assert place["times"]["demo_int8.onnx"] == min(place["times"].values())
    assert (place["fastest"]["on_target"], place["best_kind"]["on_target"]) == (True, True)


def test_the_best_kind_has_the_smallest_ratio_not_the_fewest_milliseconds(run):
    (before,) = facts.timing_facts.places(_on_xeon(run), {}, set())
    assert before["best_kind"]["kind"] == "int8 openvino"
    (slowed,) = facts.timing_facts.places(_on_xeon(run, demo_int8_openvino={"p50_ms": 99.0}), {}, set())
    assert slowed["best_kind"]["kind"] == "int8 openvino"


def test_what_was_not_timed_does_not_count_as_a_timing(run):
    told = facts.collect(run)
    assert (gathering.read(run, "inference")["rounds"] == 0).any()
    assert told["rounds"] == {"low": 5, "high": 5}
    assert told["own_timings"] == gathering.read(run, "inference")["p50_ms"].notna().sum()
    assert f"**{ON_EPYC}**: 1 file was not timed, because this processor does not compute" in said(run, "resources")


def test_captions_give_each_processor_its_own_memory_energy_and_frames(run):
    resources, memory, frames = (said(run, name) for name in ("resources", "memory", "frames"))
    for text in (resources, memory, frames):
        assert all(f"**{place}**: " in text for place in (ON_XEON, ON_EPYC, "gpu, 1 thread"))
    timed = gathering.read(run, "inference").query("place == @ON_XEON and p50_ms.notna()")
    low, high = timed["energy_net_mj"].min(), timed["energy_net_mj"].max()
    assert f"**{ON_XEON}**: {low:.1f} to {high:.1f} mJ, as RAPL package-0 counted" in memory
    assert "At 60 frames per second, or as many as a file reaches, that is" in memory
    assert f"**{ON_EPYC}**: no energy" in memory
    table = pages.table(run, "memory")
    assert all(heading in table for heading in ("after loading (MB)", "estimated power (mW)", "estimated battery (h)"))


def test_efficiency_is_relative_to_the_highest_peak_of_a_place(run):
    """Two operations for each multiply-accumulate: 80% of it, though most timings measured half of it."""
    table = gathering.read(run, "inference").query("place == @ON_XEON").set_index("file")
    measured = table[table["efficiency"].notna()]
    assert {"demo_full.onnx", "demo_full_openvino"} <= set(measured.index)
    assert "demo_int8_openvino" not in measured.index
    assert list(measured["peak_gops"].unique()) == [100.0]
    assert measured["efficiency"].to_numpy() == pytest.approx(0.8, abs=1e-3)


def test_whole_numbers_stay_whole_beside_files_without_figures(run):
    assert "of 6 and 6 persons" in said(run, "workflow")
    assert "6.0" not in said(run, "pareto") + said(run, "artifact_accuracy")


def test_names_of_places_are_the_same_in_all_tables(run):
    """Also where a part of the run has only one of its processors."""
    part = gathering.read(run, "inference").query("processor == @XEON and device == 'cpu'")
    assert [name for name, _ in labels.places(part)] == [ON_XEON]
    assert set(gathering.read(run, "selection")["place"]) <= set(gathering.read(run, "inference")["place"])


def test_int8_that_is_slower_where_it_is_measured_is_named_with_the_reason(run):
    (place,) = facts.timing_facts.places(_on_xeon(run), {}, set())
    assert place["unpaid"] == []
    rows = _on_xeon(run, demo_int8_openvino={"relative_to_baseline": 1.2})
    (place,) = facts.timing_facts.places(rows, {}, set())
    (slow,) = place["unpaid"]
    full = next(row for row in rows if row["file"] == "demo_full_openvino")
    assert (slow["file"], slow["of_float"]) == ("demo_int8_openvino", 1.2 / full["relative_to_baseline"])
    # An export may say it of the machine on which it was made; the reason is the same.
    assert "ONNX Runtime computes SiLU" in FORMATS["onnx"].costly["int8", "silu"]


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (["avx2", "avx2"], ["EPYC", "EPYC"]),
        (["avx2", "avx2 avx512_vnni"], ["EPYC [lacks avx512_vnni]", "EPYC [has avx512_vnni]"]),
    ],
)
def test_processors_of_one_name_with_other_instruction_sets_are_two(flags, names):
    rows = [{"device": "cpu", "processor": "EPYC", "cpu_flags": each} for each in flags]
    elsewhere = {"device": "phone", "processor": "EPYC"}
    assert [row["processor"] for row in timings.told_apart([*rows, elsewhere])] == [*names, "EPYC"]


def test_a_short_revision_still_says_that_files_were_edited():
    revision = "0123456789abcdef0123456789abcdef01234567"
    assert short_revision(revision) == "0123456789ab"
    assert short_revision(f"{revision}-dirty") == "0123456789ab-dirty"


def test_provenance_says_what_bears_on_speed():
    made = made_up_records.PROVENANCE
    jobs = {
        f"inference/cpu_1/{number}": replace(
            made,
            hardware=replace(made.hardware, clock_mhz=clock, governor="powersave"),
            slurm={"SLURMD_NODENAME": f"node{number}"},
        )
        for number, clock in enumerate((1200.4, 3400.0))
    }
    (row,) = provenance.rows(jobs)
    assert (row["count"], row["cpu_flags"], row["governor"]) == (2, "avx2", "powersave")
    assert (row["clock_mhz"], row["nodes"]) == ("1200 to 3400", "node0, node1")
    assert set(row) == set(provenance.COLUMNS)


def test_intervals_of_shares_are_of_the_model_that_all_are_compared_with(run):
    """Whose evidence may be missing; then what is kept of another model is not what the tables say."""
    models = gathering.rows(gathering.read(run, "models"))
    assert gathering.read(run, "artifacts")["val_kept_low"].notna().any()
    swapped = [row | {"val_map50_95": 0.8} if row["model"] == "demo" else row for row in models]
    rows = [{"model": "demo_coarse_prune_50_tuned"}]
    intervals.add(RunRecords(run), swapped, rows)
    assert rows[0]["val_map50_95_low"] is not None
    assert "val_kept_low" not in rows[0]
