"""The synthetic hands: anatomy, labels, splits, determinism, the video."""

import json
from itertools import pairwise

import cv2
import numpy as np
import pytest

from pinch.core.errors import PinchError
from pinch.data.synthesis import dataset, hand, render, scene

SETTINGS = dataset.SynthesisSettings(images=(2, 1, 1), users=10, size=128, seed=5)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    root = tmp_path_factory.mktemp("hands")
    assert list(dataset.synthesize(SETTINGS, root)) == list(range(1, 41))
    return root


def annotations(root):
    return {
        path.relative_to(root / "annotations").as_posix(): json.loads(path.read_text())
        for path in sorted((root / "annotations").rglob("*.json"))
    }


def test_bones_keep_their_lengths_in_every_pose():
    rng = np.random.default_rng(0)
    shape = hand.Shape.sample(rng)
    straight = hand.joints(hand.POSES["palm"], shape)
    for gesture in hand.GESTURES:
        points = hand.joints(hand.gesture_pose(gesture, rng), shape)
        assert points.shape == (21, 3)
        for base in (5, 9, 13, 17):
            for a, b in pairwise(range(base, base + 4)):
                length = np.linalg.norm(points[b] - points[a])
                assert length == pytest.approx(np.linalg.norm(straight[b] - straight[a]))


@pytest.mark.parametrize(
    ("gesture", "up"),
    [("one", {8}), ("two_up", {8, 12}), ("three", {8, 12, 16}), ("four", {8, 12, 16, 20}), ("middle_finger", {12})],
)
def test_extended_fingers_are_those_of_the_gesture(gesture, up):
    points = hand.joints(hand.POSES[gesture], hand.Shape())
    extended = {tip for tip in (8, 12, 16, 20) if points[tip, 1] > points[tip - 3, 1] + 0.5}
    assert extended == up


def test_thumbs_point_up_and_down_in_the_picture():
    rng = np.random.default_rng(1)
    for _ in range(60):
        for gesture, sign in (("like", 1), ("dislike", -1)):
            for left in (False, True):
                yaw, pitch, roll = hand.gesture_angles(gesture, rng)
                turn = hand.rotation(yaw, pitch, -roll if left else roll) * [-1 if left else 1, 1, 1]
                points = hand.joints(hand.POSES[gesture], hand.Shape()) @ turn.T
                assert sign * (points[4, 1] - points[2, 1]) > 0


def test_rotations_are_rotations():
    turn = hand.rotation(31, -17, 120)
    assert turn @ turn.T == pytest.approx(np.eye(3))
    assert np.linalg.det(turn) == pytest.approx(1)


def test_layout_is_hagrids(rendered):
    found = annotations(rendered)
    assert set(found) == {f"{split}/{gesture}.json" for split in dataset.SPLITS for gesture in hand.GESTURES}
    for file, entries in found.items():
        gesture = file.split("/")[1].removesuffix(".json")
        for stem, entry in entries.items():
            assert (rendered / "images" / gesture / f"{stem}.jpg").exists()
            assert entry["labels"][0] == gesture
            assert set(entry["labels"][1:]) <= {"no_gesture"}
            assert len(entry["bboxes"]) == len(entry["labels"]) == len(entry["hand_landmarks"])
            assert all(len(landmarks) == 21 for landmarks in entry["hand_landmarks"])


def test_boxes_lie_in_the_picture_and_hold_the_landmarks(rendered):
    for entries in annotations(rendered).values():
        for entry in entries.values():
            for (x, y, width, height), landmarks in zip(entry["bboxes"], entry["hand_landmarks"], strict=True):
                assert 0 <= x < x + width <= 1 + 1e-6
                assert 0 <= y < y + height <= 1 + 1e-6
                inside = [(x - 0.1 < u < x + width + 0.1) and (y - 0.1 < v < y + height + 0.1) for u, v in landmarks]
                assert np.mean(inside) > 0.7


def test_no_user_is_in_two_splits(rendered):
    users = {split: set() for split in dataset.SPLITS}
    for file, entries in annotations(rendered).items():
        users[file.split("/")[0]] |= {entry["user_id"] for entry in entries.values()}
    assert not users["train"] & users["val"]
    assert not users["train"] & users["test"]
    assert not users["val"] & users["test"]


def test_forty_users_are_forty_people():
    users = [scene.User.sample(0, number) for number in range(40)]
    assert len({tuple(np.round(user.skin, 4)) for user in users}) == 40
    assert len({tuple(np.round(user.shape.lengths, 4)) for user in users}) == 40


def test_the_same_seed_gives_the_same_pictures_with_any_number_of_processes(rendered, tmp_path):
    list(dataset.synthesize(SETTINGS, tmp_path, processes=2))
    assert annotations(tmp_path) == annotations(rendered)
    for path in rendered.rglob("*.jpg"):
        assert path.read_bytes() == (tmp_path / path.relative_to(rendered)).read_bytes()


def test_another_seed_gives_other_people(rendered, tmp_path):
    list(
        dataset.synthesize(
            dataset.SynthesisSettings(images=(1, 1, 1), users=10, size=128, seed=6, gestures=("fist",)), tmp_path
        )
    )
    other = {entry["user_id"] for entries in annotations(tmp_path).values() for entry in entries.values()}
    assert all(user.startswith("synthetic-6-") for user in other)


def test_a_hand_stands_out_from_what_is_behind_it():
    rng = np.random.default_rng(3)
    user = scene.User.sample(0, 3)
    light = render.Light(np.array([0, 0, 1.0]), np.ones(3, np.float32), 0.5)
    place = render.Placement(hand.rotation(0, 0, 0), False, (64, 64), 25)
    shot = render.render(hand.POSES["palm"], user.shape, place, user.look(), light, rng)
    picture = np.zeros((128, 128, 3), np.float32)
    render.paste(picture, shot, 0)
    x0, y0, x1, y1 = (int(v) for v in shot.box)
    assert 0 < x0 < x1 < 128
    assert 0 < y0 < y1 < 128
    assert picture[y0:y1, x0:x1].max() > 0.2
    # Between spread fingers the background must be seen: a blob would be no hand.
    assert (picture[y0 : (y0 + y1) // 2, x0:x1].sum(-1) == 0).mean() > 0.2


def test_video_shows_every_gesture(tmp_path):
    path = tmp_path / "hand.mp4"
    dataset.film(SETTINGS, path, seconds_per_gesture=0.4, frames_per_second=10)
    video = cv2.VideoCapture(str(path))
    assert int(video.get(cv2.CAP_PROP_FRAME_COUNT)) == 40
    assert video.read()[1].shape == (96, 128, 3)


def test_unknown_gestures_and_too_few_users_are_refused(tmp_path):
    with pytest.raises(PinchError, match="no hand can be drawn for wave"):
        list(dataset.synthesize(dataset.SynthesisSettings(images=(1, 1, 1), gestures=("wave",)), tmp_path))
    with pytest.raises(PinchError, match="too few"):
        list(dataset.synthesize(dataset.SynthesisSettings(images=(1, 1, 1), users=3), tmp_path))
