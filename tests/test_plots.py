"""Pictures: all of them, from whole and from empty runs, with what they say to be found in them."""

import re

import made_up_run
import matplotlib as mpl
import pytest

import plot_results
from pinch.report import contents
from pinch.report.plots import accuracy, data, draw, files, pareto, sensitivity, speed, style
from pinch.tables import gathering, output_types


def _gathered(folder, **options):
    made_up_run.make(folder, **options)
    made_up_run.add_explain(folder)
    gathering.write_all(folder, gathering.gather(folder).tables)
    output_types.write_choices(folder)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return _gathered(tmp_path_factory.mktemp("run") / "demo", coarse=(30, 50), fine=(50,))


@pytest.fixture(scope="module")
def nothing(tmp_path_factory):
    """Tables of a run in which every record is missing."""
    folder = made_up_run.make(tmp_path_factory.mktemp("run") / "demo", coarse=(50,), fine=())
    for path in [*(folder / "records").rglob("*.json"), *(folder / "benchmarks").rglob("*.tsv")]:
        path.unlink()
    gathering.write_all(folder, gathering.gather(folder, partial=True).tables)
    output_types.write_choices(folder)
    return folder


def test_command_draws_every_picture_of_the_report(run, capsys):
    plot_results.main([str(run)])
    drawn = capsys.readouterr().out.split()
    wanted = [*contents.PLOTS, "plots/layer_sensitivity.png", "plots/explain.png"]
    assert drawn == [str(run / path) for path in wanted]
    for path in drawn:
        assert (run / path).read_bytes().startswith(b"\x89PNG")


@pytest.mark.fault
def test_pictures_of_a_run_without_records_say_so(nothing):
    assert draw.optional(nothing) == []
    with style.applied():
        for drawn in draw._DRAW.values():
            (axis,) = drawn(nothing).axes
            assert len(axis.texts) == 1
            assert "run" in axis.texts[0].get_text()


def test_sweep_shows_before_after_and_base(run):
    with style.applied():
        first, second = sensitivity.coarse(run).axes
    lines = {line.get_label(): line for line in first.lines}
    assert list(lines) == ["base (0.727)", "after fine-tuning", "before fine-tuning"]
    assert list(lines["after fine-tuning"].get_xdata()) == [30, 50]
    models = gathering.read(run, "models").set_index("model")
    expected = models.loc["demo_coarse_prune_30_tuned", "map50_95"]
    assert lines["after fine-tuning"].get_ydata()[0] == pytest.approx(expected)
    assert "mAP50" in second.get_title(loc="left")


def test_the_twin_is_a_second_dashed_line_and_a_curve_beside_the_base(tmp_path):
    folder = _gathered(tmp_path / "demo", coarse=(50,), fine=(), twin=1.02)
    with style.applied():
        first, _ = sensitivity.coarse(folder).axes
        training = accuracy.training(folder).axes
        scale = accuracy.artifacts(folder).axes[0].collections[0].get_array()
    lines = {line.get_label(): line for line in first.lines}
    assert list(lines)[:2] == ["base (0.727)", "its twin (0.742)"]
    assert [line.is_dashed() for line in first.lines][:2] == [True, True]
    assert [axis.get_title(loc="left") for axis in training] == ["demo", "demo tuned", "coarse 50%"]
    assert scale.flat[0] == pytest.approx(1 / 1.02), "the base's share of the better twin"


def test_pareto_marks_the_choices_and_lists_them(run):
    selected = gathering.read(run, "selection")
    first = selected[selected["place"] == "cpu, 1 thread"]
    with style.applied():
        drawn = pareto.pareto(run)
    titles = [axis.get_title(loc="left") for axis in drawn.axes]
    assert titles[::2] == ["cpu, 1 thread", "cpu, 2 threads"]
    marks = {text.get_text() for text in drawn.axes[0].texts}
    numbers = ", ".join(sorted(marks, key=len)).split(", ")
    assert sorted(numbers) == ["1", "2", "3", "4", "5"], "each want once"
    cells = drawn.axes[1].tables[0].get_celld()
    chosen = first.drop_duplicates("file").sort_values("relative_time")
    assert [cells[row, 0].get_text().get_text() in marks for row in range(len(chosen))] == [True] * len(chosen)
    assert cells[0, 2].get_text().get_text().startswith(f"{chosen['p50_ms'].iloc[0]:.2f} ms")
    legend = drawn.legends[0]
    assert legend.get_title().get_text().startswith("1 fast,  2 accurate,")
    assert "chosen" in [text.get_text() for text in legend.get_texts()]


def test_accuracies_of_zero_stand_at_the_bottom_of_the_pareto_plot(run, tmp_path):
    for name in ("models", "artifacts", "inference", "selection"):
        table = gathering.read(run, name)
        gathering.write(tmp_path, name, table.assign(val_map50_95=0.0) if name == "artifacts" else table)
    with style.applied():
        axis = pareto.pareto(tmp_path).axes[0]
    assert axis.get_ylim()[0] == 0


def test_accuracy_map_has_a_row_per_model_and_a_column_per_artifact(run):
    with style.applied():
        axis = accuracy.artifacts(run).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["demo", "coarse 30%", "coarse 50%", "fine 50%"]
    assert len(axis.get_xticklabels()) == 1 + 6
    assert {text.get_text().partition("\n")[2] for text in axis.texts} == {"±0.025"}
    assert axis.texts[0].get_text() == "0.727\n±0.025"


def test_pictures_show_intervals_where_there_are_some(run, tmp_path):
    bare = made_up_run.make(tmp_path / "demo", coarse=(50,), fine=())
    (bare / "records/intervals.json").unlink()
    gathering.write_all(bare, gathering.gather(bare).tables)
    output_types.write_choices(bare)
    with style.applied():
        cells = accuracy.artifacts(bare).axes[0].texts
        without, points = (pareto.pareto(folder).axes[0] for folder in (bare, run))
    assert cells[0].get_text() == "0.727"
    rows = gathering.read(run, "artifacts").set_index("file").loc[gathering.read(run, "selection")["file"]]
    ends = {tuple(line.get_ydata()) for line in points.lines if len(line.get_ydata()) == 2}
    assert (rows["val_map50_95_low"].iloc[0], rows["val_map50_95_high"].iloc[0]) in ends
    low, high = points.get_ylim()
    assert low < rows["val_map50_95_low"].min()
    assert high > rows["val_map50_95_high"].max()
    assert without.get_ylim()[0] > 0.6


def test_files_stand_below_their_model_with_times_accuracy_and_sizes(run):
    chosen = set(gathering.read(run, "selection")["file"])
    with style.applied():
        first, second, kept, size = files.files(run).axes
    labels = [label.get_text() for label in first.get_yticklabels()]
    assert labels[:4] == ["demo", "full onnx", "half onnx", "int8 onnx"]
    assert len(labels) == 4 * (1 + 6)
    ratio = gathering.read(run, "inference").set_index(["threads", "file"])["relative_to_baseline"]
    assert [axis.patches[0].get_width() for axis in (first, second)] == [1, 1]
    assert first.patches[1].get_width() == pytest.approx(ratio[1, "demo_half.onnx"])
    assert re.search(r"relative to demo_full.onnx\n\(\d+\.\d\d ms\)", first.get_xlabel())
    assert "MB" in size.get_xlabel()
    assert "test" in kept.get_xlabel()
    bands = [patch for patch in kept.patches if patch.get_facecolor() == mpl.colors.to_rgba(files._CHOSEN)]
    assert len(bands) == len(chosen)


def test_times_memory_and_frames_have_panels_for_places_and_formats(run):
    with style.applied():
        latency, memory, frames = (draw_(run) for draw_ in (speed.latency, speed.memory, speed.frames))
    titles = [[axis.get_title(loc="left") for axis in drawn.axes] for drawn in (latency, memory, frames)]
    assert titles[0] == [f"{kind}: cpu, {place}" for place in ("1 thread", "2 threads") for kind in ("onnx", "tflite")]
    assert titles[1] == ["onnx: cpu, 1 thread", "tflite: cpu, 1 thread"]
    assert titles[2] == ["cpu, 1 thread", "cpu, 2 threads"]
    row = gathering.read(run, "inference").iloc[0]
    parts = [row[key] for key in ("preprocess_ms", "p50_ms", "postprocess_ms")]
    assert frames.axes[0].get_yticklabels()[0].get_text() == "demo full.onnx"
    assert f"{sum(parts):.2f}, inference {row['p50_ms'] / sum(parts):.0%}" in frames.axes[0].texts[0].get_text()


def test_stages_add_up_to_the_wall_time(run):
    with style.applied():
        axis = data.stages(run).axes[0]
    total = gathering.read(run, "stages").iloc[-1]["share_seconds"]
    assert sum(bar.get_width() for bar in axis.patches) == pytest.approx(total / 60, rel=0.01)
    assert f"{total / 60:.1f} minutes" in axis.get_title(loc="left")


def test_explain_shows_each_mistake_and_the_zeros_that_are_left(run):
    with style.applied():
        left, right = sensitivity.explain(run).axes
    labels = [text.get_text() for text in left.get_legend().get_texts()]
    assert labels == ["without DFL", "with DFL", "DFL alone", "base (0.727)"]
    assert [text.get_text() for text in right.texts] == ["0.725\n30% zero", "0.726\n0% zero", "0.000\n0% zero"]
