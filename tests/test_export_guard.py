"""The accuracy guard: what returns to float, when it stops, what it costs, and when it gives up."""

import types
from pathlib import Path

import made_up_evidence
import made_up_judge
import numpy as np
import pytest

from pinch.artifacts import job
from pinch.artifacts.guard import failure, keep_accuracy
from pinch.artifacts.judging import Judge
from pinch.artifacts.session import ExportSettings

OPERATORS = [f"conv{i}" for i in range(50)]


class Exporter:
    """Files that hold the names of their float operators; `judge` says what they are worth."""

    def __init__(self, folder, judge, **settings):
        self.path = folder / "int8.onnx"
        self.judge, self.settings = judge, ExportSettings(64, **settings)
        self.written = []

    def write(self, floats):
        self.path.write_text(" ".join(sorted(floats)))
        self.written.append(floats)
        return self.path

    def run(self):
        path, done = keep_accuracy(self.judge, self.settings, self.write, lambda _: OPERATORS, len(OPERATORS))
        return set(path.read_text().split()), done

    def failure(self):
        return failure(self.run()[1], self.settings.least)


def exporter(folder, share, time=lambda floats: 0.5, **others):
    settings = {key: others.pop(key) for key in ("guard", "class_guard") if key in others}
    return Exporter(folder, made_up_judge.Judge(share, time, **others), **settings)


def test_a_file_that_is_good_enough_stays_all_int8(tmp_path):
    made = exporter(tmp_path, lambda floats: 0.994)
    floats, done = made.run()
    assert floats == set()
    assert done.passed
    assert (done.share, done.twin, done.reference) == (0.994, "full.onnx", 0.8)
    assert len(made.written) == 1


def test_the_worst_operators_return_to_float_step_by_step_until_it_is_good_enough(tmp_path):
    made = exporter(tmp_path, lambda floats: 1.0 if {"conv0", "conv3"} <= floats else 0.97)
    floats, done = made.run()
    assert [len(written) for written in made.written] == [0, 2, 4]
    assert floats == set(done.float_operators) == {"conv0", "conv1", "conv2", "conv3"}
    assert [step.float_operators for step in done.steps] == [0, 2, 4]


def test_a_loss_that_may_be_chance_costs_no_time(tmp_path):
    made = exporter(tmp_path, lambda floats: 0.98, noise=0.03)
    floats, done = made.run()
    assert (floats, len(made.written)) == (set(), 1)
    assert done.passed
    assert done.share_high > 1


def test_a_class_that_loses_much_is_as_good_a_reason(tmp_path):
    worst = {0: 0.9, 2: 0.95, 4: 0.98}
    made = exporter(tmp_path, lambda floats: 0.995, worst=lambda floats: worst[len(floats)])
    floats, done = made.run()
    assert len(floats) == 4
    assert (done.worst_class, done.worst_class_share) == ("fist", 0.98)


def test_no_step_is_taken_that_makes_a_file_as_slow_as_its_float_file(tmp_path):
    made = exporter(tmp_path, lambda floats: 0.97 + 0.004 * len(floats), time=lambda floats: 0.7 + 0.1 * len(floats))
    floats, done = made.run()
    assert [step.relative_time for step in done.steps] == pytest.approx([0.7, 0.9, 1.1])
    assert len(floats) == 2
    assert not done.passed
    assert done.pays


def test_of_files_that_keep_too_little_the_one_that_gains_most_for_its_time_is_taken(tmp_path):
    share = {0: 0.94, 2: 0.965, 4: 0.97, 6: 0.97, 8: 0.971, 10: 0.972}
    made = exporter(tmp_path, lambda floats: share[len(floats)], time=lambda floats: 0.5 + 0.02 * len(floats))
    floats, done = made.run()
    assert max(len(written) for written in made.written) == 10
    assert not done.passed
    assert len(floats) == 2
    assert made.failure() is None  # above the floor


def test_steps_that_gain_nothing_are_not_taken(tmp_path):
    made = exporter(tmp_path, lambda floats: 0.96 + 0.0001 * len(floats))
    floats, _ = made.run()
    assert len(made.written) == 6
    assert floats == set()


def test_a_step_that_is_good_enough_by_chance_costs_no_time(tmp_path):
    made = exporter(tmp_path, lambda floats: 0.9895 + 0.0003 * len(floats), time=lambda floats: 0.2 + len(floats) / 4)
    floats, done = made.run()
    assert [step.share for step in done.steps] == pytest.approx([0.9895, 0.9901])
    assert (floats, done.relative_time) == (set(), 0.2)


def test_a_file_that_is_slower_than_its_float_file_is_left_as_it_is(tmp_path):
    made = exporter(tmp_path, lambda floats: 0.97, time=lambda floats: 1.06)
    floats, done = made.run()
    assert (floats, len(made.written)) == (set(), 1)
    assert done.pays is False
    assert done.relative_time == 1.06


def test_a_file_for_another_processor_is_guarded_without_its_time(tmp_path):
    made = exporter(tmp_path, lambda floats: 1.0 if len(floats) == 2 else 0.97, time=lambda floats: None)
    floats, done = made.run()
    assert len(floats) == 2
    assert (done.relative_time, done.pays) == (None, None)


def test_below_the_floor_the_file_is_kept_and_has_failed(tmp_path):
    made = exporter(tmp_path, lambda floats: 0.5)
    assert made.run()[1].share == 0.5
    said = made.failure()
    assert said.startswith("keeps only 0.500 of the mAP50-95 of full.onnx on val (at least 0.95 is required)")


def test_a_guard_below_the_floor_lowers_the_floor(tmp_path):
    assert exporter(tmp_path, lambda floats: 0.93, guard=0.9).failure() is None
    assert "at least 0.9 is required" in exporter(tmp_path, lambda floats: 0.89, guard=0.9).failure()


@pytest.mark.fault
def test_where_the_float_file_finds_nothing_there_is_nothing_to_guard(tmp_path):
    made = exporter(tmp_path, lambda floats: 0.0, reference=None)
    _, done = made.run()
    assert done.skipped == "it finds nothing"
    assert made.failure() is None


def judge(images, per_person, map50_95=0.6, skill=2.0):
    """A judge whose float file, of this skill, was evaluated on made-up images."""
    rng = np.random.default_rng(0)
    seen = made_up_evidence.scenes(rng, images, 2, per_person=per_person)
    found = made_up_evidence.collected(seen, made_up_evidence.matched(rng, seen, skill))
    settings = ExportSettings(64)
    session = types.SimpleNamespace(settings=settings, evidence=lambda _: found, map50_95=lambda _: map50_95)
    return Judge(session, Path("full.onnx"), None)


@pytest.mark.fault
def test_a_val_of_one_person_is_not_called_a_file_that_finds_nothing():
    assert judge(60, 3).incomparable is None
    assert judge(60, 1000).incomparable.startswith("val shows a single person, so nothing tells")
    assert judge(60, 3, map50_95=0.0).incomparable.startswith("the float file does not reach mAP50-95 0.01 on val,")


def test_a_float_file_that_finds_hardly_anything_is_no_measure():
    """On all images it just reaches what can be compared with, but not on every half of them."""
    found = judge(20, 3, map50_95=0.011, skill=-1.9).incomparable
    assert found == "the float file does not reach mAP50-95 0.01 on all parts of val, so shares of it say nothing"


@pytest.mark.parametrize("passed", [True, False])
def test_where_int8_does_not_pay_it_is_said_with_the_reason_whatever_it_keeps(tmp_path, capsys, passed):
    made = exporter(tmp_path, lambda floats: 1.0 if passed else 0.97, time=lambda floats: 1.06)
    result = types.SimpleNamespace(unchecked=None, failed=None, guard=made.run()[1], costly="SiLU takes two operators")
    job._warn(tmp_path / "int8.onnx", result)
    said = capsys.readouterr().err
    assert "takes 1.06 of the time of full.onnx: SiLU takes two operators" in said
    assert ("keeps 0.970" in said) is not passed
