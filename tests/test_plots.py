"""Pictures: all of them, from whole and from empty runs, with what they say to be found in them."""

import made_up_run
import pytest

import plot_results
from pinch.report import contents
from pinch.report.plots import accuracy, data, draw, sensitivity, speed, style
from pinch.tables import gathering


def _gathered(folder, **options):
    made_up_run.make(folder, **options)
    made_up_run.add_explain(folder)
    for name, table in gathering.gather(folder).tables.items():
        gathering.write(folder, name, table)
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
    for name, table in gathering.gather(folder, partial=True).tables.items():
        gathering.write(folder, name, table)
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
        training, _ = accuracy.training(folder).axes
        scale = accuracy.artifacts(folder).axes[0].collections[0].get_array()
    lines = {line.get_label(): line for line in first.lines}
    assert list(lines)[:2] == ["base (0.727)", "its twin (0.742)"]
    assert [line.is_dashed() for line in first.lines][:2] == [True, True]
    assert [line.get_label() for line in training.lines] == ["demo", "demo tuned"]
    assert training.get_title(loc="left") == "training of the base, tuning of its twin"
    assert scale.flat[0] == pytest.approx(1 / 1.02), "the base's share of the better twin"


def test_pareto_lists_its_front(run):
    with style.applied():
        drawn = speed.pareto(run)
    titles = [axis.get_title(loc="left") for axis in drawn.axes]
    assert titles[0] == "cpu, 1 thread: time against accuracy"
    assert [text.get_text() for text in drawn.axes[0].texts] == ["1", "2", "3", "4"]
    cells = drawn.axes[1].tables[0].get_celld()
    assert cells[(0, 1)].get_text().get_text() == "coarse 50% int8.tflite"


def test_accuracies_of_zero_stand_at_the_bottom_of_the_pareto_plot(run, tmp_path):
    for name in ("models", "artifacts", "inference"):
        table = gathering.read(run, name)
        gathering.write(tmp_path, name, table.assign(val_map50_95=0.0) if name == "artifacts" else table)
    with style.applied():
        axis = speed.pareto(tmp_path).axes[0]
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
    for name, table in gathering.gather(bare).tables.items():
        gathering.write(bare, name, table)
    with style.applied():
        cells = accuracy.artifacts(bare).axes[0].texts
        without, points = (speed.pareto(folder).axes[0] for folder in (bare, run))
    assert cells[0].get_text() == "0.727"
    rows = gathering.read(run, "artifacts").set_index("file")
    ends = {tuple(line.get_ydata()) for line in points.lines if len(line.get_ydata()) == 2}
    assert (rows["val_map50_95_low"].iloc[0], rows["val_map50_95_high"].iloc[0]) in ends
    low, high = points.get_ylim()
    assert low < rows["val_map50_95_low"].min()
    assert high > rows["val_map50_95_high"].max()
    assert without.get_ylim()[0] > 0.6


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
