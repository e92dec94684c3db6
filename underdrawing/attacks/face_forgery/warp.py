"""Warps of a face: from points to a dense map, and from the map to pixels.

A map is (H, W, 2) float32: for each pixel of the result, x y of its source.
"""

from __future__ import annotations

import cv2
import numpy as np

INTERPOLATIONS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
_STEP = 8
"""Pixels between the places at which a smooth map is computed; between them it is interpolated."""


def identity(height: int, width: int) -> np.ndarray:
    """The map that changes nothing."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.dstack([x, y])


def warped(image: np.ndarray, sources: np.ndarray, interpolation: int = cv2.INTER_CUBIC) -> np.ndarray:
    """(H, W, ...) pixels at the sources of a map; reflected beyond the border."""
    return cv2.remap(image, sources, None, interpolation, borderMode=cv2.BORDER_REFLECT_101)


def delaunay(points: np.ndarray, sources: np.ndarray, height: int, width: int) -> np.ndarray:
    """Piecewise affine map from points (P, 2) of the result to their sources (P, 2), on Delaunay triangles.

    Outside the hull of the points: the affine map of least squared error over all points.
    """
    keys = {(round(float(x), 3), round(float(y), 3)): row for row, (x, y) in enumerate(points)}
    low, high = points.min(0) - 2, points.max(0) + 2
    graph = cv2.Subdiv2D((int(low[0]), int(low[1]), int(high[0] - low[0]) + 2, int(high[1] - low[1]) + 2))
    for x, y in points:
        graph.insert((float(x), float(y)))
    labels = np.zeros((height, width), np.int32)
    triangles = []
    for corners in graph.getTriangleList().reshape(-1, 3, 2):
        rows = [keys.get((round(float(x), 3), round(float(y), 3))) for x, y in corners]
        if None not in rows:
            triangles.append(rows)
            cv2.fillConvexPoly(labels, np.rint(corners * 16).astype(np.int32), len(triangles), shift=4)
    homogeneous = np.concatenate([points[triangles], np.ones((len(triangles), 3, 1))], axis=2)
    inside = np.linalg.solve(homogeneous, sources[triangles])
    maps = np.concatenate([_affine(points, sources)[None], inside]).astype(np.float32)
    x, y = cv2.split(identity(height, width))
    chosen = maps[labels]
    return chosen[:, :, 0] * x[..., None] + chosen[:, :, 1] * y[..., None] + chosen[:, :, 2]


def _affine(points: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """(3, 2) affine map of least squared error: [x y 1] of a point times it is the source."""
    homogeneous = np.column_stack([points, np.ones(len(points))])
    return np.linalg.lstsq(homogeneous, sources, rcond=None)[0]


def moving_least_squares(points: np.ndarray, sources: np.ndarray, height: int, width: int) -> np.ndarray:
    """Smooth map by affine moving least squares (Schaefer et al., SIGGRAPH 2006, eq. 5), weights 1/d^2."""
    places = _coarse_places(height, width)
    weights = 1 / (((places[:, None] - points) ** 2).sum(2) + 1.0)
    total = weights.sum(1, keepdims=True)
    p_star, q_star = weights @ points / total, weights @ sources / total
    moments, mixed = (
        (weights @ np.einsum("ki,kj->kij", points, other).reshape(-1, 4)).reshape(-1, 2, 2)
        - total[..., None] * np.einsum("ni,nj->nij", p_star, star)
        for other, star in ((points, p_star), (sources, q_star))
    )
    linear = np.linalg.solve(moments, mixed)
    values = np.einsum("ni,nij->nj", places - p_star, linear) + q_star
    return _dense(values, height, width)


def displacement(points: np.ndarray, moves: np.ndarray, sigma: float, height: int, width: int) -> np.ndarray:
    """(H, W, 2) smooth field with the given moves (P, 2) at the points (P, 2); Gaussian basis, `sigma` px."""
    kernel = np.exp(-((points[:, None] - points) ** 2).sum(2) / (2 * sigma**2))
    factors = np.linalg.solve(kernel + 1e-3 * np.eye(len(points)), moves)
    places = _coarse_places(height, width)
    values = np.exp(-((places[:, None] - points) ** 2).sum(2) / (2 * sigma**2)) @ factors
    return _dense(values, height, width)


def _coarse_places(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0 : height + _STEP : _STEP, 0 : width + _STEP : _STEP]
    return np.column_stack([x.ravel(), y.ravel()]).astype(np.float64)


def _dense(values: np.ndarray, height: int, width: int) -> np.ndarray:
    columns = len(range(0, width + _STEP, _STEP))
    coarse = values.reshape(-1, columns, 2).astype(np.float32)
    return warped(coarse, identity(height, width) / _STEP, cv2.INTER_LINEAR)


def elastic(height: int, width: int, alpha: float, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 2) random displacement of Simard et al. (2003): smoothed noise of at most `alpha` px."""
    step = max(1, int(sigma / 2))
    noise = rng.uniform(-1, 1, (-(-height // step), -(-width // step), 2)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma / step)
    smooth *= alpha / max(float(np.abs(smooth).max()), 1e-6)
    return cv2.resize(smooth, (width, height), interpolation=cv2.INTER_CUBIC)
