"""The accuracy guard: what returns to float, when it stops, and when it gives up."""

from types import SimpleNamespace

import pytest

from pinch.artifacts.guard import failure, keep_accuracy
from pinch.artifacts.job import ExportSettings

OPERATORS = [f"conv{i}" for i in range(50)]


class Exporter:
    """Files that hold the names of their float operators, and an accuracy that depends on them."""

    def __init__(self, folder, accuracy, reference=0.8, **settings):
        self.path = folder / "int8.onnx"
        self.session = SimpleNamespace(
            settings=ExportSettings(64, **settings), reference=reference, accuracy=self._accuracy
        )
        self._value = accuracy
        self.written = []

    def _accuracy(self, path):
        return self._value(set(path.read_text().split()))

    def write(self, floats):
        self.path.write_text(" ".join(sorted(floats)))
        self.written.append(floats)
        return self.path

    def run(self):
        return keep_accuracy(self.session, self.write, lambda _: OPERATORS, len(OPERATORS))

    def failure(self):
        return failure(self.run()[1], self.session.settings.least)


def test_a_file_that_is_good_enough_stays_all_int8(tmp_path):
    exporter = Exporter(tmp_path, lambda floats: 0.795)
    path, done = exporter.run()
    assert path.read_text() == ""
    assert done.passed
    assert done.share == pytest.approx(0.795 / 0.8)
    assert len(exporter.written) == 1


def test_the_worst_operators_return_to_float_step_by_step_until_it_is_good_enough(tmp_path):
    exporter = Exporter(tmp_path, lambda floats: 0.8 if {"conv0", "conv3"} <= floats else 0.77)
    path, done = exporter.run()
    assert [len(floats) for floats in exporter.written] == [0, 2, 4]
    assert done.float_operators == ["conv0", "conv1", "conv2", "conv3"]
    assert set(path.read_text().split()) == set(done.float_operators)
    assert [step.float_operators for step in done.steps] == [0, 2, 4]


def test_it_stops_at_the_limit_and_keeps_the_best_file(tmp_path):
    best = {4: 0.785}
    exporter = Exporter(tmp_path, lambda floats: best.get(len(floats), 0.78), float_limit=0.2)
    path, done = exporter.run()
    assert max(len(floats) for floats in exporter.written) == 10
    assert not done.passed
    assert len(path.read_text().split()) == 4
    assert exporter.failure() is None  # above the floor


def test_below_the_floor_the_file_is_kept_and_has_failed(tmp_path):
    exporter = Exporter(tmp_path, lambda floats: 0.4)
    path, done = exporter.run()
    assert path.exists()
    assert done.share == pytest.approx(0.5)
    said = exporter.failure()
    assert said.startswith("keeps only 0.500 of the float model's mAP50-95 on val (at least 0.95 is required)")


def test_a_guard_below_the_floor_lowers_the_floor(tmp_path):
    assert Exporter(tmp_path, lambda floats: 0.8 * 0.93, guard=0.9).failure() is None
    assert "at least 0.9 is required" in Exporter(tmp_path, lambda floats: 0.8 * 0.89, guard=0.9).failure()


@pytest.mark.fault
def test_where_the_float_model_finds_nothing_there_is_nothing_to_guard(tmp_path):
    exporter = Exporter(tmp_path, lambda floats: 0.0, reference=None)
    path, done = exporter.run()
    assert path.exists()
    assert "does not reach mAP50-95 0.01 on val" in done.skipped
    assert exporter.failure() is None
