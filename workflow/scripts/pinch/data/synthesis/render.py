"""Render a hand from its joints: a union of tapered capsules in a depth buffer, smoothed and lit."""

from dataclasses import dataclass

import cv2
import numpy as np

from pinch.data.synthesis.hand import Pose, Shape, joints, nail_normals, radii

_SUPERSAMPLING = 2
# (joint, joint) of every bone; the palm is filled by bones from the wrist to each knuckle and between knuckles.
_FINGER_BONES = [(5 + 4 * f + k, 6 + 4 * f + k) for f in range(4) for k in range(3)] + [(2, 3), (3, 4)]
_TIPS = (4, 8, 12, 16, 20)
_SKIN, _SLEEVE, _NAIL = 0, 1, 2


@dataclass(frozen=True)
class Look:
    """Colours of a hand as BGR in 0..1, and where its sleeve begins (palm lengths below the wrist)."""

    palm: np.ndarray
    back: np.ndarray
    nail: np.ndarray
    sleeve: np.ndarray
    sleeve_start: float


@dataclass(frozen=True)
class Light:
    """A directional light: unit vector to the light, its BGR colour, and the share of ambient light (0 to 1)."""

    direction: np.ndarray
    colour: np.ndarray
    ambient: float


@dataclass(frozen=True)
class Rendered:
    """A rendered hand.

    Attributes:
        colour: (h, w, 3) float32 BGR in 0..1, valid where alpha is not 0.
        alpha: (h, w) float32 coverage in 0..1 of hand and forearm.
        origin: x and y of the patch's upper left corner in the image (pixels).
        box: (x0, y0, x1, y1) of the hand without its forearm, in pixels of the image, not clipped.
        landmarks: (21, 2) joints in pixels of the image.
        elbow: x, y and radius of the forearm's end, in pixels of the image.
    """

    colour: np.ndarray
    alpha: np.ndarray
    origin: tuple[int, int]
    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    elbow: tuple[float, float, float]


@dataclass(frozen=True)
class Placement:
    """Where and how a hand is held: rotation (3, 3), left or right, centre in pixels, and pixels per palm length."""

    turn: np.ndarray
    left: bool
    centre: tuple[float, float]
    scale: float


def render(pose: Pose, shape: Shape, place: Placement, look: Look, light: Light, rng: np.random.Generator) -> Rendered:
    """Draw one hand with its forearm."""
    turn = place.turn * np.array([-1.0 if place.left else 1.0, 1, 1])
    forearm = np.array([[0.0, -0.15, -0.02], [0.0, -0.6, -0.05], [0.0, -2.6, -0.2]])
    space = np.concatenate([joints(pose, shape), forearm]) @ turn.T
    # Parts that are nearer to the camera look larger; the image's y axis points down.
    near = 1 / (1 - 0.09 * space[:, 2])
    screen = np.column_stack([space[:, 0] * near, -space[:, 1] * near, space[:, 2]]) * place.scale
    middle = (screen[:21, :2].min(0) + screen[:21, :2].max(0)) / 2
    screen[:, :2] += np.asarray(place.centre) - middle
    arm = np.array([0.23, 0.24, 0.36]) * shape.thickness
    thickness = np.concatenate([radii(shape), arm]) * near * place.scale

    low = np.floor(screen[:, :2].min(0) - 0.5 * place.scale).astype(int)
    high = np.ceil(screen[:, :2].max(0) + 0.5 * place.scale).astype(int)
    buffer = _Buffer(low, high, place.scale)
    buffer.forearm(screen[21:], thickness[21:], look.sleeve_start)
    buffer.hand(screen, thickness)
    buffer.nails(screen, thickness, nail_normals(pose) @ turn.T * [1, -1, 1])
    elbow = (float(screen[23, 0]), float(screen[23, 1]), float(thickness[23] * 1.2))
    colour, alpha = buffer.shade(look, light, turn[2, 2] > 0, rng)
    return Rendered(colour, alpha, (int(low[0]), int(low[1])), buffer.hand_box(), screen[:21, :2], elbow)


class _Buffer:
    """Depth, material and kind of the nearest capsule at each (supersampled) pixel."""

    def __init__(self, low: np.ndarray, high: np.ndarray, scale: float) -> None:
        self.low = low
        self.unit = scale * _SUPERSAMPLING
        width, height = (high - low) * _SUPERSAMPLING
        self.depth = np.full((height, width), -np.inf, np.float32)
        self.material = np.full((height, width), _SKIN, np.uint8)
        self.is_hand = np.zeros((height, width), bool)
        self.part = np.zeros((height, width), np.uint8)

    def forearm(self, arm: np.ndarray, thickness: np.ndarray, sleeve_start: float) -> None:
        """Bare skin from the wrist to where the sleeve begins."""
        share = np.clip((sleeve_start - 0.6) / 2.0, 0.02, 0.95)
        cuff = arm[1] + share * (arm[2] - arm[1])
        wide = thickness[1] + share * (thickness[2] - thickness[1])
        self._capsule(arm[0], arm[1], thickness[0], thickness[1], part=1, is_hand=False)
        self._capsule(arm[1], cuff, thickness[1], wide, part=1, is_hand=False)
        self._capsule(cuff, arm[2], wide * 1.18, thickness[2] * 1.2, part=2, material=_SLEEVE, is_hand=False)

    def hand(self, screen: np.ndarray, thickness: np.ndarray) -> None:
        """Palm and fingers; each finger is a separate part, so that edges between them stay sharp."""
        self._capsule(screen[0], screen[21], thickness[0], thickness[21], part=3)
        for knuckle in (5, 9, 13, 17):
            self._capsule(screen[0], screen[knuckle], thickness[0] * 0.98, thickness[knuckle] * 1.3, part=3)
            if knuckle > 5:
                self._capsule(screen[knuckle - 4], screen[knuckle], thickness[knuckle - 4], thickness[knuckle], part=3)
        self._capsule(screen[1], screen[2], thickness[1] * 1.12, thickness[2] * 1.05, part=3)
        self._capsule(screen[1], (screen[5] + screen[1]) / 2, thickness[1], thickness[1] * 0.8, part=3)
        for start, end in _FINGER_BONES:
            self._capsule(screen[start], screen[end], thickness[start], thickness[end], part=4 + (end - 1) // 4)

    def nails(self, screen: np.ndarray, thickness: np.ndarray, normals: np.ndarray) -> None:
        """Nails lie on the back of the finger tips; the depth buffer hides those that face away."""
        for finger, (tip, normal) in enumerate(zip(_TIPS, normals, strict=True)):
            along = screen[tip] - screen[tip - 1]
            along = along / (np.linalg.norm(along) + 1e-6)
            width = thickness[tip]
            centre = screen[tip] + normal * width * 0.46 - along * width * 0.25
            end = centre + along * width * 0.65
            self._capsule(centre, end, width * 0.62, width * 0.56, part=4 + finger, material=_NAIL)

    def _capsule(
        self,
        start: np.ndarray,
        end: np.ndarray,
        r0: float,
        r1: float,
        *,
        part: int,
        material: int = _SKIN,
        is_hand: bool = True,
    ) -> None:
        """Draw spheres swept from `start` to `end` (x, y, depth) whose radius goes from r0 to r1."""
        offset = np.array([self.low[0], self.low[1], 0])
        a, b = (start - offset) * _SUPERSAMPLING, (end - offset) * _SUPERSAMPLING
        r0, r1 = r0 * _SUPERSAMPLING, r1 * _SUPERSAMPLING
        height, width = self.depth.shape
        big = max(r0, r1)
        x0, y0 = np.maximum(np.floor(np.minimum(a, b)[:2] - big), 0).astype(int)
        x1, y1 = np.minimum(np.ceil(np.maximum(a, b)[:2] + big) + 1, [width, height]).astype(int)
        if x0 >= x1 or y0 >= y1:
            return
        ys, xs = np.mgrid[y0:y1, x0:x1].astype(np.float32)
        axis = (b - a)[:2]
        share = np.clip(((xs - a[0]) * axis[0] + (ys - a[1]) * axis[1]) / max(axis @ axis, 1e-6), 0, 1)
        radius = r0 + share * (r1 - r0)
        distance = (xs - a[0] - share * axis[0]) ** 2 + (ys - a[1] - share * axis[1]) ** 2
        inside = radius**2 - distance
        depth = np.where(inside > 0, a[2] + share * (b[2] - a[2]) + np.sqrt(np.maximum(inside, 0)), -np.inf)
        view = np.s_[y0:y1, x0:x1]
        nearer = depth > self.depth[view]
        self.depth[view][nearer] = depth[nearer]
        self.material[view][nearer] = material
        self.is_hand[view][nearer] = is_hand
        self.part[view][nearer] = part

    def hand_box(self) -> tuple[float, float, float, float]:
        """Corners of the visible part of the hand without its forearm, in pixels of the image."""
        ys, xs = np.nonzero(self.is_hand & np.isfinite(self.depth))
        corners = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) / _SUPERSAMPLING
        x0, y0, x1, y1 = (corners + np.tile(self.low, 2)).tolist()
        return x0, y0, x1, y1

    def shade(
        self, look: Look, light: Light, palm_seen: bool, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Smooth the depth, light it, darken creases and edges between fingers, and scale down."""
        unit = self.unit
        covered = np.isfinite(self.depth)
        depth = np.where(covered, self.depth, 0).astype(np.float32)
        smooth = _masked_blur(depth, covered, 0.035 * unit)
        # Smooth only within one part: a finger must not blend with what is behind it.
        smooth = np.where(np.abs(smooth - depth) < 0.06 * unit, smooth, depth)
        gx, gy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8)
        steep = np.sqrt(gx * gx + gy * gy + 1)
        lit = (-gx * light.direction[0] - gy * light.direction[1] + light.direction[2]) / steep
        diffuse = light.ambient + (1 - light.ambient) * np.clip(lit, 0, 1) ** 0.9
        gloss = 0.10 * np.clip(lit, 0, 1) ** 14
        crease = np.clip((_masked_blur(depth, covered, 0.11 * unit) - depth) / (0.30 * unit), 0, 1)
        colour = self._albedo(look.palm if palm_seen else look.back, look, rng)
        shaded = (
            colour * (diffuse * (1 - 0.62 * crease) * (0.80 + 0.20 / steep))[..., None] * light.colour
            + gloss[..., None]
        )
        edges = cv2.morphologyEx(self.part, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
        line = cv2.GaussianBlur((edges & covered).astype(np.float32), (0, 0), max(0.022 * unit, 0.6))
        shaded *= (1 - 0.40 * np.clip(line * 1.5, 0, 1))[..., None]
        return self._downsample(shaded, covered)

    def _albedo(self, skin: np.ndarray, look: Look, rng: np.random.Generator) -> np.ndarray:
        height, width = self.depth.shape
        blotches = cv2.resize(
            rng.normal(0, 0.035, (9, 7, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
        colour = np.broadcast_to(skin.astype(np.float32), (height, width, 3)) * (1 + blotches)
        colour[self.material == _NAIL] = look.nail
        folds = 1 + 0.08 * np.sin(np.arange(height) / (0.16 * self.unit) + rng.uniform(0, 6))[:, None, None]
        sleeve = (look.sleeve * folds * np.ones((1, width, 1))).astype(np.float32)
        return np.where((self.material == _SLEEVE)[..., None], sleeve, colour)

    def _downsample(self, shaded: np.ndarray, covered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        height, width = (n // _SUPERSAMPLING for n in covered.shape)
        alpha = cv2.resize(covered.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        colour = cv2.resize(shaded * covered[..., None], (width, height), interpolation=cv2.INTER_AREA)
        return np.clip(colour / np.maximum(alpha, 1e-3)[..., None], 0, 1), alpha


def _masked_blur(values: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur that ignores values outside the mask."""
    weight = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(sigma, 0.5))
    return cv2.GaussianBlur(values, (0, 0), max(sigma, 0.5)) / np.maximum(weight, 1e-3)


def paste(image: np.ndarray, hand: Rendered, shadow: float) -> None:
    """Blend a rendered hand into a float32 BGR image, in place, with a soft shadow (0 to 1) beside it."""
    height, width = image.shape[:2]
    x, y = hand.origin
    h, w = hand.alpha.shape
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
    if x0 >= x1 or y0 >= y1:
        return
    view = np.s_[y0 - y : y1 - y, x0 - x : x1 - x]
    region = image[y0:y1, x0:x1]
    if shadow > 0:
        soft = cv2.GaussianBlur(np.roll(hand.alpha, (h // 40 + 1, w // 30 + 1), (0, 1)), (0, 0), max(w / 30, 1))
        region *= (1 - shadow * soft[view])[..., None]
    alpha = hand.alpha[view][..., None]
    region[:] = region * (1 - alpha) + hand.colour[view] * alpha
