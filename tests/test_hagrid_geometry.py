"""The boxes of HaGRID's hands: which there are, and where they are in label files."""

import numpy as np
import pytest
import tiny_hagrid
from hagrid_conversion import convert, labels, line
from tiny_hagrid import HAND, IDLE, OTHER, TOGETHER

from pinch.data import dataset as datasets
from pinch.data.hagrid import reading
from pinch.data.hagrid.annotations import Annotation, clip


def test_gestures_of_two_hands(tmp_path):
    for version, boxes in {"v2": [HAND, OTHER], "v2-1M": [TOGETHER]}.items():
        root = tiny_hagrid.write(tmp_path / version, version, images=1)
        convert(root, tmp_path / "out" / version)
        assert labels(tmp_path / "out" / version, "train", "timeout") == [line(2, box) for box in boxes]


def test_two_united_boxes_and_an_idle_hand_beside_them(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    entries = tiny_hagrid.annotations(root, "train", "timeout")
    for entry in entries.values():
        entry["bboxes"].append(IDLE)
        entry["labels"].append("no_gesture")
        entry["united_bbox"].append(OTHER)
        entry["united_label"].append("timeout")
    tiny_hagrid.write_annotations(root, "train", "timeout", entries)
    convert(root, tmp_path / "out")
    assert labels(tmp_path / "out", "train", "timeout") == [line(2, TOGETHER), line(2, OTHER), line(3, IDLE)]


def test_each_hand_keeps_its_gesture_or_all_are_one_class(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    convert(root, tmp_path / "hands", targets=["like", "timeout"], mode="hands")
    assert labels(tmp_path / "hands", "train", "timeout") == [line(1, HAND), line(1, OTHER)]
    assert labels(tmp_path / "hands", "train", "like") == [line(0, HAND)]
    found = convert(root, tmp_path / "hand", targets=["like", "timeout"], mode="hand")
    assert labels(tmp_path / "hand", "train", "timeout") == [line(0, HAND), line(0, OTHER)]
    assert labels(tmp_path / "hand", "train", "like") == [line(0, HAND), line(0, IDLE)]
    assert found.boxes["train"] == {"hand": 4}


def test_boxes_outside_the_image(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=3)
    entries = tiny_hagrid.annotations(root, "train", "fist")
    for stem, box in zip(
        entries, [[-0.1, 0.5, 0.3, 0.7], [1.2, 0.1, 0.2, 0.2], [0.8, 0.8, 0.2000001, 0.2]], strict=True
    ):
        entries[stem]["bboxes"][0] = box
    tiny_hagrid.write_annotations(root, "train", "fist", entries)
    found = convert(root, tmp_path / "out")
    assert labels(tmp_path / "out", "train", "fist", 0)[0] == line(1, [0, 0.5, 0.2, 0.5])
    assert labels(tmp_path / "out", "train", "fist", 1) == [line(3, IDLE)]
    assert labels(tmp_path / "out", "train", "fist", 2)[0] == line(1, [0.8, 0.8, 0.2, 0.2])
    clipped, outside = found.warnings
    assert "1 boxes reach outside their image and were clipped (first: train/fist.json: train-fist-0)" in clipped
    assert "1 boxes lie outside their image or are empty and were left out" in outside
    assert "train-fist-1" in outside
    for boxes in (datasets.read_labels(path) for path in (tmp_path / "out/labels").rglob("*.txt")):
        assert (boxes[:, 1:3] - boxes[:, 3:] / 2 > -1e-5).all()
        assert (boxes[:, 1:3] + boxes[:, 3:] / 2 < 1 + 1e-5).all()


@pytest.mark.parametrize("box", [[-0.5, -0.5, 2, 2], [0.3, 0.3, 0.1, 0.1], [2, 2, 1, 1], [0.5, 0.5, 0, 0.1]])
def test_clip(box):
    *_, width, height = clip(tuple(box))
    covered = np.zeros((100, 100), bool)
    left, top, right, bottom = (round(100 * v) for v in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
    covered[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
    assert max(width, 0) * max(height, 0) == pytest.approx(covered.mean())


@pytest.mark.parametrize("side", [32, 512, 1920])
def test_boxes_come_back_within_half_a_pixel(tmp_path, side):
    """From HaGRID's corner and size, through the text of a label file and Pinch's reader, to pixels."""
    rng = np.random.default_rng(side)
    corners = np.sort(rng.uniform(-0.2, 1.2, (500, 2, 2)), axis=1)
    hands = [("like", (x0, y0, x1 - x0, y1 - y0)) for (x0, y0), (x1, y1) in corners.tolist()]
    text = reading._label(Annotation("a", hands, None), {"like": 0}, "gestures", reading.Part(), "a")
    found = datasets.parse_labels(text.encode(), tmp_path)[:, 1:].astype(float)
    inside = np.clip(corners, 0, 1)
    inside = inside[((inside[:, 1] - inside[:, 0]) > 0).all(1)]
    assert len(found) == len(inside) > 300
    back = np.stack([found[:, :2] - found[:, 2:] / 2, found[:, :2] + found[:, 2:] / 2], 1)
    assert abs(back - inside).max() * side < 0.5
    assert found.min() >= 0
    assert found.max() <= 1
