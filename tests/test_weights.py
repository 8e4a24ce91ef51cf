"""Detectors from elsewhere: taken over unchanged when they fit, refused with one sentence when they do not."""

import socket
import time

import detectors
import pytest
import shapes

import fetch_weights
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
@pytest.mark.parametrize("network", ["absent", "silent"])
def test_without_a_network_fetching_says_what_to_do(network, tmp_path, monkeypatch):
    """A proxy that refuses, or that takes connections and never answers, as a firewall does."""
    monkeypatch.setattr(sources, "PATIENCE", 1)
    with socket.socket() as proxy:
        proxy.bind(("127.0.0.1", 0))
        if network == "silent":
            proxy.listen()
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        start = time.monotonic()
        with pytest.raises(PinchError, match=r"the network cannot be reached\): .*put the file at .*yolo11n\.pt"):
            fetch_weights.main(["yolo11n.pt", str(tmp_path / "yolo11n.pt")])
    assert time.monotonic() - start < 15
    assert not list(tmp_path.iterdir())
