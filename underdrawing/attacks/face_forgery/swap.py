"""Landmark swap: the donor's face in the shape, colour and sharpness of the target's."""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.attacks.face_forgery import blending, warp
from underdrawing.attacks.face_forgery.face import Face, Forged, composed


def swap(target: Face, donor: Face, rng: np.random.Generator) -> Forged:
    """The donor's face on the target: warp, colour transfer, then Poisson or alpha blending."""
    if target.turn * donor.turn < -0.02:
        donor = donor.mirrored()
    region = blending.face_region(target, rng)
    window = blending.bounds(region)
    image, region = target.image[window], region[window]
    corner = (window[1].start, window[0].start)
    fit = warp.delaunay if rng.random() < 0.5 else warp.moving_least_squares
    sources = fit(target.shape.points - corner, _fitted_points(target, donor, rng), *region.shape)
    face = warp.warped(donor.image, sources, rng.choice(warp.INTERPOLATIONS)).astype(np.float32)
    transfer = blending.TRANSFERS[rng.integers(len(blending.TRANSFERS))]
    face += rng.uniform(0.75, 1.0) * (transfer(face, image, region) - face)
    face = _same_sharpness(face, image, region, rng)
    feather = target.unit * rng.choice([rng.uniform(0.02, 0.06), rng.uniform(0.06, 0.22)])
    if rng.random() < 0.5:
        face = blending.poisson(face, image, region > 0.5)
        feather = min(feather, 0.08 * target.unit)
    changed, mask = target.image.astype(np.float32), np.zeros(target.image.shape[:2], np.float32)
    changed[window], mask[window] = face, blending.feathered(region, feather)
    return composed(target.image, changed, mask)


def _fitted_points(target: Face, donor: Face, rng: np.random.Generator) -> np.ndarray:
    """(P, 2) points of the donor, between its own shape (similarity of the landmarks) and the target's."""
    goals = donor.shape.points
    similarity = cv2.estimateAffinePartial2D(target.landmarks, donor.landmarks, method=cv2.LMEDS)[0]
    if similarity is None:
        return goals
    rigid = target.shape.points @ similarity[:, :2].T + similarity[:, 2]
    return goals + rng.uniform(0, 0.5) * (rigid - goals)


def _same_sharpness(
    face: np.ndarray, target: np.ndarray, region: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The face, blurred if it is sharper than the target; with the target's noise where rng decides so."""
    inside = region > 0.5
    detail, goal = (_detail(picture)[inside].std() for picture in (face, target))
    if detail > 1.2 * goal and rng.random() < 0.7:
        face = cv2.GaussianBlur(face, (0, 0), min(1.6, 0.45 * float(detail / max(goal, 0.3))))
    elif rng.random() < 0.3:
        face = face + rng.standard_normal(face.shape[:2], np.float32)[..., None] * rng.uniform(0.5, 2.5)
    return np.clip(face, 0, 255)


def _detail(picture: np.ndarray) -> np.ndarray:
    gray = picture.astype(np.float32).mean(2)
    return gray - cv2.GaussianBlur(gray, (0, 0), 1.0)
