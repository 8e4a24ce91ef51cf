"""A kinematic hand of 21 joints in MediaPipe's order, its poses, and its orientation.

Hand coordinates, right hand with its palm to the camera: x to the thumb's side, y along the fingers, z to the camera.
The unit is the palm's length (wrist to the knuckle of the middle finger), about 10 cm for adults. Angles are degrees.

Joint order: https://ai.google.dev/edge/mediapipe/solutions/vision/hand_landmarker (wrist, then thumb, index, middle,
ring and little finger from base to tip). Proportions of the phalanges follow Buryanov and Kotiuk, "Proportions of Hand
Segments", Int. J. Morphol. 28(3), 2010.
"""

from dataclasses import dataclass, field

import numpy as np

FINGERS = ("index", "middle", "ring", "little")
GESTURES = ("middle_finger", "dislike", "fist", "four", "like", "one", "palm", "three", "two_up", "no_gesture")

# Knuckles (x, y, z) and phalanges (proximal, middle, distal) in palm lengths.
_KNUCKLES = np.array([[0.29, 0.95, 0.0], [0.08, 1.0, 0.0], [-0.13, 0.95, 0.0], [-0.32, 0.83, 0.0]])
_PHALANGES = np.array([[0.47, 0.27, 0.21], [0.52, 0.32, 0.22], [0.48, 0.30, 0.22], [0.38, 0.21, 0.20]])
_THUMB_BASE = np.array([0.24, 0.20, 0.06])
_THUMB_BONES = np.array([0.42, 0.36, 0.27])
_FINGER_RADII = np.array(
    [
        [0.125, 0.108, 0.095, 0.076],
        [0.128, 0.112, 0.098, 0.078],
        [0.12, 0.105, 0.092, 0.074],
        [0.105, 0.09, 0.08, 0.066],
    ]
)
_THUMB_RADII = np.array([0.17, 0.14, 0.118, 0.092])


@dataclass(frozen=True)
class Shape:
    """The hand of one user: factors on lengths (fingers, thumb), on thickness, and on the palm's width."""

    lengths: np.ndarray = field(default_factory=lambda: np.ones(5))
    thickness: float = 1.0
    width: float = 1.0

    @staticmethod
    def sample(rng: np.random.Generator) -> "Shape":
        """Draw a hand: the length of all fingers and of each finger, thickness, and width of the palm."""
        return Shape(
            rng.uniform(0.9, 1.1) * rng.uniform(0.95, 1.05, 5), rng.uniform(0.86, 1.16), rng.uniform(0.9, 1.12)
        )


@dataclass(frozen=True)
class Pose:
    """Joint angles in degrees.

    Attributes:
        fingers: (4, 4), per finger the flexion of knuckle, middle and end joint, and the abduction to the thumb's side.
        thumb: (3, 2), per bone the direction in the palm's plane (0 along the fingers, 90 away from them) and the
            elevation to the palm's side.
    """

    fingers: np.ndarray
    thumb: np.ndarray

    def blend(self, other: "Pose", share: float) -> "Pose":
        """The pose between this one (share 0) and `other` (share 1)."""
        return Pose(
            self.fingers + share * (other.fingers - self.fingers), self.thumb + share * (other.thumb - self.thumb)
        )

    def jitter(self, rng: np.random.Generator, degrees: float) -> "Pose":
        """The same gesture with the variation between people and between repetitions."""
        return Pose(
            self.fingers + rng.normal(0, degrees, (4, 4)) * [1, 1, 0.7, 0.4],
            self.thumb + rng.normal(0, degrees, (3, 2)),
        )


_EXTENDED, _CURLED = (4, 5, 3), (82, 98, 62)
_THUMBS = {
    "out": [[52, 10], [38, 4], [32, 0]],
    "up": [[70, 12], [84, 2], [92, -4]],
    "across_palm": [[28, 42], [-28, 30], [-52, 6]],
    "over_fingers": [[26, 52], [-22, 58], [-68, 14]],
    "relaxed": [[34, 22], [18, 14], [8, 8]],
}

# How often the back of the hand faces the camera.
_BACK_SHOWN = {"middle_finger": 0.6, "one": 0.2, "two_up": 0.15, "no_gesture": 0.5}


def _pose(extended: str, thumb: str, abduction: tuple[float, ...] = (4, 0, -4, -9)) -> Pose:
    flexions = [_EXTENDED if finger in extended.split() else _CURLED for finger in FINGERS]
    return Pose(np.column_stack([flexions, abduction]).astype(float), np.array(_THUMBS[thumb], float))


POSES = {
    "middle_finger": _pose("middle", "over_fingers"),
    "dislike": _pose("", "up"),
    "fist": _pose("", "over_fingers"),
    "four": _pose("index middle ring little", "across_palm", (8, 2, -5, -14)),
    "like": _pose("", "up"),
    "one": _pose("index", "over_fingers"),
    "palm": _pose("index middle ring little", "out", (9, 2, -6, -15)),
    "three": _pose("index middle ring", "across_palm", (10, 0, -9, -9)),
    "two_up": _pose("index middle", "over_fingers", (1, 2, -4, -9)),
}


def idle_pose(rng: np.random.Generator) -> Pose:
    """A relaxed hand without a gesture: half-bent fingers, bent more towards the little finger."""
    bend = rng.uniform(0.8, 1.4) * (1 + 0.12 * np.arange(4))
    flexions = np.array([[24, 34, 20]]) * bend[:, None]
    return Pose(np.column_stack([flexions, [3, 0, -3, -6]]), np.array(_THUMBS["relaxed"], float)).jitter(rng, 5)


def gesture_pose(gesture: str, rng: np.random.Generator) -> Pose:
    """The pose of a gesture (one of GESTURES) with a person's variation."""
    return idle_pose(rng) if gesture == "no_gesture" else POSES[gesture].jitter(rng, 4.5)


def gesture_angles(gesture: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """Draw the orientation of the hand: (yaw, pitch, roll) in degrees; yaw near 180 shows the back of the hand."""
    yaw, pitch, roll = rng.normal(0, 16), float(np.clip(rng.normal(0, 13), -32, 32)), rng.normal(0, 13)
    back_shown = rng.random() < _BACK_SHOWN.get(gesture, 0.06)
    if gesture in ("like", "dislike"):
        # The thumb is on the other side of the image if the back of the hand is seen.
        roll += 90 if (gesture == "like") != back_shown else -90
    if gesture == "no_gesture":
        roll += rng.choice([180, 180, 150, -150, 105, -105])
        yaw += rng.uniform(-60, 60)
    return float(yaw + 180 * back_shown), pitch, float(roll)


def joints(pose: Pose, shape: Shape) -> np.ndarray:
    """Forward kinematics: (21, 3) joint positions in the hand's frame, in palm lengths."""
    points = np.zeros((21, 3))
    points[1:5] = _chain(
        _THUMB_BASE * [shape.width, 1, 1], _THUMB_BONES * shape.lengths[4], _thumb_directions(pose.thumb)
    )
    for finger in range(4):
        start = _KNUCKLES[finger] * [shape.width, 1, 1]
        bones = _PHALANGES[finger] * shape.lengths[finger]
        points[5 + 4 * finger : 9 + 4 * finger] = _chain(start, bones, _finger_directions(pose.fingers[finger]))
    return points


def nail_normals(pose: Pose) -> np.ndarray:
    """(5, 3) unit vectors out of the nails, thumb first, in the hand's frame."""
    normals = []
    thumb = _thumb_directions(pose.thumb)[2]
    outward = np.array([0.8, 0.0, -0.55])
    normals.append(outward - (outward @ thumb) * thumb)
    for angles in pose.fingers:
        bend, spread = np.radians(angles[:3].sum()), np.radians(angles[3])
        along = np.array([np.sin(spread), np.cos(spread), 0])
        normals.append(np.sin(bend) * along - np.cos(bend) * np.array([0, 0, 1]))
    return np.array([normal / np.linalg.norm(normal) for normal in normals])


def radii(shape: Shape) -> np.ndarray:
    """(21,) thickness of the hand at each joint as a radius, in palm lengths."""
    return np.concatenate([[0.2], _THUMB_RADII, _FINGER_RADII.ravel()]) * shape.thickness


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """(3, 3) rotation: yaw about the forearm's axis, then pitch to the camera, then roll in the image plane."""
    a, b, c = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


def _chain(start: np.ndarray, bones: np.ndarray, directions: np.ndarray) -> np.ndarray:
    return start + np.concatenate([np.zeros((1, 3)), np.cumsum(bones[:, None] * directions, axis=0)])


def _finger_directions(angles: np.ndarray) -> np.ndarray:
    bend, spread = np.radians(np.cumsum(angles[:3])), np.radians(angles[3])
    along = np.array([np.sin(spread), np.cos(spread), 0])
    return np.cos(bend)[:, None] * along + np.sin(bend)[:, None] * [0, 0, 1]


def _thumb_directions(angles: np.ndarray) -> np.ndarray:
    plane, elevation = np.radians(angles).T
    return np.stack([np.cos(elevation) * np.sin(plane), np.cos(elevation) * np.cos(plane), np.sin(elevation)], axis=1)
