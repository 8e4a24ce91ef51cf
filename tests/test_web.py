"""The page in a real browser: what it loads, what it finds, what it measures.

Tests look at what one visit left, because starting browsers and runtimes is what takes time.
"""

import json
from urllib.parse import urlsplit

import browser
import cv2
import numpy as np
import pytest
import yaml
from conftest import ROOT
from packed import pack

from pinch.apps.web import bundles, site
from pinch.data.synthesis import dataset as synthesis
from pinch.data.synthesis.hand import GESTURES
from pinch.data.synthesis.scene import User, take_photo

SPECS = ["int8.tflite", "int8.onnx", "full.onnx", "full.tflite"]
PIXELS, SCORE = {False: 1, True: 2}, {False: 0.01, True: 0.03}
"""Largest differences of a float file's boxes, and of an int8 file's."""
MOST_BYTES = 15_000_000
ROUNDS, INFERENCES = 2, 3


def photo(number):
    """A rendered person: uint8, (height, width, 3), BGR. Its size is none that a network takes."""
    return take_photo(User.sample(0, number), GESTURES[number % 10], 250, np.random.default_rng([6, number]))


@pytest.fixture(scope="module")
def real(command, tmp_path_factory):
    """The shipped base in the formats and precisions of SPECS, bundled."""
    folder = tmp_path_factory.mktemp("real")
    for split, count in {"train": 4, "val": 2}.items():
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        for number in range(count):
            cv2.imwrite(str(folder / f"images/{split}/{number}.png"), photo(10 + number).image)
            (folder / f"labels/{split}/{number}.txt").write_text("0 0.5 0.5 0.4 0.4\n")
    said = {"path": ".", "train": "images/train", "val": "images/val", "names": list(GESTURES)}
    (folder / "data.yaml").write_text(yaml.safe_dump(said))
    # What int8 keeps on so few pictures says nothing.
    options = ["--imgsz", "160", "--target", "x86", "--guard", "0", "--calibration-images", "2", "--artifacts", *SPECS]
    made = command("quantization.py", ROOT / "resources/hands.pt", folder / "data.yaml", folder, *options)
    assert made.returncode == 0, made.stderr
    pictures = [photo(number).image for number in (1, 4)]
    return [pack(folder / f"{spec}.zip", folder / f"hands_{spec}", pictures) for spec in SPECS]


@pytest.fixture(scope="module")
def visit(real, tmp_path_factory):
    """What a visit to the page left: of every model its boxes in both pictures, then clip, camera, times, and pictures
    of the page at two widths."""
    folder = tmp_path_factory.mktemp("visit")
    settings = synthesis.SynthesisSettings(gestures=("like", "palm"))
    synthesis.film(settings, folder / "hand.mp4", seconds_per_gesture=0.4)
    clip = site.playable(folder / "hand.mp4", folder)
    camera = browser.camera(folder / "hand.mp4", folder / "hand.mjpeg")
    again = [{"kind": "forget"}, {"kind": "boxes"}]
    steps = [{"kind": "boxes"}]
    for spec in SPECS:
        steps.append({"kind": "select", "selector": "#first", "label": f"hands_{spec}"})
        for number in range(2):
            steps += [{"kind": "click", "selector": "#pictures button", "nth": number}, *again]
    steps += [
        {"kind": "click", "selector": "#clip"},
        *again,
        {"kind": "select", "selector": "#second", "label": "hands_int8.onnx"},
        {"kind": "forget"},
        {"kind": "boxes", "stage": 1},
        {"kind": "click", "selector": "#camera"},
        *again,
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
    with browser.served(real, folder / "saved", clip) as (address, counted):
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
    def test_boxes_are_those_of_python(self, visit, real, spec):
        contract = bundles.read(real[SPECS.index(spec)]).contract
        is_int8 = contract.precision == "int8"
        first = 1 + 2 * SPECS.index(spec)
        for picture, shown in zip(contract.test_pictures, visit["told"]["boxes"][first : first + 2], strict=True):
            assert picture.boxes, "a picture without a box shows little"
            expected = np.array(picture.boxes)
            found = np.array([[*each["box"], each["score"], each["label"]] for each in shown["found"]])
            assert found.shape == expected.shape
            np.testing.assert_array_equal(found[:, 5], expected[:, 5])
            np.testing.assert_allclose(found[:, :4], expected[:, :4], rtol=0, atol=PIXELS[is_int8])
            np.testing.assert_allclose(found[:, 4], expected[:, 4], rtol=0, atol=SCORE[is_int8])

    def test_boxes_in_the_clip_beside_another_model_and_from_the_camera(self, visit):
        clip, beside, camera = visit["told"]["boxes"][-3:]
        assert "frames/s" in clip["caption"]
        assert "hands_int8.onnx" in beside["caption"]
        assert "pre-processing" in camera["caption"]
        assert visit["told"]["evaluate"][0] is True, "without isolation there are no threads"

    def test_measured_times_have_the_agreed_form(self, visit, real):
        (path,) = (visit["folder"] / "saved").iterdir()
        assert path.name in visit["told"]["text"][0]
        said = json.loads(path.read_text())
        assert said["pinch_device_timings"] == 1
        assert said["device"]["name"] == "A made-up phone"
        assert "Chrome" in said["device"]["user_agent"]
        assert [model["file"] for model in said["models"]] == [f"hands_{spec}" for spec in SPECS]
        for model, bundle in zip(said["models"], real, strict=True):
            assert model["sha256"] == bundles.read(bundle).contract.sha256
            assert model["runtime"]["name"] == ("LiteRT.js" if "tflite" in model["file"] else "onnxruntime-web")
            assert model["runtime"]["backend"] == "wasm"
            assert [len(times) for times in model["rounds"]] == [INFERENCES] * ROUNDS
            assert len(model["preprocess_ms"]) == len(model["postprocess_ms"]) == ROUNDS * INFERENCES
            assert min(map(min, model["rounds"])) > 0

    def test_the_page_fits_its_window(self, visit):
        assert visit["told"]["evaluate"][1:] == [1280, 390]
        for width in (1280, 390):
            assert cv2.imread(str(visit["folder"] / f"{width}.png")).shape[1] == width
