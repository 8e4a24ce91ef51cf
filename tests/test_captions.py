"""Captions, tables and pages of the report, and how Snakemake shows them."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import made_up_records
import made_up_run
import pytest

import print_summary
import render_report
from pinch.core import records
from pinch.core.record_types.measurements import AccuracyRecord, InferenceRecord
from pinch.core.record_types.weights import TrainingRecord
from pinch.report import captions, contents, facts, html, pages
from pinch.tables import gathering, output_types

OPTIONAL = ("plots/layer_sensitivity.png", "plots/explain.png")
SCRIPTS = Path(render_report.__file__).parent


def _tables(folder, partial=False):
    gathering.write_all(folder, gathering.gather(folder, partial).tables)
    output_types.write_choices(folder)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = made_up_run.make(tmp_path_factory.mktemp("run") / "results/demo", coarse=(30, 50), fine=(50,))
    made_up_run.add_explain(folder)
    _tables(folder)
    made_up_run.add_pictures(folder)
    render_report.main([str(folder), "--optional", *OPTIONAL])
    return folder


def _caption(run, name):
    return (run / f"captions/{name}.rst").read_text()


def test_every_item_has_a_template_and_the_other_way_round():
    everything = tuple(item.path for item in contents.ITEMS)
    wanted = {Path(path).name for path in contents.captions(everything)}
    assert wanted == {path.name for path in contents.TEMPLATES.glob("*.rst")}


def test_captions_say_what_intervals_rest_on(run, tmp_path):
    for item in ("artifact_accuracy", "pareto"):
        assert "these 100 images of 6 persons." in " ".join(_caption(run, item).split())
    bare = made_up_run.make(tmp_path / "demo", coarse=(50,), fine=())
    (bare / "records/intervals.json").unlink()
    captions.render(_tables(bare))
    assert not any("interval" in _caption(bare, item) for item in ("artifact_accuracy", "pareto"))


def test_numbers_come_from_the_tables(run):
    models = gathering.read(run, "models").set_index("model")
    coarse = models.loc["demo_coarse_prune_50_tuned"]
    text = " ".join(_caption(run, "coarse_prune_evaluation").split())
    assert f"mAP50-95 {coarse['map50_95_before_tuning']:.3f} before and {coarse['map50_95']:.3f} after tuning" in text
    assert f"{coarse['macs'] / models.loc['demo', 'macs']:.2f} of its MACs" in text
    assert "up to 50% the tuned model keeps at least 95%" in text
    front = _caption(run, "workflow")
    assert front.startswith("What came out of demo\n=====================\n")
    assert "mAP50 0.930, mAP50-95 0.727 on test" in front


@pytest.mark.parametrize("name", ["hands_640", "my_coarse_prune_x"])
def test_captions_call_models_what_they_are_whatever_their_names_look_like(tmp_path, name):
    folder = _tables(made_up_run.make(tmp_path / name, name, coarse=(50,), fine=(), sizes=(None, 256)))
    captions.render(folder)
    assert f"- {name}: best" in _caption(folder, "training")
    assert "- coarse 50%: best" in _caption(folder, "training")
    assert f"of {name}'s" in _caption(folder, "latency")
    accuracy = gathering.read(folder, "models")["map50_95"][0]
    assert f"**Base** ``{name}``: mAP50" in _caption(folder, "workflow")
    assert f"mAP50-95 {accuracy:.3f} on test" in _caption(folder, "workflow")


def test_conclusions_follow_the_data(run, tmp_path):
    folder = made_up_run.make(tmp_path / "demo", coarse=(70,), fine=())
    _tables(folder)
    captions.render(folder)
    assert "no ratio of this run keeps 95%" in _caption(folder, "coarse_prune_evaluation")
    assert "no finely pruned model" in _caption(folder, "fine_prune_evaluation")
    assert "cost at most 1%" in _caption(run, "artifact_accuracy")
    for path in (folder / "records/accuracy").glob("*int8*"):
        low = made_up_records.accuracy(0.5, 0.4)
        made_up_run.edit(path, AccuracyRecord, splits={"val": low, "test": low})
    _tables(folder)
    captions.render(folder)
    assert "cost at most 1%" not in _caption(folder, "artifact_accuracy")


def test_shares_are_of_the_better_of_base_and_twin(tmp_path):
    for name, twin, of in (("better", 1.25, "demo_tuned"), ("worse", 0.9, "demo"), ("none", None, "demo")):
        folder = _tables(made_up_run.make(tmp_path / name, coarse=(50,), fine=(50,), twin=twin))
        captions.render(folder, name="demo")
        models = gathering.read(folder, "models").set_index("model")
        share = models.loc["demo_coarse_prune_50_tuned", "map50_95"] / models.loc[of, "map50_95"]
        for caption in ("coarse_prune_evaluation", "sensitivity"):
            text = " ".join(_caption(folder, caption).split())
            assert f"{share:.0%}" in text, caption
            wanted = (
                "of the base, which was not tuned any further" if twin is None else f"of ``{of}``: on val the better"
            )
            assert f"Shares of mAP50-95 are {wanted}" in text, caption
        chosen = gathering.read(folder, "selection").iloc[0]
        assert chosen["kept"] == pytest.approx(chosen["val_map50_95"] / models.loc[of, "val_map50_95"])
        assert ("its twin ``" in _caption(folder, "workflow")) == (twin is not None)


def test_a_base_that_was_not_at_its_plateau_is_told(tmp_path):
    said = {}
    for twin in (1.25, 1.0):
        folder = made_up_run.make(tmp_path / f"{twin}", coarse=(50,), fine=(), twin=twin)
        made_up_run.edit(folder / "records/training/demo.json", TrainingRecord, best_epoch=5)
        _tables(folder)
        captions.render(folder)
        said[twin] = [" ".join(_caption(folder, name).split()) for name in ("workflow", "training")]
    gain = f"{1.25 * 0.742 - 0.742:.3f}"
    for text in said[1.25]:
        assert f"**The base had not reached its plateau:** its twin gains {gain} mAP50-95 on val, more than" in text
        assert "More epochs (``train.epochs``) would probably" in text
    assert "plateau" not in said[1.0][0]
    assert "**The base had reached its plateau:** its twin reaches mAP50-95 0.742 on val, the base" in said[1.0][1]


def test_collapse_is_explained_with_numbers(run):
    assert "DFL" in _caption(run, "sensitivity")
    text = " ".join(_caption(run, "explain").split())
    assert "at 30% 0.680 without DFL, 0.000 with DFL, 0.000 DFL alone" in text
    assert "masks lost: 0.726 with 0.1% of the weights zero" in text


def test_captions_are_clean_restructuredtext(run):
    for path in (run / "captions").glob("*.rst"):
        text = re.sub(r"(?m)^ +(\.\. image:: )?\S{500,}$", "", path.read_text())  # an embedded picture
        assert not re.search(r"\{\{|\{%|None|nan|<NA>", text), path
        shown = html.fragment(path.read_text())
        assert "system-message" not in shown, path
        assert len(shown) > 0.8 * len(text.strip()) > 0, path


def test_every_picture_says_what_to_see_in_it(run):
    for item in contents.ITEMS:
        if item.path.endswith(".png"):
            name = Path(item.caption).name
            assert "**What to see:** " in (contents.TEMPLATES / name).read_text(), name
            if (run / item.caption).exists():
                text = (run / item.caption).read_text()
                assert text.startswith(("**What to see:** ", "Nothing was compared in this run.")), name


def test_partial_run_names_what_is_missing(tmp_path):
    folder = made_up_run.make(tmp_path / "demo", coarse=(50,), fine=(50,))
    for path in ("accuracy/demo.json", "accuracy/demo_fine_prune_50.json", "inference/cpu_1/demo_full.onnx.json"):
        (folder / "records" / path).unlink()
    _tables(folder, partial=True)
    made_up_run.add_pictures(folder)
    captions.render(folder)
    pages.render(folder)
    assert "3 expected rows are missing" in _caption(folder, "workflow")
    page = (folder / "pages/speed.html").read_text()
    assert "demo_full.onnx on cpu, 1 threads (no record)" in page


def test_tables_are_readable_and_pages_stand_alone(run):
    page = (run / "tables/models.html").read_text()
    assert 'data-label="mAP50-95 on test" data-sort="0.727"' in page
    assert ">0.727 <small>(0.697 to 0.747)</small></td>" in page
    assert ">MACs (M)</th>" in page
    for path in [*contents.PAGES, *contents.HTML_TABLES, contents.INDEX]:
        text = (run / path).read_text()
        assert not re.search(r"https?://|<link|<script [^>]*src", text), path
        assert text.count("<script>") == 1, path
        assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text, path
    speed = (run / "pages/speed.html").read_text()
    assert speed.count("data:image/png;base64,") == 1
    assert speed.index("Time, accuracy and size") < speed.index("Table of files")


def test_pages_can_be_read_without_snakemake(run):
    page = (run / "pages/index.html").read_text()
    assert "What came out of demo" in page
    assert page.count("data:image/png;base64,") == 1
    names = [Path(path).name for path in contents.PAGES]
    assert re.findall(r'href="([^"]+)"', page) == names * 2, "above the page and at its end"
    assert "javascript:" not in page
    others = re.findall(r'href="([^"]+)"', (run / "pages/data.html").read_text())
    assert others == ["index.html", *(name for name in names if name != "data.html")]


def test_facts_leave_out_what_is_unknown():
    assert facts.share(1.0, None) is None
    assert facts.share(1.0, 0) is None
    assert facts.share(1.0, 4) == 0.25


def test_report_arguments_are_unique_and_sorted():
    places = [contents.report_arguments("results/demo", item.path) for item in contents.ITEMS]
    titles = [place["labels"]["result"] for place in places]
    assert titles == sorted(set(titles))
    assert all(Path(place["caption"]).is_absolute() for place in places)
    assert contents.report_arguments("r", "tables/models.csv")["labels"]["result"].endswith("(CSV)")
    with pytest.raises(KeyError):
        contents.report_arguments("r", "plots/nothing.png")


def test_summary_prints_the_main_tables(run, capsys):
    print_summary.main([str(run)])
    printed = capsys.readouterr().out
    for text in (
        "coarse 50%",
        "demo_coarse_prune_50_tuned_int8.tflite",
        "phone CPU (by proxy)",
        "jobs in",
        "not made yet",
    ):
        assert text in printed
    assert max(map(len, printed.splitlines())) < 140


@pytest.mark.slow
def test_snakemake_report_shows_captions_and_needs_no_network(run):
    place = run.parents[1]
    (place / "Snakefile").write_text(_SNAKEFILE.format(scripts=SCRIPTS))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--report", "report.html", "--report-after-run"]
    command += ["--report-stylesheet", str(contents.TEMPLATES / "report.css")]
    # A caption may be absent when the workflow is planned.
    for path in (run / "captions").glob("*.rst"):
        path.unlink()
    environment = {**os.environ, "XDG_CACHE_HOME": str(place / "cache")}
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    page = (place / "report.html").read_text()
    for section in contents.SECTIONS.values():
        assert section in page
    assert "mAP50 0.930, mAP50-95 0.727 on test" in page
    front = re.search(r"workflow_desc\s*=\s*(.*)", page).group(1)
    assert "data:image/png" in front
    assert not re.search(r"""(src|href)=["']https?://""", page)


_SNAKEFILE = """
import sys
from pathlib import Path
sys.path.insert(0, "{scripts}")
from pinch.report.contents import FRONT, HTML_TABLES, PAGES, captions, report_arguments

RUN = "results/demo"
OPTIONAL = ("plots/layer_sensitivity.png", "plots/explain.png")
PICTURES = ["plots/pareto.png", "plots/files.png"]


def reported(paths):
    return [report(f"{{RUN}}/{{path}}", **report_arguments(RUN, path)) for path in paths]


report: str(Path(f"{{RUN}}/{{FRONT}}").resolve())


rule render_report:
    input: reported(PICTURES)
    output: reported(HTML_TABLES), reported(PAGES), [f"{{RUN}}/{{path}}" for path in captions(OPTIONAL)]
    shell: "{{sys.executable}} {scripts}/render_report.py {{RUN}} --optional {{OPTIONAL}}"
"""


def test_a_machine_that_was_not_steady_says_so(tmp_path):
    folder = made_up_run.make(tmp_path / "results/demo", coarse=(30, 50), fine=(50,))
    _tables(folder)
    captions.render(folder)
    assert "moved by up to" not in _caption(folder, "measuring")
    table = gathering.read(folder, "inference")
    for number, path in enumerate(sorted(folder.glob("records/inference/cpu_1/*.json"))):
        timed, _ = records.read(path, InferenceRecord)
        if timed.baseline:
            slower = 1 + 0.1 * (number % 3)
            rounds = [slower * value for value in timed.baseline.round_p50_ms]
            changed = replace(timed.baseline, p50_ms=slower * timed.baseline.p50_ms, round_p50_ms=rounds)
            made_up_run.edit(path, InferenceRecord, baseline=changed)
    _tables(folder)
    captions.render(folder)
    assert re.search(r"moved by up to \d\d\.\d% more than its rounds explain", _caption(folder, "measuring"))
    wider = gathering.read(folder, "inference")
    timed = wider["relative_low"].notna() & (wider["device"] == "cpu") & (wider["threads"] == 1)
    assert (wider["relative_low"] < table["relative_low"])[timed].all()
    assert (wider["relative_to_baseline"] == table["relative_to_baseline"])[timed].all()


def test_a_training_by_another_schedule_says_so(tmp_path):
    folder = made_up_run.make(tmp_path / "results/demo", coarse=(30, 50), fine=(50,))
    taught = {"schedule": "3 steps", "teacher": "large.pt", "averaged_epochs": 2, "averaged_map50_95": 0.5}
    for name, changes in {"coarse_prune_30": taught, "fine_prune_50": {"schedule": "cubic"}}.items():
        made_up_run.edit(folder / f"records/training/demo_{name}_tuned.json", TrainingRecord, **changes)
    _tables(folder)
    captions.render(folder)
    lines = {line.split(":")[0]: line for line in _caption(folder, "training").splitlines() if line.startswith("- ")}
    said = "; kept is the average of the last 2, with 0.500; channels were removed in 3 steps; taught by large.pt."
    assert said in lines["- coarse 30%"]
    assert lines["- fine 50%"].endswith("; weights were zeroed gradually.")
    assert not any(word in lines["- coarse 50%"] for word in ("average", "removed", "taught"))


def test_a_training_that_was_not_as_asked_for_says_so(tmp_path):
    folder = made_up_run.make(tmp_path / "results/demo", coarse=(30,), fine=())
    path = folder / "records/training/demo_coarse_prune_30_tuned.json"
    made_up_run.edit(path, TrainingRecord, batch=16, batch_used=8, diverged_epoch=3)
    _tables(folder)
    made_up_run.add_pictures(folder)
    render_report.main([str(folder)])
    caption = _caption(folder, "training")
    assert "its losses were not finite in epoch 3, which ended it; 8 images per step instead of 16" in caption
    assert caption.count("images per step") == 1
