"""Smooth displacement of the grid: what is left of a geometry after scale, offset, angle and flip.

A uniform cubic B-spline on coarse control points. It represents every affine map exactly, and a change of
perspective or a lens distortion closely. Fitted as a P-spline (Eilers and Marx 1996): weighted least squares
plus the squared second differences of the coefficients, so an affine map is not penalized.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np

_ROUNDS = (
    4  # of the fixed-point inversion; the displacement changes by less than a tenth of a pixel per pixel
)


@dataclass(frozen=True, eq=False)
class Displacement:
    """Displacement (y, x) in grid pixels of each pixel of a view."""

    coefficients: np.ndarray
    """(m, n, 2) float64 of the cubic B-spline; control point (1, 1) is the first pixel in view."""
    spacing: int
    """Distance of the control points, px."""

    def at(self, ys: np.ndarray, xs: np.ndarray) -> np.ndarray:
        """Displacement (len(ys), len(xs), 2) at the crossings of rows `ys` and columns `xs`, px."""
        rows = spline_basis(ys, self.spacing, self.coefficients.shape[0])
        cols = spline_basis(xs, self.spacing, self.coefficients.shape[1])
        return np.einsum("ym,mnd,xn->yxd", rows, self.coefficients, cols, optimize=True)

    def at_points(self, places: np.ndarray) -> np.ndarray:
        """Displacement (k, 2) at scattered places (k, 2), (y, x) px."""
        design = _design(places, self.spacing, self.coefficients.shape[:2])
        return design @ self.coefficients.reshape(-1, 2)

    def undone(self, view_map: np.ndarray, margin: int) -> np.ndarray:
        """A map of the view (H, W[, C]) moved to where its pixels come from, with `margin` px more around."""
        height, width = (side + 2 * margin for side in view_map.shape[:2])
        ys, xs = np.arange(height) - margin, np.arange(width) - margin
        goal = np.stack(np.meshgrid(xs, ys), axis=2).astype(np.float32)
        shift = self.at(ys, xs)[..., ::-1].astype(np.float32)
        place = goal - shift
        for _ in range(_ROUNDS):
            moved = cv2.remap(shift, place + margin, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            place = goal - moved
        return cv2.remap(view_map, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    @cached_property
    def largest(self) -> float:
        """Largest coefficient, px: a bound of the displacement."""
        return float(np.abs(self.coefficients).max())


def control_points(size_px: int, spacing: int) -> int:
    """Control points along a side of a view."""
    return -(-size_px // spacing) + 3


def spline_basis(places: np.ndarray, spacing: int, count: int) -> np.ndarray:
    """(len(places), count) float64 cubic B-spline basis at places in px from the first pixel in view.

    Places outside of the control points are moved to the nearest end.
    """
    t = np.clip(np.asarray(places, np.float64) / spacing, 0, count - 3 - 1e-9)
    first = t.astype(int)
    f = t - first
    values = np.stack([(1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, -3 * f**3 + 3 * f**2 + 3 * f + 1, f**3], axis=1)
    result = np.zeros((len(t), count))
    np.put_along_axis(result, first[:, None] + np.arange(4), values / 6, axis=1)
    return result


@lru_cache(maxsize=8)
def bending(rows: int, cols: int) -> np.ndarray:
    """(rows cols, rows cols): quadratic form of the squared second differences, of the thin plate."""

    def differences(n: int, order: int) -> np.ndarray:
        return np.diff(np.eye(n), order, axis=0)

    total = np.zeros((rows * cols, rows * cols))
    for a, b, weight in ((2, 0, 1.0), (0, 2, 1.0), (1, 1, 2.0)):
        d = np.kron(differences(rows, a), differences(cols, b))
        total += weight * d.T @ d
    return total


def fit(
    places: np.ndarray,
    moves: np.ndarray,
    weight: np.ndarray,
    size: tuple[int, int],
    spacing: int,
    stiffness: float,
) -> Displacement:
    """The P-spline through displacements `moves` (k, 2) at `places` (k, 2) px (y, x), with weights (k,).

    size: height and width of the view. stiffness: weight of the squared second differences, px^-2.
    """
    rows, cols = (control_points(side, spacing) for side in size)
    design = _design(places, spacing, (rows, cols))
    weighted = design * weight[:, None]
    normal = design.T @ weighted + stiffness * bending(rows, cols) + 1e-6 * np.eye(rows * cols)
    return Displacement(np.linalg.solve(normal, weighted.T @ moves).reshape(rows, cols, 2), spacing)


def _design(places: np.ndarray, spacing: int, shape: tuple[int, int]) -> np.ndarray:
    """(k, rows cols) float64 basis of all control points at scattered places (k, 2)."""
    down, across = (spline_basis(places[:, axis], spacing, shape[axis]) for axis in (0, 1))
    return (down[:, :, None] * across[:, None, :]).reshape(len(places), -1)
