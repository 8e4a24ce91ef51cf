"""Detectors from elsewhere: taken over unchanged when they fit, refused with one sentence when they do not."""

import detectors
import pytest
import shapes

from pinch.core.errors import PinchError
from pinch.weights import sources


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return shapes.write(tmp_path_factory.mktemp("data"), train=3, val=3)


def test_a_fitting_detector_is_taken_over_unchanged(data, tmp_path):
    model = detectors.write(tmp_path / "mine.pt", detectors.network("yolo11n.yaml", width=0.125), shapes.NAMES)
    sources.adopt(model, data, tmp_path / "models/some.pt")
    assert (tmp_path / "models/some.pt").read_bytes() == model.read_bytes()


def test_other_classes_are_refused(data, tmp_path):
    network = detectors.network("yolo11n.yaml", width=0.125)
    model = detectors.write(tmp_path / "other.pt", network, ["cat", "dog", "cow"])
    with pytest.raises(PinchError, match=r"detects .*cat.* has the classes"):
        sources.adopt(model, data, tmp_path / "some.pt")
    assert not (tmp_path / "some.pt").exists()


def test_unreadable_checkpoints_are_refused(data, tmp_path):
    (tmp_path / "broken.pt").write_bytes(b"no checkpoint")
    with pytest.raises(PinchError, match=r"broken\.pt"):
        sources.adopt(tmp_path / "broken.pt", data, tmp_path / "some.pt")


def test_names_that_nobody_publishes_are_refused(tmp_path):
    with pytest.raises(PinchError, match="is not one of Ultralytics' weights"):
        sources.fetch("yolo99n.pt", tmp_path / "yolo99n.pt")


@pytest.mark.fault
def test_without_a_network_fetching_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "RELEASES", "http://127.0.0.1:9")
    with pytest.raises(PinchError, match=r"could not be downloaded .*put the file at"):
        sources.fetch("yolo11n.pt", tmp_path / "yolo11n.pt")
    assert not list(tmp_path.iterdir())
