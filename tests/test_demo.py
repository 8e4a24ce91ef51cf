"""The demo page answers through the same interface as a browser uses, and loads nothing from the network."""

import base64
import os
import re
import struct
import tempfile
import urllib.request
import zlib
from pathlib import Path

import cv2
import known_detectors as detectors
import numpy as np
import onnx
import pytest
from gradio import analytics
from PIL import Image

from pinch.apps.demo import uploads
from pinch.data import frames


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def models(folder):
    """Three models in files whose names have spaces or are used twice: two that find the same, one that finds more."""
    from pinch.apps.demo.models import Models, named

    (folder / "more").mkdir()
    paths = [folder / "toy full.onnx", folder / "more" / "toy full.onnx", folder / "more.onnx"]
    for path in paths[:2]:
        detectors.onnx_detector(path)
    two_boxes_detector(paths[2])
    return Models([named(path) for path in paths])


def two_boxes_detector(path):
    """The detector of the others with one more box, of class 1, in the upper left corner."""
    answer = detectors.answer()
    answer[0, :4, 1], answer[0, 5, 1] = (10, 15, 12, 10), 0.6
    detectors.onnx_detector(path)
    model = onnx.load(path)
    constant = next(each for each in model.graph.initializer if each.name == "answer")
    constant.CopyFrom(onnx.numpy_helper.from_array(answer, "answer"))
    onnx.save(model, path)


ALONE = [0, 0.25, -1, 0.25, 0.7]
"""The page's controls: model, score, the other model (none), its score, IoU."""


@pytest.fixture(scope="module")
def picture(folder):
    path = folder / "picture.png"
    cv2.imwrite(str(path), detectors.picture(0))
    return path


@pytest.fixture(scope="module")
def address(models, picture):
    """A running page."""
    from pinch.apps.demo import page

    built = page.build(models, "toys", [picture], detectors.video(picture.parent / "clip.mp4", 5))
    yield page.launch(built, "127.0.0.1", 0)
    built.close()


@pytest.fixture(scope="module")
def client(address):
    from gradio_client import Client

    return Client(address, verbose=False)


def test_picture_comes_back_with_box_label_score_and_time(client, picture):
    from gradio_client import handle_file

    drawn, times, other, _, differing, table = client.predict(handle_file(picture), *ALONE, api_name="/image")
    label, score, *place = cells(table)[0]
    assert (label, score) == ("blue", "0.900")
    assert [int(value) for value in place] == pytest.approx([20, 20, 40, 30], abs=1)
    assert re.search(r"\d+\.\d ms", times)
    stages = re.findall(r"<b>(\d+\.\d)</b><span>([a-z-]+)</span>", times)
    assert [stage for _, stage in stages] == ["pre-processing", "inference", "post-processing"]
    assert "1 box" in times
    assert (other, differing) == (None, "")
    image = shown(drawn)
    assert image.shape[:2] == detectors.SHAPE
    assert (image != detectors.picture(0)).any()


def test_nothing_above_the_threshold(client, picture):
    from gradio_client import handle_file

    _, times, *_, table = client.predict(handle_file(picture), 0, 0.95, *ALONE[2:], api_name="/image")
    assert cells(table) == []
    assert "nothing found" in times


def cells(table):
    """The rows of a table of boxes."""
    return [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(<td>.*?)</tr>", table)]


def shown(image):
    """An image that an answer holds."""
    return cv2.imdecode(np.frombuffer(base64.b64decode(image["url"].partition(",")[2]), np.uint8), 1)


@pytest.mark.parametrize(("other", "sentence"), [(1, "Both find the same box."), (2, "1 box differs</b>: 1 only")])
def test_two_models_beside_each_other_and_how_they_differ(client, picture, other, sentence):
    from gradio_client import handle_file

    first, _, second, times, differing, table = client.predict(
        handle_file(picture), 0, 0.25, other, 0.25, 0.7, api_name="/image"
    )
    assert sentence in differing
    assert table.count("<caption>") == 2
    images = [shown(each).astype(int) for each in (first, second)]
    marked = np.abs(images[0] - images[1]).max(-1) > 100
    assert marked.any() == (other == 2)
    # The box that only one has is in the upper left corner.
    assert not marked[25:].any()
    assert ("2 boxes" if other == 2 else "1 box ") in times


def test_every_frame_of_a_video(client, folder):
    from gradio_client import handle_file

    path = detectors.video(folder / "hands.mp4", 7)
    drawn, times = client.predict(handle_file(path), *ALONE, api_name="/video")[:2]
    drawn = drawn["video"] if isinstance(drawn, dict) else drawn
    found = list(frames.stream(drawn))
    assert len(found) == 7
    assert found[0].shape[:2] == detectors.SHAPE
    assert drawn.endswith(".webm")
    assert "7 boxes in 7 frames" in times


def test_without_a_video_the_clip_is_looked_at_by_both_models(client):
    drawn, said = client.predict(None, 0, 0.25, 2, 0.25, 0.7, api_name="/video")[:2]
    drawn = drawn["video"] if isinstance(drawn, dict) else drawn
    found = list(frames.stream(drawn))
    height, width = detectors.SHAPE
    assert len(found) == 5
    assert found[0].shape[1] == 2 * width
    assert found[0].shape[0] > height
    assert "5 boxes differ</b>: 5 only" in said
    assert "They differ in 5 of 5 frames." in said


def test_page_loads_nothing_from_the_network(address):
    html = urllib.request.urlopen(address).read().decode()
    loaded = re.findall(r"<(?:script|link)[^>]*(?:src|href)=\"(https?://[^\"]+)\"", html)
    assert [url for url in loaded if not url.startswith(address)] == []
    theme = urllib.request.urlopen(f"{address}theme.css").read().decode()
    assert not re.search(r"@import|url\([\"']?https?:", theme)
    assert "fonts.googleapis" not in html
    assert not analytics.analytics_enabled()
    assert "toy full.onnx" in html


# --- Hostile uploads --------------------------------------------------------------------------------------------------
def png(side):
    """A PNG that says it has this many pixels a side."""
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(bytes(99)))
    checked = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(checked)


HOSTILE = {
    "text.png": (lambda whole: b"no image", "cannot be read as an image"),
    "empty.png": (lambda whole: b"", "cannot be read as an image"),
    "cut.png": (lambda whole: whole[: len(whole) // 2], "cannot be read as an image"),
    "large.png": (lambda whole: png(8_000), "8000 x 8000 pixels, more than the 40 million"),
    "bomb.png": (lambda whole: png(30_000), "too large"),
    "drawing.svg": (lambda whole: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot be read as an image"),
}


@pytest.mark.fault
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_images_get_one_sentence_on_the_page(client, folder, picture, name):
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    make, sentence = HOSTILE[name]
    path = folder / name
    path.write_bytes(make(picture.read_bytes()))
    with pytest.raises(AppError, match=sentence) as error:
        client.predict(handle_file(path), *ALONE, api_name="/image")
    assert "Traceback" not in str(error.value)


@pytest.mark.fault
def test_unusual_images_are_read(folder, picture):
    """Under another ending, animated, grey, with 16 bits, rotated, with transparency."""
    image = Image.open(picture)
    image.save(folder / "animated.gif", save_all=True, append_images=[image.rotate(90)])
    image.convert("L").save(folder / "grey.png")
    Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) << 8).save(folder / "deep.png")
    image.convert("RGBA").save(folder / "clear.png")
    (folder / "png.jpg").write_bytes(picture.read_bytes())
    exif = image.getexif()
    exif[274] = 6
    image.save(folder / "rotated.jpg", exif=exif)
    for name in ("animated.gif", "grey.png", "deep.png", "clear.png", "png.jpg"):
        read = uploads.picture(str(folder / name))
        assert read.shape == (*detectors.SHAPE, 3)
        assert read.dtype == np.uint8
        assert abs(float(read.mean()) - float(np.asarray(image.convert("L")).mean())) < 15, name
    assert uploads.picture(str(folder / "rotated.jpg")).shape == (*detectors.SHAPE[::-1], 3)


@pytest.mark.fault
@pytest.mark.parametrize("kind", ["long", "text", "playlist", "cut"])
def test_hostile_videos_get_one_sentence_on_the_page(client, folder, kind):
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    detectors.video(folder / "private.mp4")
    path, sentence = folder / f"{kind}.mp4", "cannot be read as a video"
    if kind == "long":
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (16, 16))
        for _ in range(uploads.MAX_FRAMES + 1):
            writer.write(np.zeros((16, 16, 3), np.uint8))
        writer.release()
        sentence = "more than the 3000 frames"
    elif kind == "cut":
        path.write_bytes((folder / "private.mp4").read_bytes()[:2000])
    else:
        # A script with which FFmpeg would read another video of this machine.
        path.write_text("no video" if kind == "text" else f"ffconcat version 1.0\nfile '{folder / 'private.mp4'}'\n")
    with pytest.raises(AppError, match=sentence):
        client.predict(handle_file(path), *ALONE, api_name="/video")


def cached():
    """The files that Gradio keeps."""
    return {path for path in Path(os.environ["GRADIO_TEMP_DIR"]).rglob("*") if path.is_file()}


def first_answer(address):
    """The first answer in a stream of events, which the server closes only much later."""
    import httpx

    with httpx.stream("GET", address, timeout=60) as stream:
        lines = iter(stream.iter_lines())
        # Between them come heartbeats, without data.
        while (event := next(line for line in lines if line.startswith("event: "))) == "event: heartbeat":
            pass
        assert event in ("event: generating", "event: complete")
        return next(line for line in lines if line.startswith("data: "))


@pytest.mark.fault
def test_frames_of_a_webcam_and_finished_videos_leave_no_files(client, address, folder, picture):
    import httpx
    from gradio_client import handle_file

    before, folders = cached(), set(Path(tempfile.gettempdir()).glob("pinch-demo-*"))
    frame = f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"
    # One frame, since the page keeps the place of a webcam for half a minute.
    url = f"{address}gradio_api/call/webcam"
    event = httpx.post(url, json={"data": [{"url": frame, "meta": {"_type": "gradio.FileData"}}, *ALONE]}).json()
    answer = first_answer(f"{url}/{event['event_id']}")
    shown = re.search(r"data:image/jpeg;base64,([\w+/=]+)", answer)[1]
    assert cv2.imdecode(np.frombuffer(base64.b64decode(shown), np.uint8), 1).shape[:2] == detectors.SHAPE
    assert "1 box" in answer
    assert cached() == before
    client.predict(handle_file(detectors.video(folder / "short.mp4", 3)), *ALONE, api_name="/video")
    assert set(Path(tempfile.gettempdir()).glob("pinch-demo-*")) == folders


@pytest.mark.fault
def test_large_uploads_are_refused(models, monkeypatch):
    import httpx

    from pinch.apps.demo import page

    monkeypatch.setattr(uploads, "MAX_BYTES", 1000)
    built = page.build(models, "toys")
    address = page.launch(built, "127.0.0.1", 0)
    before = cached()
    answer = httpx.post(f"{address}gradio_api/upload", files={"files": ("a.png", bytes(5000))})
    built.close()
    assert answer.status_code == 413
    assert "size" in answer.text
    assert cached() == before
