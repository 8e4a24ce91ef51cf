"""A synthetic data set on disk, in the layout of HaGRID v2-1M, and a video of a hand changing gestures.

    <root>/images/<gesture>/<uuid>.jpg
    <root>/annotations/{train,val,test}/<gesture>.json

Every image depends only on (seed, split, gesture, number), so the number of processes does not matter.
"""

import itertools
import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pinch.core.errors import PinchError
from pinch.core.files import atomic, write_text
from pinch.core.ownership import claim
from pinch.core.processes import pool
from pinch.data.synthesis import hand as hands
from pinch.data.synthesis.render import Placement, paste, render
from pinch.data.synthesis.scene import Photo, User, camera_light, develop, room, take_photo
from pinch.run.settings.data import MIN_USERS, Synthetic

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class SynthesisSettings(Synthetic):
    """What to render: the declared options, and the gestures.

    Attributes:
        gestures: the gestures to show.
    """

    gestures: tuple[str, ...] = hands.GESTURES

    def users_of(self, split: str) -> range:
        """The numbers of the users of a split, about 70%, 15% and 15% of all; no user is in two splits."""
        held_out = max(1, round(0.15 * self.users))
        bounds = [0, self.users - 2 * held_out, self.users - held_out, self.users]
        index = SPLITS.index(split)
        return range(bounds[index], bounds[index + 1])


@dataclass(frozen=True)
class _Task:
    split: str
    gesture: str
    number: int


def synthesize(settings: SynthesisSettings, root: Path, processes: int = 1) -> Iterator[int]:
    """Render a data set under `root`, yielding the number of images done so far.

    Raises:
        PinchError: a gesture is unknown, there are too few users for three splits, or Pinch did not make what is in
            `root`.
    """
    _check(settings)
    claim(root, "synthetic hands", ("images", "annotations"))
    tasks = [
        _Task(split, gesture, number)
        for split, count in zip(SPLITS, settings.images, strict=True)
        for gesture in settings.gestures
        for number in range(count)
    ]
    for gesture in settings.gestures:
        (root / "images" / gesture).mkdir(parents=True, exist_ok=True)
    annotations: dict[tuple[str, str], dict[str, Any]] = {(s, g): {} for s in SPLITS for g in settings.gestures}
    for done, (task, stem, entry) in enumerate(_map(partial(_render, settings, root), tasks, processes), 1):
        annotations[task.split, task.gesture][stem] = entry
        yield done
    for (split, gesture), entries in annotations.items():
        write_text(root / "annotations" / split / f"{gesture}.json", json.dumps(entries))


def film(
    settings: SynthesisSettings, path: Path, seconds_per_gesture: float = 1.5, frames_per_second: int = 15
) -> None:
    """Render a video (mp4) of a user of the test split going through all gestures, for timing and the demo page."""
    user = User.sample(settings.seed, settings.users_of("test")[0])
    rng = np.random.default_rng([settings.seed, 104729])
    width, height = settings.size, settings.size * 3 // 4
    light = camera_light(rng)
    background = cv2.GaussianBlur(room(int(rng.integers(1 << 31)), width, height, light, rng), (0, 0), 1.5)
    keys = [_key(gesture, rng) for gesture in (*settings.gestures, settings.gestures[0])]
    per_gesture = int(seconds_per_gesture * frames_per_second)
    with atomic(path) as temporary:
        writer = cv2.VideoWriter(str(temporary), cv2.VideoWriter.fourcc(*"mp4v"), frames_per_second, (width, height))
        if not writer.isOpened():
            raise PinchError(f"OpenCV cannot write the video {path}: its build lacks an MPEG-4 encoder")
        for (pose, angles), (next_pose, next_angles) in itertools.pairwise(keys):
            for step in range(per_gesture):
                # Hold the gesture for the first half, then move on to the next one.
                share = max(0.0, 2 * step / per_gesture - 1)
                turn = hands.rotation(*(angles + share * (next_angles - angles)))
                canvas = background.copy()
                drift = np.sin(np.arange(2) + step / per_gesture * 6) * 0.02
                centre = (width * (0.5 + drift[0]), height * (0.48 + drift[1]))
                place = Placement(turn, False, centre, 0.2 * width)
                shot = render(
                    pose.blend(next_pose, share), user.shape, place, user.look(), light, np.random.default_rng(1)
                )
                paste(canvas, shot, 0.2)
                writer.write(develop(canvas, np.random.default_rng([settings.seed, 3])))
        writer.release()


def _key(gesture: str, rng: np.random.Generator) -> tuple[hands.Pose, np.ndarray]:
    """Pose and angles of a gesture; angles are within +-180 degrees, so that turns between gestures are short."""
    yaw, pitch, roll = hands.gesture_angles(gesture, rng)
    nearest = (np.array([yaw, pitch, roll]) + 180) % 360 - 180
    return hands.gesture_pose(gesture, rng), nearest


def _check(settings: SynthesisSettings) -> None:
    unknown = sorted(set(settings.gestures) - set(hands.GESTURES))
    if unknown:
        raise PinchError(f"no hand can be drawn for {', '.join(unknown)}: choose from {', '.join(hands.GESTURES)}")
    if settings.users < MIN_USERS:
        raise PinchError(
            f"{settings.users} users are too few for three splits without a common user: ask for {MIN_USERS}"
        )


def _map(function: Any, tasks: list[_Task], processes: int) -> Iterable[tuple[_Task, str, dict[str, Any]]]:
    if processes <= 1:
        yield from map(function, tasks)
        return
    with pool(processes) as workers:
        yield from workers.map(function, tasks, chunksize=16)


def _render(settings: SynthesisSettings, root: Path, task: _Task) -> tuple[_Task, str, dict[str, Any]]:
    cv2.setNumThreads(1)
    key = [settings.seed, SPLITS.index(task.split), hands.GESTURES.index(task.gesture), task.number]
    rng = np.random.default_rng(key)
    number = int(rng.choice(settings.users_of(task.split)))
    photo = take_photo(User.sample(settings.seed, number), task.gesture, settings.size, rng)
    stem = str(uuid.UUID(bytes=rng.bytes(16), version=4))
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(72, 96))]
    cv2.imwrite(str(root / "images" / task.gesture / f"{stem}.jpg"), photo.image, quality)
    return task, stem, _entry(photo, f"synthetic-{settings.seed}-{number}")


def _entry(photo: Photo, user: str) -> dict[str, Any]:
    """One image's annotation, with the keys of HaGRID v2-1M."""
    found = photo.hands
    return {
        "bboxes": [list(hand.box) for hand in found],
        "labels": [hand.label for hand in found],
        "united_bbox": None,
        "united_label": None,
        "user_id": user,
        "hand_landmarks": [hand.landmarks for hand in found],
        "meta": {"synthetic": True},
    }
