"""Composites of parts: eyes, nose or mouth of a donor on the target, as an editor pastes them by layers."""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.attacks.face_forgery import blending, warp
from underdrawing.attacks.face_forgery.face import Face, Forged, forged

PARTS: dict[str, tuple[str, ...]] = {
    "left eye": ("left_eye_rim", "left_brow"),
    "right eye": ("right_eye_rim", "right_brow"),
    "eyes": ("left_eye_rim", "right_eye_rim", "left_brow", "right_brow", "root"),
    "nose": ("root", "nose", "left_nostril", "right_nostril"),
    "mouth": ("left_mouth_corner", "right_mouth_corner", "left_lip", "right_lip", "lip_middle"),
}
"""The points of the shape around each part."""
_GROWTH = {"left eye": 1.35, "right eye": 1.35, "eyes": 1.25, "nose": 1.6, "mouth": 1.5}
"""Size of a pasted part, of the hull of its points: with a rim of skin."""
_CHOICES = (
    ("left eye", "right eye"), ("eyes",), ("nose",), ("mouth",), ("eyes", "mouth"), ("nose", "mouth"),
    ("eyes", "nose"), ("eyes", "nose", "mouth"),
)  # fmt: skip


def parts(target: Face, donor: Face, rng: np.random.Generator) -> Forged:
    """One to three parts of the donor on the target, each fitted, coloured and blended on its own."""
    if target.turn * donor.turn < -0.02:
        donor = donor.mirrored()
    picture = target.image.astype(np.float32)
    mask = np.zeros(picture.shape[:2], np.float32)
    for name in _CHOICES[rng.integers(len(_CHOICES))]:
        region = _region(target, name, rng)
        window = blending.bounds(region)
        weight = _paste(target, donor, picture, (name, region, window), rng)
        mask[window] = np.maximum(mask[window], weight)
    return forged(target.image, picture, mask)


def _region(target: Face, name: str, rng: np.random.Generator) -> np.ndarray:
    """(H, W) float32 rounded region of a part, elastically deformed."""
    height, width = target.image.shape[:2]
    points = target.shape.part(*PARTS[name])
    growth, middle = _GROWTH[name] * rng.uniform(0.95, 1.15), points.mean(0)
    hull = blending.polygon(middle + growth * (points - middle), height, width)
    field = warp.elastic(height, width, rng.uniform(0, 0.05) * target.unit, 0.2 * target.unit, rng)
    hull = warp.warped(hull, warp.identity(height, width) + field, cv2.INTER_LINEAR)
    return (cv2.GaussianBlur(hull, (0, 0), 0.08 * target.unit) > 0.45).astype(np.float32)


def _paste(
    target: Face, donor: Face, picture: np.ndarray, part: tuple[str, np.ndarray, tuple[slice, slice]],
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Lay one part of the donor over its window of the picture (H, W, 3) float32; the weight there."""
    name, region, window = part
    below, region = picture[window], region[window]
    corner = (window[1].start, window[0].start)
    goals, points = target.shape.part(*PARTS[name]) - corner, donor.shape.part(*PARTS[name])
    sources = _similarity(goals, points, rng.uniform(0.95, 1.05), *region.shape)
    face = warp.warped(donor.image, sources, rng.choice(warp.INTERPOLATIONS)).astype(np.float32)
    transfer = blending.TRANSFERS[rng.integers(2)]
    face += rng.uniform(0.6, 1.0) * (transfer(face, below, region) - face)
    if rng.random() < 0.5:
        face = blending.poisson(face, below, region > 0.5)
    weight = blending.feathered(region, target.unit * rng.uniform(0.02, 0.10))
    below += weight[..., None] * (face - below)
    return weight


def _similarity(goals: np.ndarray, points: np.ndarray, zoom: float, height: int, width: int) -> np.ndarray:
    """The map by the similarity of least squared error from points of the target to those of the donor."""
    goal, point = goals.mean(0), points.mean(0)
    there, here = (points - point) @ (1, 1j), (goals - goal) @ (1, 1j)
    factor = zoom * (there @ here.conj()) / (here @ here.conj())
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return ((warp.identity(height, width) - goal) @ turn.T + point).astype(np.float32)
