"""The demo page answers through the same interface as a browser uses, and loads nothing from the network."""

import re
import socket
import urllib.request

import cv2
import known_detectors as detectors
import numpy as np
import pytest

import demo
from pinch.core.errors import PinchError
from pinch.data import frames


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def detector(folder):
    from pinch.apps.page import Detector

    return Detector(detectors.onnx_detector(folder / "toy_full.onnx"))


@pytest.fixture(scope="module")
def picture(folder):
    path = folder / "picture.png"
    cv2.imwrite(str(path), detectors.picture(0))
    return path


@pytest.fixture(scope="module")
def address(detector, picture):
    """A running page."""
    from pinch.apps import page

    built = page.build(detector, 0.25, [picture])
    yield page.launch(built, "127.0.0.1", free_port())
    built.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def client(address):
    from gradio_client import Client

    return Client(address, verbose=False)


def test_picture_comes_back_with_box_label_score_and_time(client, picture):
    from gradio_client import handle_file

    drawn, times, table = client.predict(handle_file(picture), 0.25, api_name="/image")
    assert table["headers"][:2] == ["label", "score"]
    label, score, left, top, width, height = table["data"][0]
    assert (label, score) == ("blue", 0.9)
    assert [left, top, width, height] == pytest.approx([20, 20, 40, 30], abs=1)
    assert re.search(r"\d+\.\d ms", times)
    assert "1 box" in times
    image = cv2.imread(drawn)
    assert image.shape[:2] == detectors.SHAPE
    assert (image != detectors.picture(0)).any()


def test_nothing_above_the_threshold(client, picture):
    from gradio_client import handle_file

    _, times, table = client.predict(handle_file(picture), 0.95, api_name="/image")
    assert table["data"] == []
    assert "nothing found" in times


def test_every_frame_of_a_video(client, folder):
    from gradio_client import handle_file

    path = detectors.video(folder / "hands.mp4", 7)
    drawn, times = client.predict(handle_file(path), 0.25, api_name="/video")
    drawn = drawn["video"] if isinstance(drawn, dict) else drawn
    found = list(frames.stream(drawn))
    assert len(found) == 7
    assert found[0].shape[:2] == detectors.SHAPE
    assert drawn.endswith(".webm")
    assert "7 boxes in 7 frames" in times


def test_page_loads_nothing_from_the_network(address):
    html = urllib.request.urlopen(address).read().decode()
    loaded = re.findall(r"<(?:script|link)[^>]*(?:src|href)=\"(https?://[^\"]+)\"", html)
    assert [url for url in loaded if not url.startswith(address)] == []
    theme = urllib.request.urlopen(f"{address}theme.css").read().decode()
    assert not re.search(r"@import|url\([\"']?https?:", theme)
    assert "fonts.googleapis" not in html
    assert "toy_full.onnx" in html


def test_boxes_are_drawn_where_they_are(detector):
    from pinch.runtimes.postprocess import Detections

    image = np.zeros((200, 300, 3), np.uint8)
    found = Detections(np.array([[50, 60, 150, 160]], np.float32), np.array([0.5], np.float32), np.array([1]))
    drawn = detector.draw(image, found)
    assert not image.any()
    assert drawn[100, 50].any()
    assert drawn[50, 60].any()  # the label above the box
    assert not drawn[100, 100].any()


def test_classes_without_a_name_are_numbered(detector):
    assert detector.label(7) == "class 7"


def test_port_that_is_taken(detector):
    from pinch.apps import page

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PinchError, match="cannot be used"):
            page.launch(page.build(detector, 0.25), "127.0.0.1", other.getsockname()[1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone.onnx"], "does not exist"),
        (["a.onnx", "--example", "gone.png"], "no image"),
        (["a.onnx", "--port", "0"], "port"),
    ],
)
def test_bad_arguments_get_one_sentence(arguments, said, capsys):
    with pytest.raises((PinchError, SystemExit)) as caught:
        demo.main(arguments)
    assert said in str(caught.value) + capsys.readouterr().err
