"""Reenactment by warping: another expression, gaze or pose of the same face.

A smooth displacement is given at points of the face's shape; the mask is where a pixel moves.
"""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.attacks.face_forgery import blending, warp
from underdrawing.attacks.face_forgery.face import Face, Forged, composed
from underdrawing.attacks.face_forgery.shape import OUTLINE

Field = np.ndarray
_RING = 1.3
"""Distance of the fixed points around a moved face, in parts of its outline's radius."""


def reenact(target: Face, donor: Face, rng: np.random.Generator) -> Forged:
    """One to three of: mouth, eyes, gaze, brows, pose; the donor is not used."""
    height, width = target.image.shape[:2]
    field = np.zeros((height, width, 2), np.float32)
    count = rng.choice([1, 2, 3], p=[0.35, 0.4, 0.25])
    for move in rng.choice(len(MOVES), count, replace=False, p=[0.3, 0.2, 0.2, 0.1, 0.2]):
        field += MOVES[move](target, rng)
    moved = np.hypot(field[..., 0], field[..., 1])
    sources = warp.identity(height, width) - field
    picture = warp.warped(target.image, sources, rng.choice(warp.INTERPOLATIONS)).astype(np.float32)
    return composed(target.image, picture, np.clip(2 * moved - 0.1, 0, 1))


def mouth(face: Face, rng: np.random.Generator) -> Field:
    """Corners up or down, wider or narrower; lower lip and chin down or up."""
    shape, unit = face.shape, face.unit
    corners = shape.part("left_mouth_corner", "right_mouth_corner")
    lips, chin = shape.part("left_lip", "right_lip", "lip_middle"), shape.part("chin")
    still = np.concatenate([
        shape.part("nose", "left_nostril", "right_nostril", "left_cheek", "right_cheek"),
        shape.part("left_jaw", "right_jaw"),
    ])  # fmt: skip
    smile, wide = rng.choice([-1, 1]) * rng.uniform(0.04, 0.12), rng.uniform(-0.04, 0.12)
    drop = rng.choice([-1, 1], p=[0.3, 0.7]) * rng.uniform(0.03, 0.12)
    moves = np.zeros((2 + 7 + 1 + len(still), 2))
    moves[0], moves[1] = (-wide, -smile), (wide, -smile)
    moves[[3, 5, 8], 1] = drop
    moves[9, 1] = 0.6 * drop
    return _field(face, np.concatenate([corners, lips, chin, still]), moves @ _axes(face) * unit, 0.28)


def eyes(face: Face, rng: np.random.Generator) -> Field:
    """Both lids closer together, down to nearly closed, or further apart."""
    close = rng.uniform(0.06, 0.16) if rng.random() < 0.65 else -rng.uniform(0.03, 0.07)
    points, moves = [], []
    for side in ("left", "right"):
        inner, upper, outer, lower = face.shape.part(f"{side}_eye_rim")
        middle, brow = face.shape.part(f"{side}_eye")[0], face.shape.part(f"{side}_brow")[1]
        points += [upper, middle, lower, inner, outer, brow]
        moves += [(0, close), (0, 0.35 * close), (0, -0.2 * close), (0, 0), (0, 0), (0, 0)]
    return _field(face, np.array(points), np.array(moves) @ _axes(face) * face.unit, 0.12)


def gaze(face: Face, rng: np.random.Generator) -> Field:
    """Both irises to one side, the lids at their place."""
    shift = (rng.choice([-1, 1]) * rng.uniform(0.04, 0.10), rng.uniform(-0.02, 0.02))
    points, moves = [], []
    for side in ("left", "right"):
        rim = face.shape.part(f"{side}_eye_rim")
        points += [face.shape.part(f"{side}_eye")[0], *rim]
        moves += [shift, *[(0, 0)] * len(rim)]
    return _field(face, np.array(points), np.array(moves) @ _axes(face) * face.unit, 0.10)


def brows(face: Face, rng: np.random.Generator) -> Field:
    """Both brows up or down, the inner ends more."""
    height = rng.choice([-1, 1]) * rng.uniform(0.04, 0.12)
    points, moves = [], []
    for side in ("left", "right"):
        points += [*face.shape.part(f"{side}_brow"), *face.shape.part(f"{side}_eye_rim")]
        moves += [(0, height), (0, 0.9 * height), (0, 0.5 * height), *[(0, 0)] * 4]
    return _field(face, np.array(points), np.array(moves) @ _axes(face) * face.unit, 0.22)


def pose(face: Face, rng: np.random.Generator) -> Field:
    """The face turned by some degrees: its average depth makes the nose move more than the cheeks."""
    yaw, pitch = np.deg2rad(rng.choice([-1, 1], 2) * rng.uniform((4, 0), (12, 7)))
    rotation, _ = cv2.Rodrigues(np.array([pitch, yaw, rng.uniform(-0.05, 0.05)]))
    points, moves = face.shape.points, face.shape.turned(rotation)
    outline = points[OUTLINE]
    middle = outline.mean(0)
    moves[OUTLINE] *= 0.5
    fixed = middle + _RING * (outline - middle)
    height, width = face.image.shape[:2]
    goals = np.concatenate([points + moves, fixed])
    sources = warp.moving_least_squares(goals, np.concatenate([points, fixed]), height, width)
    return _tapered(face, warp.identity(height, width) - sources, fixed, 0.12)


MOVES = (mouth, eyes, gaze, brows, pose)


def _axes(face: Face) -> np.ndarray:
    """(2, 2) rows: the directions across and down the face, of length one."""
    across, down = face.shape.at(1, 0) - face.shape.at(0, 0), face.shape.at(0, 1) - face.shape.at(0, 0)
    return np.stack([across / max(np.hypot(*across), 1e-6), down / max(np.hypot(*down), 1e-6)])


def _field(face: Face, points: np.ndarray, moves: np.ndarray, sigma: float) -> Field:
    """Displacement of the moves, tapered to zero outside the hull of the points and one `sigma` around it."""
    height, width = face.image.shape[:2]
    return _tapered(face, warp.displacement(points, moves, sigma * face.unit, height, width), points, sigma)


def _tapered(face: Face, field: Field, points: np.ndarray, sigma: float) -> Field:
    height, width = face.image.shape[:2]
    hull = blending.polygon(points, height, width)
    distance = cv2.distanceTransform((hull < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    taper = np.clip(1 - distance / (2 * sigma * face.unit), 0, 1)
    return field * (taper * taper * (3 - 2 * taper))[..., None]
