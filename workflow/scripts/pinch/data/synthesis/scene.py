"""Scenes: users with their hands, skin and rooms, and the photos that are taken of them."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from pinch.data.synthesis import hand as hands
from pinch.data.synthesis.render import Light, Look, Placement, Rendered, paste, render

# Skin from light to dark as sRGB, close to the ten tones of Monk's scale (skintone.google, Monk 2019).
_SKIN_TONES = np.array(
    [[246, 222, 205], [240, 208, 185], [232, 190, 160], [219, 172, 136], [200, 148, 110]]
    + [[176, 124, 88], [150, 100, 68], [122, 78, 52], [94, 60, 42], [68, 44, 33]]
)


@dataclass(frozen=True)
class User:
    """A simulated person: hand shape, skin (BGR, 0 to 1), clothes, hair, and the seeds of their rooms."""

    shape: hands.Shape
    skin: np.ndarray
    nail: np.ndarray
    clothes: np.ndarray
    hair: np.ndarray
    sleeve_start: float
    rooms: tuple[int, ...]

    @staticmethod
    def sample(seed: int, index: int) -> "User":
        """User `index` of the population with this seed, who is always the same person."""
        rng = np.random.default_rng([seed, 7919, index])
        tone = _SKIN_TONES[rng.integers(len(_SKIN_TONES))][::-1] / 255
        skin = np.clip(tone * rng.uniform(0.92, 1.06) + rng.normal(0, 0.012, 3), 0.05, 1)
        polish = rng.uniform(0.1, 0.95, 3) if rng.random() < 0.2 else skin * 0.8 + np.array([0.16, 0.15, 0.21])
        hair = np.array([0.09, 0.12, 0.16]) * rng.uniform(0.3, 4.5) * rng.uniform(0.8, 1.2, 3)
        rooms = tuple(int(room) for room in rng.integers(1 << 31, size=rng.integers(1, 4)))
        clothes = rng.uniform(0.05, 0.95, 3)
        sleeve = rng.uniform(0.6, 2.9)
        return User(hands.Shape.sample(rng), skin, np.clip(polish, 0, 1), clothes, np.clip(hair, 0, 1), sleeve, rooms)

    def look(self) -> Look:
        """Colours of this user's hands: palms are lighter and redder than backs, above all with dark skin."""
        darkness = 1 - self.skin.mean()
        palm = self.skin + darkness * np.array([0.14, 0.17, 0.26]) * (1 - self.skin)
        return Look(np.clip(palm, 0, 1), self.skin, self.nail, self.clothes, self.sleeve_start)


@dataclass(frozen=True)
class Hand:
    """One labelled hand: gesture, box (x, y, width, height) and 21 landmarks, all as fractions of the image."""

    label: str
    box: tuple[float, float, float, float]
    landmarks: list[list[float]]


@dataclass(frozen=True)
class Photo:
    """A rendered image, (h, w, 3) uint8 BGR, and its labelled hands, the gesturing one first."""

    image: np.ndarray
    hands: list[Hand]


def take_photo(user: User, gesture: str, size: int, rng: np.random.Generator) -> Photo:
    """Render a user who makes a gesture; often the idle second hand is visible and labelled no_gesture.

    Args:
        size: pixels of the longer side; the shape (portrait, landscape, square) is drawn.
    """
    width, height = _sides(size, rng)
    palm = size * np.exp(rng.uniform(np.log(0.105), np.log(0.215)))
    light = camera_light(rng)
    canvas = room(rng.choice(user.rooms), width, height, light, rng)
    body = rng.uniform(0.3, 0.7) * width
    if rng.random() < 0.8:
        _person(canvas, user, (body, rng.uniform(0.22, 0.5) * height), palm * rng.uniform(0.85, 1.3), light)
    canvas = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.4, 2.2) * size / 320)
    left = bool(rng.random() < 0.5)
    centre = _spot(width, height, palm, rng, avoid=None)
    shots = [_shot(user, gesture, left, centre, palm, light, rng)]
    labels = [gesture]
    if rng.random() < 0.42:
        spot = _spot(width, height, palm, rng, avoid=shots[0].box)
        if spot is not None:
            shots.append(_shot(user, "no_gesture", not left, spot, palm * rng.uniform(0.85, 1.1), light, rng))
            labels.append("no_gesture")
    for shot in shots:
        _upper_arm(canvas, user, shot, body, light)
    # The idle hand is drawn first, so that the gesturing hand covers it where they overlap.
    for shot in reversed(shots):
        paste(canvas, shot, rng.uniform(0, 0.35))
    image = develop(canvas, rng)
    found = [_label(label, shot, width, height) for label, shot in zip(labels, shots, strict=True)]
    return Photo(image, [hand for hand in found if hand is not None])


def develop(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add the effects of a camera: exposure, white balance, vignette, lens or motion blur, noise. Returns uint8."""
    height, width = canvas.shape[:2]
    out: Any = canvas * rng.uniform(0.72, 1.22) * rng.uniform(0.92, 1.08, 3).astype(np.float32)
    ys, xs = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    out *= (1 - rng.uniform(0, 0.3) * (xs**2 + ys**2) / 2)[..., None]
    out = np.clip(out, 0, 1) ** rng.uniform(0.8, 1.3)
    out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.2, 1.1) * width / 320 + 0.05)
    if rng.random() < 0.15:
        length = int(rng.integers(2, 6) * width / 320) + 1
        kernel = np.zeros((length, length), np.float32)
        cv2.line(kernel, (0, int(rng.integers(length))), (length - 1, int(rng.integers(length))), 1.0)
        out = cv2.filter2D(out, -1, kernel / kernel.sum())
    out = out + rng.normal(0, rng.uniform(0.004, 0.035), out.shape).astype(np.float32)
    return (np.clip(out, 0, 1) * 255).astype(np.uint8)


def room(seed: int, width: int, height: int, light: Light, rng: np.random.Generator) -> np.ndarray:
    """A cluttered background, float32 BGR: wall and floor, furniture, posters, shelves, plants.

    The seed determines the objects of the room, and `rng` the direction of the camera.
    """
    own = np.random.default_rng(seed)
    wall, floor = own.uniform(0.25, 0.95) * own.uniform(0.8, 1.1, (2, 3))
    shade = np.linspace(1.05, 0.8, width, dtype=np.float32)[None, :, None]
    canvas = np.ones((height, width, 3), np.float32) * np.clip(wall, 0, 1) * shade
    shift = rng.uniform(-0.25, 0.25, 2) * [width, height]
    horizon = int(own.uniform(0.65, 0.95) * height + shift[1] / 2)
    if horizon < height:
        canvas[max(horizon, 0) :] = np.clip(floor, 0, 1) * 0.8
    for _ in range(own.integers(7, 20)):
        _thing(canvas, own, shift)
    grain = cv2.resize(own.normal(0, 0.03, (height // 6 + 1, width // 6 + 1)), (width, height))
    canvas *= (1 + grain[..., None]).astype(np.float32)
    return np.clip(canvas * light.colour, 0, 1).astype(np.float32)


def _thing(canvas: np.ndarray, own: np.random.Generator, shift: np.ndarray) -> None:
    height, width = canvas.shape[:2]
    colour = own.uniform(0.03, 1.0) * own.uniform(0.5, 1.0, 3)
    x, y = (own.uniform(-0.2, 1.2, 2) * [width, height] + shift).astype(int)
    w, h = (own.uniform(0.04, 0.42, 2) * [width, height]).astype(int) + 2
    kind = own.integers(6)
    if kind == 0:
        cv2.rectangle(canvas, (x, y), (x + w, y + h), colour.tolist(), -1)
        cv2.rectangle(canvas, (x, y), (x + w, y + h), (colour * 0.5).tolist(), 2)
    elif kind == 1:
        for book in range(own.integers(4, 12)):
            spine = own.uniform(0.1, 0.9, 3).tolist()
            left, wide = x + book * max(w // 8, 3), max(w // 8, 3)
            cv2.rectangle(canvas, (left, y + int(own.integers(0, h // 3 + 1))), (left + wide - 1, y + h), spine, -1)
    elif kind == 2:
        cv2.ellipse(
            canvas, (x, y), (w // 2, h // 2), float(own.uniform(0, 180)), 0, 360, colour.tolist(), -1, cv2.LINE_AA
        )
    elif kind == 3:
        for _ in range(own.integers(4, 14)):
            tip = (x + own.integers(-w, w + 1), y - own.integers(0, h + 1))
            leaf = (colour * own.uniform(0.6, 1.2) * [0.5, 1.0, 0.5]).tolist()
            cv2.line(canvas, (x, y), (int(tip[0]), int(tip[1])), leaf, int(own.integers(2, 8)), cv2.LINE_AA)
    elif kind == 4:
        corners = np.array([[x, y], [x + w, y + own.integers(-h, h)], [x + own.integers(-w, w), y + h]])
        cv2.fillPoly(canvas, [corners.astype(np.int32)], colour.tolist(), cv2.LINE_AA)
    else:
        for stripe in range(own.integers(3, 9)):
            at = y + stripe * max(h // 6, 4)
            cv2.line(canvas, (x, at), (x + w, at), colour.tolist(), int(own.integers(1, 5)), cv2.LINE_AA)


def _person(canvas: np.ndarray, user: User, neck: tuple[float, float], head: float, light: Light) -> None:
    """Head, hair, face and torso behind the hands, without detail: a hand detector only has to ignore them."""
    x, y = neck
    skin = (user.skin * light.colour).tolist()
    clothes = (user.clothes * light.colour).tolist()

    def point(dx: float, dy: float) -> tuple[int, int]:
        return int(x + dx * head), int(y + dy * head)

    def oval(centre: tuple[int, int], rx: float, ry: float, colour: list[float]) -> None:
        cv2.ellipse(
            canvas, centre, (max(int(rx * head), 1), max(int(ry * head), 1)), 0, 0, 360, colour, -1, cv2.LINE_AA
        )

    shoulders = np.array(
        [point(-1.25, 0.75), point(-0.9, 0.45), point(0.9, 0.45), point(1.25, 0.75), point(1.3, 5), point(-1.3, 5)]
    )
    cv2.fillPoly(canvas, [shoulders], clothes, cv2.LINE_AA)
    oval(point(0, -0.75), 0.62, 0.8, (user.hair * light.colour).tolist())
    cv2.rectangle(canvas, point(-0.24, -0.2), point(0.24, 0.52), [c * 0.85 for c in skin], -1)
    oval(point(0, -0.58), 0.5, 0.68, skin)
    for side in (-0.2, 0.2):
        oval(point(side, -0.68), 0.09, 0.05, [0.95, 0.95, 0.95])
        oval(point(side, -0.68), 0.045, 0.05, [0.12, 0.12, 0.16])
        oval(point(side, -0.83), 0.13, 0.025, (user.hair * 0.8).tolist())
    oval(point(0, -0.48), 0.06, 0.12, [c * 0.88 for c in skin])
    oval(point(0, -0.25), 0.17, 0.05, [skin[0] * 0.6, skin[1] * 0.55, skin[2] * 0.85])


def _upper_arm(canvas: np.ndarray, user: User, shot: Rendered, body: float, light: Light) -> None:
    """Draw the upper arm, from the elbow to a shoulder or out of the image."""
    x, y, radius = shot.elbow
    shoulder = (body + np.sign(x - body) * 2.2 * radius, min(y + 2 * radius, 0.6 * canvas.shape[0]))
    end = shoulder if abs(x - body) < 9 * radius else (x + np.sign(x - body) * 20 * radius, y + 9 * radius)
    colour = np.clip(user.clothes * light.colour * 0.72, 0, 1).tolist()
    points = [(int(x), int(y)), (int(end[0]), int(end[1]))]
    cv2.line(canvas, points[0], points[1], colour, max(int(2 * radius), 1), cv2.LINE_AA)


def _sides(size: int, rng: np.random.Generator) -> tuple[int, int]:
    shape = rng.choice(["portrait", "landscape", "square"], p=[0.45, 0.3, 0.25])
    short = int(size * 0.75)
    return {"portrait": (short, size), "landscape": (size, short), "square": (size, size)}[str(shape)]


def camera_light(rng: np.random.Generator) -> Light:
    """Draw the light of a room: direction, colour, and share of ambient light."""
    towards = np.array([rng.uniform(-0.8, 0.8), rng.uniform(-0.9, 0.3), rng.uniform(0.5, 1.0)])
    warmth = rng.uniform(-0.07, 0.07)
    colour = np.array([1 - warmth, 1, 1 + warmth]) * rng.uniform(0.8, 1.08)
    return Light(towards / np.linalg.norm(towards), colour.astype(np.float32), rng.uniform(0.42, 0.72))


def _spot(
    width: int, height: int, palm: float, rng: np.random.Generator, avoid: tuple[float, float, float, float] | None
) -> tuple[float, float] | None:
    """A place for a hand: inside the image and, with `avoid`, outside another hand's box; None if there is none."""
    margin = np.minimum([1.0 * palm, 1.15 * palm], [0.45 * width, 0.45 * height])
    for _ in range(12):
        x, y = rng.uniform(margin, np.array([width, height]) - margin)
        if avoid is None:
            return x, y
        away = max(avoid[0] - x, x - avoid[2], avoid[1] - y, y - avoid[3])
        if away > 0.85 * palm:
            return x, y
    return None


def _shot(
    user: User,
    gesture: str,
    left: bool,
    centre: tuple[float, float] | None,
    palm: float,
    light: Light,
    rng: np.random.Generator,
) -> Rendered:
    assert centre is not None
    yaw, pitch, roll = hands.gesture_angles(gesture, rng)
    # A left hand is a mirrored right hand, so its roll is negated; this also keeps a raised thumb up.
    turn = hands.rotation(yaw, pitch, -roll if left else roll)
    place = Placement(turn, left, centre, palm)
    return render(hands.gesture_pose(gesture, rng), user.shape, place, user.look(), light, rng)


def _label(label: str, shot: Rendered, width: int, height: int) -> Hand | None:
    """The label of the visible part of a hand; None if less than half of its box is inside the image."""
    size = np.array([width, height])
    low, high = np.array(shot.box[:2]) / size, np.array(shot.box[2:]) / size
    seen_low, seen_high = np.clip(low, 0, 1), np.clip(high, 0, 1)
    if np.prod(seen_high - seen_low) < 0.5 * np.prod(high - low):
        return None
    x, y, w, h = (round(float(value), 6) for value in (*seen_low, *(seen_high - seen_low)))
    return Hand(label, (x, y, w, h), np.round(shot.landmarks / size, 6).tolist())
