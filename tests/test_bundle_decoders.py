"""A bundle's decoders find what Pinch's own runtime finds, in Python and in Java, in every format and precision."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from bundle_java import DECODERS, Java
from PIL import Image
from real_bundles import SPECS, require_near

from pinch.apps.bundle import contract as contracts
from pinch.runtimes.postprocess import detections
from pinch.runtimes.preprocess import letterbox

sys.path.append(str(DECODERS))
import check
import decoder


@pytest.fixture(scope="module")
def java(tmp_path_factory):
    return Java(tmp_path_factory.mktemp("java"))


def unpacked(bundles, spec):
    """The folder of a bundle, and its contract."""
    folder = bundles / f"hands_{spec}"
    return folder, json.loads((folder / "model.json").read_text())


def computed(folder, contract):
    """For each test picture: its pixels, the input, its place in it, the output, and the boxes expected."""
    run = check.load(folder / contract["file"])
    for picture in contract["test_pictures"]:
        image = np.asarray(Image.open(folder / picture["file"]))
        values, geometry = decoder.letterbox(image, contract)
        yield image, values, geometry, run(values), np.array(picture["boxes"])


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS)
def test_python_finds_the_boxes_that_are_expected(bundles, spec):
    folder, contract = unpacked(bundles, spec)
    cases = list(computed(folder, contract))
    assert len(cases) == 2
    for _, _, geometry, output, expected in cases:
        assert len(expected), "a picture without a box shows little"
        require_near(decoder.decode(output, contract, geometry), expected, contract["precision"] == "int8")


@pytest.mark.slow
def test_java_finds_the_boxes_that_are_expected_from_the_same_input(bundles, java):
    for spec in SPECS:
        folder, contract = unpacked(bundles, spec)
        cases = list(computed(folder, contract))
        answers = java.run([(contract, image, output) for image, _, _, output, _ in cases])
        for (_, values, _, _, expected), answer in zip(cases, answers, strict=True):
            np.testing.assert_array_equal(answer.values, values.ravel())
            require_near(answer.boxes, expected, contract["precision"] == "int8")


@pytest.mark.slow
def test_a_bundle_checks_itself_and_says_when_boxes_differ(bundles, tmp_path):
    folder, contract = unpacked(bundles, "full.onnx")
    line = [sys.executable, str(folder / "check.py")]
    result = subprocess.run(line, capture_output=True, text=True, timeout=100, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count(" from what was expected") == 2
    contract["test_pictures"][0]["boxes"].pop()
    other = shutil.copytree(folder, tmp_path / "other")
    (other / "model.json").write_text(json.dumps(contract))
    result = subprocess.run([sys.executable, str(other / "check.py")], capture_output=True, text=True, timeout=100)
    assert result.returncode == 1
    assert "not those that were expected" in result.stderr


FINISHED = ["x1", "y1", "x2", "y2", "score", "class"]
RAW = ["x", "y", "width", "height", "a", "b", "c"]
COUNT, SIZE = 40, (96, 64)


def made_up(scale=None, zero_point=None, dtype="float32", layout="NCHW", is_finished=False, units="pixels"):
    """A contract of no file, as JSON."""
    taken = contracts.Input(name="images", shape=[], dtype=dtype, scale=scale, zero_point=zero_point, layout=layout)
    given = contracts.Output(
        name="output0",
        shape=[1, COUNT, 6] if is_finished else [1, 7, COUNT],
        dtype="float32",
        columns=FINISHED if is_finished else RAW,
        columns_first=not is_finished,
        box_units=units,
        suppressed=is_finished,
        decoding="",
        max_boxes=9,
    )
    return {
        "input": vars(taken),
        "letterbox": vars(contracts.Letterbox(width=SIZE[0], height=SIZE[1], pad_value=114)),
        "output": vars(given),
        "threshold": {"score": 0.3, "iou": 0.5},
    }


def crowded(rng, contract):
    """An output in which many boxes overlap, some more than others; and the same with boxes in pixels."""
    centres = rng.uniform(0, 1, (COUNT // 4, 2)).repeat(4, 0) * SIZE + rng.normal(0, 2, (COUNT, 2))
    sides = rng.uniform(10, 30, (COUNT, 2))
    if contract["output"]["suppressed"]:
        scores, classes = np.sort(rng.uniform(0, 1, COUNT))[::-1], rng.integers(0, 3, COUNT)
        rows = np.c_[centres - sides / 2, centres + sides / 2, scores, classes]
    else:
        rows = np.c_[centres, sides, rng.uniform(0, 1, (COUNT, 3))]
    units = [*SIZE, *SIZE] if contract["output"]["box_units"] == "fractions" else [1] * 4
    stored = np.c_[rows[:, :4] / units, rows[:, 4:]]
    return [(r if contract["output"]["suppressed"] else r.T)[None].astype(np.float32) for r in (stored, rows)]


CASES = [
    {"is_finished": is_finished, "units": units, "layout": layout}
    for is_finished in (False, True)
    for units in ("pixels", "fractions")
    for layout in ("NCHW", "NHWC")
]


@pytest.fixture(scope="module")
def crowds():
    """Contracts, pictures of many sizes and outputs, and the input and the boxes that Pinch makes of them."""
    rng, made = np.random.default_rng(0), []
    for case in CASES * 3:
        contract = made_up(**case)
        image = rng.integers(0, 256, (*rng.integers(20, 200, 2), 3), dtype=np.uint8)
        output, in_pixels = crowded(rng, contract)
        values, geometry = letterbox(image[..., ::-1], SIZE[::-1])
        found = detections(in_pixels, geometry, 0.3, 0.5, 9)
        values = values if case["layout"] == "NCHW" else values.transpose(0, 2, 3, 1)
        made.append((contract, image, output, values, np.c_[found.boxes, found.scores, found.classes]))
    assert all(len(boxes) for *_, boxes in made)
    return made


def test_python_computes_what_pinch_computes(crowds):
    for contract, image, output, values, expected in crowds:
        found, geometry = decoder.letterbox(image, contract)
        np.testing.assert_array_equal(found, values)
        np.testing.assert_allclose(decoder.decode(output, contract, geometry), expected, rtol=0, atol=1e-3)


def test_java_computes_what_pinch_computes(crowds, java):
    answers = java.run([(contract, image, output) for contract, image, output, *_ in crowds])
    for (*_, values, expected), answer in zip(crowds, answers, strict=True):
        np.testing.assert_array_equal(answer.values, values.ravel())
        np.testing.assert_allclose(answer.boxes, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize(("dtype", "zero_point"), [("int8", -3), ("uint8", 5)])
def test_integers_are_those_of_python(java, dtype, zero_point):
    rng, scale = np.random.default_rng(0), 1 / 300
    contract = made_up(scale, zero_point, dtype)
    image = rng.integers(0, 256, (50, 70, 3), dtype=np.uint8)
    stored, _ = decoder.letterbox(image, contract)
    assert stored.max() == np.iinfo(dtype).max, "some are cut off"
    case = (contract, image, crowded(rng, contract)[0], (scale, zero_point, np.dtype(dtype)))
    (answer,) = java.run([case])
    np.testing.assert_array_equal(answer.stored.view(dtype), stored.ravel())
    np.testing.assert_allclose(answer.meant, (stored.ravel().astype(float) - zero_point) * scale, atol=1e-6)


def test_the_reference_decoder_is_short():
    assert len((DECODERS / "decoder.py").read_text().splitlines()) <= 60
