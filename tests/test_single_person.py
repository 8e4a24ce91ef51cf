"""A data set in which val and test show one person only: nothing tells how far its figures would move with others."""

import made_up_evidence
import made_up_run
import numpy as np
import pytest

from pinch.core.record_types.measurements import AccuracyRecord
from pinch.measuring import evidence
from pinch.report import captions
from pinch.report.plots import degradation as plots
from pinch.run import manifest
from pinch.tables import degradation, gathering, intervals, output_types

TOO_FEW = "test shows too few images or persons to tell a loss from chance"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = made_up_run.make(tmp_path_factory.mktemp("run") / "demo", coarse=(50,), fine=(), devices=(("cpu", 1),))
    expected, rng = manifest.load(folder), np.random.default_rng(0)
    seen = {split: made_up_evidence.scenes(rng, 40, 2, per_person=1000) for split in ("val", "test")}
    for name in [*map(str, expected.models), *(artifact.file for artifact in expected.artifacts)]:
        found = {
            split: made_up_evidence.collected(
                each, made_up_evidence.matched(rng, each, 1.2, placed=True), threshold=0.4
            )
            for split, each in seen.items()
        }
        evidence.write(folder / f"records/accuracy/{name}.npz", "0" * 64, found)
    for path in folder.glob("records/accuracy/*.json"):
        made_up_run.edit(path, AccuracyRecord, sha256="0" * 64)
    record, _ = intervals.compute(folder, 0)
    made_up_run._write(folder, "intervals.json", record)
    gathering.write_all(folder, gathering.gather(folder).tables)
    output_types.write_choices(folder)
    gathering.write_all(folder, degradation.compute(folder, folder))
    captions.render(folder)
    return folder


def _said(run, name):
    return " ".join((run / f"captions/{name}.rst").read_text().split())


def test_captions_say_why_there_are_no_intervals(run):
    assert "Test shows a single person, so nothing tells how far it would move with others." in _said(run, "workflow")
    assert "**There are no intervals** of accuracies: val and test show a single person" in _said(run, "measuring")
    assert TOO_FEW in _said(run, "degradation")
    assert TOO_FEW in _said(run, "class_losses")
    for name in ("workflow", "degradation", "class_losses", "agreement"):
        assert "n/a" not in _said(run, name), name


def test_plots_without_any_loss_say_so(run):
    for draw in (plots.class_losses, plots.size_losses):
        (axis,) = draw(run).axes
        assert [text.get_text() for text in axis.texts] == [plots.UNTOLD]


def test_no_choice_is_certain(run):
    chosen = gathering.read(run, "selection").query("want != 'small'")
    assert len(chosen)
    assert not chosen["certain"].any()
