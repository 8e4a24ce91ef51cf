"""The steps that all formats share: which calibration is kept, what returns to float, what the record says."""

from types import SimpleNamespace

import made_up_judge
import numpy as np
import pytest

import pinch  # noqa: F401  (first: it settles Ultralytics' environment)
from pinch.artifacts import exporter
from pinch.artifacts.job import ExportJob
from pinch.artifacts.session import ExportSettings
from pinch.core.record_types.exports import Calibration, Head
from pinch.run.formats import FORMATS


class Quantizer(exporter.Quantizer):
    """Writes what it is asked for; its errors grow with the number in an operator's name."""

    operators = [f"conv{number}" for number in range(50)]
    target = "some"

    def __init__(self, session, methods):
        super().__init__(session)
        self.methods = methods

    def write(self, method, floats):
        path = self.session.scratch / f"{method}.bin"
        path.write_text(" ".join([method, *sorted(floats)]))
        return path

    def finish(self, path, output, threshold):
        output.write_text(path.read_text())

    def errors(self, path):
        return {name: float(name.removeprefix("conv")) for name in self.operators if name != "conv49"}


def quantized(monkeypatch, folder, share, methods):
    """The artifact's text and the result of quantizing where `share` says what a text keeps of float."""
    judge = made_up_judge.Judge(share, lambda words: 0.5, reference=0.8)
    monkeypatch.setattr(exporter, "Judge", lambda *_: judge)
    session = SimpleNamespace(
        settings=ExportSettings(64),
        scratch=folder,
        head=Head(candidates=300),
        threshold_of=lambda path: 0.4,
        map50_95=lambda path: judge.loss(path).map50_95,
        calibration=[1, 2, 3],
        calibration_sha256="abc",
    )
    job = ExportJob(session, "int8", FORMATS["onnx"], folder / "artifact_int8.onnx")
    result = exporter.export(job, lambda *_: None, lambda session: Quantizer(session, methods))
    return job.output.read_text(), result


def test_the_most_accurate_calibration_is_kept(monkeypatch, tmp_path):
    worth = {"minmax": 0.9925, "entropy": 1.0}
    text, result = quantized(monkeypatch, tmp_path, lambda words: worth[next(iter(words))], ("minmax", "entropy"))
    assert text == "entropy"
    tried = {"minmax": 0.9925 * 0.8, "entropy": 0.8}
    assert result.calibration == Calibration(images=3, sha256="abc", method="entropy", tried=tried)
    assert (result.target, result.head, result.threshold) == ("some", Head(candidates=300), 0.4)
    assert result.parity is None


def test_one_calibration_is_not_compared_with_itself(monkeypatch, tmp_path):
    text, result = quantized(monkeypatch, tmp_path, lambda words: 0.999, ("minmax",))
    assert text == "minmax"
    assert result.calibration.tried == {}


def test_the_operators_with_the_largest_errors_return_to_float(monkeypatch, tmp_path):
    text, result = quantized(monkeypatch, tmp_path, lambda words: 1.0 if "conv47" in words else 0.97, ("minmax",))
    assert text == "minmax conv47 conv48"  # nothing is known of conv49
    assert result.guard.float_operators == ["conv47", "conv48"]
    assert result.guard.operators == 50


def test_noise_is_relative_to_the_signal_over_all_images():
    plain = [[np.array([3.0, 4.0]), np.zeros(2)], [np.array([0.0, 5.0]), np.zeros(2)]]
    rounded = [[np.array([3.0, 3.0]), np.zeros(2)], [np.array([2.0, 5.0]), np.zeros(2)]]
    noise = exporter.relative_noise(["a", "b"], plain, iter(rounded))
    assert noise == {"a": pytest.approx(5 / 50), "b": 0}
