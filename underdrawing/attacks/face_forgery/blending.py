"""Blending of a changed face into its target: regions with soft rims, colour transfer, Poisson blending."""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.attacks.face_forgery import warp
from underdrawing.attacks.face_forgery.face import Face

_POISSON_STEPS = 60
"""Steps of conjugate gradients at each of the levels, at most."""
_POISSON_RESIDUAL = 0.02
"""Root mean square of the Laplacian, in 8-bit levels, at which the steps end."""


def polygon(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W) float32, 1 inside the convex hull of points (P, 2), with an antialiased rim."""
    region = np.zeros((height, width), np.uint8)
    hull = cv2.convexHull(np.rint(points * 16).astype(np.int32))
    cv2.fillConvexPoly(region, hull, 255, cv2.LINE_AA, shift=4)
    return region.astype(np.float32) / 255


def face_region(face: Face, rng: np.random.Generator) -> np.ndarray:
    """(H, W) float32 random region of a face: hull, inner face or ellipse, eroded, elastically deformed."""
    height, width = face.image.shape[:2]
    shape, unit = face.shape, face.unit
    choice = rng.random()
    if choice < 0.45:
        names = ("chin", "left_jaw", "right_jaw", "left_temple", "right_temple", "left_brow", "right_brow")
        points = shape.part(*names)
        points = points + (0, -rng.uniform(0, 0.25) * unit) * (points[:, 1:] < shape.at(0, -0.2)[1])
    elif choice < 0.75:
        points = shape.part("left_brow", "right_brow", "left_cheek", "right_cheek", "chin")
        low = shape.part("left_jaw", "right_jaw")[[0, 1, 5, 6]]
        points = np.concatenate([points, low])
    else:
        points = np.array([
            shape.at(0.92 * np.cos(a), 0.52 + 1.18 * np.sin(a), -0.25) for a in np.linspace(0, 2 * np.pi, 40)
        ])  # fmt: skip
    middle = points.mean(0)
    points = middle + (points - middle) * rng.uniform(0.86, 1.0, 2)
    region = polygon(points, height, width)
    field = warp.elastic(height, width, rng.uniform(0, 0.09) * unit, rng.uniform(0.15, 0.5) * unit, rng)
    return warp.warped(region, warp.identity(height, width) + field, cv2.INTER_LINEAR)


def bounds(region: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the pixels above zero of a region (H, W), and two pixels around them."""
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    if not len(rows):
        return np.s_[0:1, 0:1]
    return np.s_[max(0, rows[0] - 2) : rows[-1] + 3, max(0, columns[0] - 2) : columns[-1] + 3]


def feathered(region: np.ndarray, radius: float) -> np.ndarray:
    """(H, W) soft mask inside a region: about `radius` pixels from its rim to the full weight."""
    if radius < 0.5:
        return region
    distance = cv2.distanceTransform((region > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    ramp = np.clip(distance / (2 * radius), 0, 1)
    return cv2.GaussianBlur(ramp * ramp * (3 - 2 * ramp), (0, 0), max(0.5, radius / 4)) * (region > 0)


def to_lab(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) RGB of 0..255 -> CIE Lab float32: L in 0..100."""
    return cv2.cvtColor(image.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB)


def from_lab(lab: np.ndarray) -> np.ndarray:
    """CIE Lab -> (H, W, 3) float32 RGB in 0..255."""
    return np.clip(cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB), 0, 1) * 255


def lab_transfer(source: np.ndarray, target: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Source with mean and deviation of each Lab channel as in the target (Reinhard et al., 2001)."""
    lab, inside = to_lab(source), (region > 0.5).astype(np.uint8)
    (mean, spread), (goal, goal_spread) = (
        (value.ravel().astype(np.float32) for value in cv2.meanStdDev(picture, mask=inside))
        for picture in (lab, to_lab(target))
    )
    ratio = np.clip((goal_spread + 0.1) / (spread + 0.1), 0.5, 2.0)
    return from_lab((lab - mean) * ratio + goal)


def covariance_transfer(source: np.ndarray, target: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Source under the linear Monge-Kantorovich map of RGB covariances (Pitié and Kokaram, 2007, eq. 8)."""
    inside = region > 0.5
    pixels, goals = source[inside].astype(np.float64), target[inside].astype(np.float64)
    cov = np.cov(pixels.T) + 4.0 * np.eye(3)
    goal = np.cov(goals.T) + 4.0 * np.eye(3)
    root = _root(cov)
    inverse = np.linalg.inv(root)
    matrix = inverse @ _root(root @ goal @ root) @ inverse
    moved = (source.astype(np.float32) - pixels.mean(0).astype(np.float32)) @ matrix.T.astype(np.float32)
    return np.clip(moved + goals.mean(0).astype(np.float32), 0, 255)


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 1e-9))) @ vectors.T


def histogram_transfer(source: np.ndarray, target: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Source with the histogram of each RGB channel as in the target, in the region."""
    inside = region > 0.5
    levels = np.arange(256)
    source_u8 = np.clip(np.rint(source), 0, 255).astype(np.uint8)
    result = np.empty(source.shape, np.float32)
    for channel in range(3):
        counts = np.bincount(source_u8[..., channel][inside], minlength=256).cumsum()
        goals = np.bincount(target[..., channel][inside], minlength=256).cumsum()
        ranks = np.interp(counts / counts[-1], goals / goals[-1], levels)
        smooth = cv2.GaussianBlur(ranks[None].astype(np.float32), (0, 0), 3)[0]
        result[..., channel] = smooth[source_u8[..., channel]]
    return result


TRANSFERS = (lab_transfer, covariance_transfer, histogram_transfer)


def poisson(source: np.ndarray, target: np.ndarray, region: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32: target outside the region (H, W) bool, inside it the gradients of the source.

    Pérez, Gangnet and Blake, "Poisson Image Editing" (2003), eq. 4: f = source + c, where c is harmonic
    inside and equals target - source on the rim. Pixels at the border of the picture are never inside.
    """
    inside = region.copy()
    inside[[0, -1]] = inside[:, [0, -1]] = False
    result = target.astype(np.float32)
    if not inside.any():
        return result
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    window = np.s_[rows[0] - 1 : rows[-1] + 2, columns[0] - 1 : columns[-1] + 2]
    difference = result[window] - source[window]
    correction = _harmonic(difference, inside[window])
    result[window] = np.where(inside[window][..., None], source[window] + correction, result[window])
    return result


def _harmonic(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Values (h, w, 3) with the inside replaced by the harmonic function of the rim; coarse to fine."""
    height, width = inside.shape
    start = np.where(inside[..., None], 0, values).astype(np.float32)
    if min(height, width) > 12:
        known = (~inside).astype(np.float32)
        size = ((width + 1) // 2, (height + 1) // 2)
        share = cv2.resize(known, size, interpolation=cv2.INTER_AREA)[..., None]
        coarse = cv2.resize(start, size, interpolation=cv2.INTER_AREA) / np.maximum(share, 1e-6)
        below = _harmonic(coarse, share[..., 0] < 1e-6)
        fine = cv2.resize(below, (width, height), interpolation=cv2.INTER_LINEAR)
        start = np.where(inside[..., None], fine, start)
    return _conjugate_gradients(start, inside)


def _conjugate_gradients(start: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Solve the Laplace equation inside from a start (h, w, 3); the rim keeps its values."""
    weight = inside[..., None].astype(np.float32)
    solution = start
    residual = -_negative_laplacian(solution) * weight
    direction = residual.copy()
    power = np.vdot(residual, residual)
    enough = _POISSON_RESIDUAL**2 * residual.size
    for _ in range(_POISSON_STEPS):
        if power <= enough:
            break
        image = _negative_laplacian(direction) * weight
        step = power / np.vdot(direction, image)
        solution = solution + step * direction
        residual -= step * image
        renewed = np.vdot(residual, residual)
        direction = residual + renewed / power * direction
        power = renewed
    return solution


_CROSS = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]], np.float32)


def _negative_laplacian(values: np.ndarray) -> np.ndarray:
    return cv2.filter2D(values, -1, _CROSS)
