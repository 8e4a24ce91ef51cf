"""The front page of the report: what to ship, what it costs, how sure that is, and what it rests on."""

import shutil

import made_up_run
import pytest

from pinch.report import captions
from pinch.tables import gathering, output_types


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = made_up_run.make(tmp_path_factory.mktemp("run") / "demo", coarse=(30, 50), fine=(50,))
    gathering.write_all(folder, gathering.gather(folder).tables)
    output_types.write_choices(folder)
    made_up_run.add_pictures(folder)
    return folder


def text_of(folder):
    return " ".join(captions.front(folder).split())


def test_the_front_page_says_what_to_ship_what_it_costs_and_how_sure_that_is(run):
    front = text_of(run)
    chosen = gathering.read(run, "selection").iloc[0]
    files = gathering.read(run, "artifacts").set_index("file")
    of_test = files.loc[chosen["file"]]
    saved = chosen["bytes_zipped"] / files.loc["demo_full.onnx", "bytes_zipped"]
    assert f'For "fast" on cpu, 1 thread: ``{chosen["file"]}``, {chosen["p50_ms"]:.2f} ms per frame' in front
    assert f"{chosen['relative_time']:.2f} of the time and {saved:.2f} of the download of the base" in front
    low, high = of_test["kept_low"], of_test["kept_high"]
    assert f"it keeps {of_test['kept']:.1%} (95% interval {low:.1%} to {high:.1%})" in front
    assert f"{of_test['worst_class_kept']:.1%} of the AP of its worst class, fist" in front
    assert "100 images of val and 100 of test, of 6 and 6 persons; times rest on 5 rounds" in front
    for want in gathering.read(run, "selection")["want"]:
        assert f"**{want}**" in front
    for fact in (
        "**Data**: 4 classes; train: 400 images of 28 persons",
        "**Machine**: Made-up CPU, 2 cores",
        "**Seed**: 0.",
    ):
        assert fact in front
    order = ["**What to ship.**", "The choice for each want", ".. image::", "What this rests on", "The sections"]
    assert [front.index(part) for part in order] == sorted(front.index(part) for part in order)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            {"certain": False, "runner_up_note": "A toss-up: x.onnx is 1% slower"},
            ("How sure that is.** A toss-up: x.onnx is 1% slower. Accuracy rests", " ms, a toss-up"),
        ),
        (
            {"certain": True, "runner_up_note": "x.onnx is 9% slower"},
            ("The data tell this choice from every other candidate. x.onnx is 9% slower. Accuracy rests",),
        ),
        (
            {"qualifies": False, "runner_up_note": None, "nearest": "the limit would have to give from 1 to 2"},
            (
                'no file meets all that "fast" asks for.',
                "comes nearest: the limit would have to give from 1 to 2.",
                "How sure that is.** Accuracy rests",
                "does not meet all limits",
            ),
        ),
    ],
)
def test_the_front_page_says_whether_the_choice_is_certain(run, tmp_path, columns, said):
    shutil.copytree(run, tmp_path / "demo")
    gathering.write(tmp_path / "demo", "selection", gathering.read(run, "selection").assign(**columns))
    front = text_of(tmp_path / "demo")
    for sentence in said:
        assert sentence in front
