"""The steps that all formats share: which calibration is kept, what returns to float, what the record says."""

from types import SimpleNamespace

import numpy as np
import pytest

import pinch  # noqa: F401  (first: it settles Ultralytics' environment)
from pinch.artifacts import exporter
from pinch.artifacts.job import ExportJob, ExportSettings
from pinch.core.record_types.exports import Calibration, Head


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

    def errors(self, path):
        return {name: float(name.removeprefix("conv")) for name in self.operators if name != "conv49"}


def quantized(folder, accuracy, methods):
    """The artifact's text and the result of quantizing where `accuracy` says what a text is worth."""
    session = SimpleNamespace(
        settings=ExportSettings(64),
        scratch=folder,
        reference=0.8,
        accuracy=lambda path: accuracy(path.read_text()),
        calibration=[1, 2, 3],
        calibration_sha256="abc",
    )
    job = ExportJob(session, "int8", folder / "artifact.bin")
    result = exporter.export(job, None, lambda session: Quantizer(session, methods))
    return job.output.read_text(), result


def test_the_most_accurate_calibration_is_kept(tmp_path):
    worth = {"minmax": 0.794, "entropy": 0.799}
    text, result = quantized(tmp_path, lambda text: worth[text], ("minmax", "entropy"))
    assert text == "entropy"
    assert result.calibration == Calibration(images=3, sha256="abc", method="entropy", tried=worth)
    assert (result.target, result.head) == ("some", Head(candidates=300))
    assert result.parity is None


def test_one_calibration_is_not_compared_with_itself(tmp_path):
    text, result = quantized(tmp_path, lambda text: 0.799, ("minmax",))
    assert text == "minmax"
    assert result.calibration.tried == {}


def test_the_operators_with_the_largest_errors_return_to_float(tmp_path):
    text, result = quantized(tmp_path, lambda text: 0.8 if "conv47" in text else 0.78, ("minmax",))
    assert text == "minmax conv47 conv48"  # nothing is known of conv49
    assert result.guard.float_operators == ["conv47", "conv48"]
    assert result.guard.operators == 50


def test_noise_is_relative_to_the_signal_over_all_images():
    plain = [[np.array([3.0, 4.0]), np.zeros(2)], [np.array([0.0, 5.0]), np.zeros(2)]]
    rounded = [[np.array([3.0, 3.0]), np.zeros(2)], [np.array([2.0, 5.0]), np.zeros(2)]]
    noise = exporter.relative_noise(["a", "b"], plain, iter(rounded))
    assert noise == {"a": pytest.approx(5 / 50), "b": 0}
