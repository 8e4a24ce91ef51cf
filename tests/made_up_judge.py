"""A judge that says what a test wants of files that hold the names of their float operators."""

from pinch.artifacts.judging import Loss
from pinch.core.record_types.intervals import ClassEstimate, Estimate

GAIN = 0.002
"""What is more is no chance."""


class Judge:
    """Stands for `pinch.artifacts.judging.Judge`, which needs detectors and images to compare."""

    twin = "full.onnx"
    images = 100

    def __init__(self, share, time, worst=None, noise=0.001, reference=0.8):
        self.reference = reference
        self.incomparable = None if reference else "it finds nothing"
        self._share, self._time, self._worst, self._noise = share, time, worst or (lambda floats: 1.0), noise

    def loss(self, path):
        share, worst = self._share(_floats(path)), self._worst(_floats(path))
        whole, of_class = (
            {"value": value, "low": value - self._noise, "high": value + self._noise} for value in (share, worst)
        )
        return Loss(
            map50_95=share * (self.reference or 0),
            whole=Estimate(**whole),
            worst_class=ClassEstimate(name="fist", **of_class),
        )

    def gains(self, ours, theirs):
        whole = ours.whole.value > theirs.whole.value + GAIN
        return whole or ours.worst_class.value > theirs.worst_class.value + GAIN

    def relative_time(self, path):
        return self._time(_floats(path))


def _floats(path):
    return set(path.read_text().split())
