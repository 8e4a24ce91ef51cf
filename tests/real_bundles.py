"""The shipped base, bundled in every format and precision that apps run, and how near a decoder's boxes must come."""

import zipfile

import cv2
import numpy as np
import yaml
from conftest import ROOT

from pinch.data.synthesis.hand import GESTURES
from pinch.data.synthesis.scene import User, take_photo
from pinch.run.formats import FORMATS

SPECS = [spec for entry in FORMATS.values() if entry.app_runtime for spec in entry.specs]
PIXELS, SCORE = {False: 1, True: 2}, {False: 0.01, True: 0.03}
"""Largest differences of a float file's boxes, and of an int8 file's."""


def render(root):
    """A data.yaml of rendered hands in a folder."""
    for split, count in {"train": 20, "val": 6, "test": 6}.items():
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        for number in range(count):
            gesture = GESTURES[number % len(GESTURES)]
            photo = take_photo(User.sample(0, number), gesture, 240, np.random.default_rng([count, number]))
            cv2.imwrite(str(root / f"images/{split}/{number}.png"), photo.image)
            rows = [(GESTURES.index(hand.label), hand.box) for hand in photo.hands]
            lines = [f"{label} {x + w / 2} {y + h / 2} {w} {h}\n" for label, (x, y, w, h) in rows]
            (root / f"labels/{split}/{number}.txt").write_text("".join(lines))
    said = {"path": ".", **{split: f"images/{split}" for split in ("train", "val", "test")}, "names": list(GESTURES)}
    (root / "data.yaml").write_text(yaml.safe_dump(said))
    return root / "data.yaml"


def make(command, data, folder):
    """Bundles: the folder with a zip for each, and a folder with what is in it."""
    made = [folder / f"hands_{spec}" for spec in SPECS]
    # What int8 keeps on so few pictures says nothing, and nothing is compared with what decoding all anchors finds.
    options = ["--imgsz", "128", "--target", "x86", "--guard", "0", "--candidates-keep", "0", "--limit", "2"]
    options += ["--calibration-images", "1", "--artifacts", *SPECS]
    for result in (
        command("quantization.py", ROOT / "resources/hands.pt", data, folder, *options),
        command("bundle.py", *made, "--data", data, "--output", folder / "zips"),
    ):
        assert result.returncode == 0, result.stderr
    for path in (folder / "zips").glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder / "zips" / path.stem)
    return folder / "zips"


def require_near(found, expected, is_quantized):
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found[:, 5], expected[:, 5])
    np.testing.assert_allclose(found[:, :4], expected[:, :4], rtol=0, atol=PIXELS[is_quantized])
    np.testing.assert_allclose(found[:, 4], expected[:, 4], rtol=0, atol=SCORE[is_quantized])
