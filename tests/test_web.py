"""The page in a real browser: what it loads, what it finds, what it measures.

Tests look at what one visit left, because starting browsers and runtimes is what takes time.
"""

import json
import subprocess
from urllib.parse import urlsplit

import browser
import cv2
import numpy as np
import pytest
import real_bundles
from conftest import ROOT

from pinch.apps.web import site
from pinch.apps.web.bundles import read
from pinch.data.synthesis import dataset as synthesis
from pinch.runtimes.preprocess import Letterbox

SPECS = sorted(real_bundles.SPECS, key=lambda spec: spec != "int8.tflite")
"""The order of the page's list: the file that a phone gets first."""
CERTAIN = 0.25
"""Score above which boxes are compared."""
MOST_BYTES = 15_000_000
ROUNDS, INFERENCES = 2, 3


@pytest.fixture(scope="module")
def zips(bundles):
    """The bundles in the order of SPECS."""
    return [bundles / f"hands_{spec}.zip" for spec in SPECS]


@pytest.fixture(scope="module")
def visit(zips, tmp_path_factory):
    """What a visit to the page left: of every model its boxes in both pictures, then clip, camera, times, and pictures
    of the page at two widths."""
    folder = tmp_path_factory.mktemp("visit")
    settings = synthesis.SynthesisSettings(gestures=("like", "palm"))
    synthesis.film(settings, folder / "hand.mp4", seconds_per_gesture=0.4)
    clip = site.playable(folder / "hand.mp4", folder)
    camera = browser.camera(folder / "hand.mp4", folder / "hand.mjpeg")
    steps = [{"kind": "boxes"}]
    for spec in SPECS:
        steps.append({"kind": "select", "selector": "#first", "label": f"hands_{spec}"})
        for number in range(2):
            steps += [{"kind": "click", "selector": "#pictures button", "nth": number}, {"kind": "boxes"}]
    steps += [
        {"kind": "click", "selector": "#clip"},
        {"kind": "boxes"},
        {"kind": "select", "selector": "#second", "label": "hands_int8.onnx"},
        {"kind": "boxes", "stage": 1},
        {"kind": "click", "selector": "#camera"},
        {"kind": "boxes"},
        {"kind": "evaluate", "script": "crossOriginIsolated"},
        {"kind": "fill", "selector": "#name", "text": "A made-up phone"},
        {"kind": "fill", "selector": "#rounds", "text": str(ROUNDS)},
        {"kind": "fill", "selector": "#inferences", "text": str(INFERENCES)},
        {"kind": "click", "selector": "#start"},
        {"kind": "text", "selector": "#saved:not(:empty)"},
    ]
    for width, height in ((1280, 900), (390, 844)):
        steps += [
            {"kind": "viewport", "width": width, "height": height},
            {"kind": "screenshot", "path": str(folder / f"{width}.png")},
            {"kind": "evaluate", "script": "document.documentElement.scrollWidth"},
        ]
    with browser.served(zips, folder / "saved", clip) as (address, counted):
        seen = browser.drive(address, steps, camera)
        # Of a first visit, with nothing in the browser's store, until the first model has found its first box.
        before = sum(counted.bytes.values())
        browser.drive(address, [{"kind": "boxes"}])
        seen["bytes"] = sum(counted.bytes.values()) - before
    kinds = [step["kind"] for step in steps]
    seen["told"] = {kind: [seen["steps"][at] for at, each in enumerate(kinds) if each == kind] for kind in kinds}
    return seen | {"folder": folder, "address": address}


@pytest.mark.slow
@pytest.mark.skipif(bool(browser.missing()), reason=f"missing here: {', '.join(browser.missing())}")
class TestVisit:
    def test_no_request_goes_to_another_host(self, visit):
        assert {urlsplit(url).netloc for url in visit["requests"]} == {urlsplit(visit["address"]).netloc}
        assert visit["problems"] == []

    def test_one_runtime_and_one_int8_model_are_small(self, visit):
        assert 1_000_000 < visit["bytes"] <= MOST_BYTES

    @pytest.mark.parametrize("spec", SPECS)
    def test_boxes_are_those_of_python(self, visit, zips, spec):
        contract = read(zips[SPECS.index(spec)]).contract
        is_int8 = contract.precision == "int8"
        first = 1 + 2 * SPECS.index(spec)
        for picture, shown in zip(contract.test_pictures, visit["told"]["boxes"][first : first + 2], strict=True):
            expected = np.array(picture.boxes)
            # Of so few pictures, a file's own threshold may be 0, and the order of scores near 0 is no one's.
            expected = expected[expected[:, 4] > CERTAIN]
            assert len(expected), "a picture without a box shows little"
            found = np.array([[*each["box"], each["score"], each["label"]] for each in shown["found"]])
            real_bundles.require_near(found[found[:, 4] > CERTAIN], expected, is_int8)

    def test_boxes_in_the_clip_beside_another_model_and_from_the_camera(self, visit):
        clip, beside, camera = visit["told"]["boxes"][-3:]
        assert f"hands_{SPECS[-1]}" in clip["caption"]
        assert "hands_int8.onnx" in beside["caption"]
        assert "pre-processing" in camera["caption"]
        assert visit["told"]["evaluate"][0] is True, "without isolation there are no threads"

    def test_measured_times_have_the_agreed_form(self, visit, zips):
        (path,) = (visit["folder"] / "saved").iterdir()
        assert path.name in visit["told"]["text"][0]
        said = json.loads(path.read_text())
        assert said["pinch_device_timings"] == 1
        assert said["device"]["name"] == "A made-up phone"
        assert "Chrome" in said["device"]["user_agent"]
        assert [model["file"] for model in said["models"]] == [f"hands_{spec}" for spec in SPECS]
        for model, bundle in zip(said["models"], zips, strict=True):
            assert model["sha256"] == read(bundle).contract.sha256
            assert model["runtime"]["name"] == ("LiteRT.js" if "tflite" in model["file"] else "onnxruntime-web")
            assert model["runtime"]["backend"] == "wasm"
            assert [len(times) for times in model["rounds"]] == [INFERENCES] * ROUNDS
            assert len(model["preprocess_ms"]) == len(model["postprocess_ms"]) == ROUNDS * INFERENCES
            assert min(map(min, model["rounds"])) > 0

    def test_the_page_fits_its_window(self, visit):
        assert visit["told"]["evaluate"][1:] == [1280, 390]
        for width in (1280, 390):
            assert cv2.imread(str(visit["folder"] / f"{width}.png")).shape[1] == width


@pytest.mark.skipif(browser.NODE is None, reason="missing here: Node.js")
def test_inputs_are_those_of_python(tmp_path):
    sizes = [(192, 256), (1280, 720), (640, 480), (333, 517), (64, 64), (999, 10)]
    shapes = [(640, 640), (640, 640), (640, 640), (160, 160), (160, 96), (128, 128)]
    expected, asked = [], []
    for number, ((width, height), shape) in enumerate(zip(sizes, shapes, strict=True)):
        image = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
        channels_last = number % 2 == 1
        frame, made = tmp_path / f"{number}.rgba", tmp_path / f"{number}.input"
        cv2.cvtColor(image, cv2.COLOR_BGR2RGBA).tofile(frame)
        expected.append((made, Letterbox(shape, channels_last, np.arange(256, dtype=np.float32))(image)[0]))
        said = {"frame": str(frame), "width": width, "height": height, "shape": shape, "input": str(made)}
        asked.append(said | {"channelsLast": channels_last})
    subprocess.run([browser.NODE, str(ROOT / "web/test/letterbox.js"), json.dumps(asked)], check=True)
    for made, values in expected:
        difference = np.abs(np.fromfile(made, np.float32).reshape(values.shape) - values)
        # OpenCV has code of its own for some processors, which rounds otherwise here and there.
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.01
