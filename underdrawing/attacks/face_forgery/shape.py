"""Shape of a face from five landmarks: an average face in three dimensions, turned until it fits them.

    landmarks (5, 2) -> scaled orthographic pose -> 46 points (x, y) of outline, brows, eyes, nose and mouth

Units of the average face: the distance between the eyes; x to the right of the picture, y down, z to the
viewer. Its points are estimates of ours after published averages of anthropometry; the depth is a proxy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_HALF: dict[str, list[tuple[float, float, float]]] = {
    "eye": [(0.50, 0.0, 0.0)],
    "mouth_corner": [(0.41, 1.05, 0.08)],
    "jaw": [
        (0.28, 1.74, 0.10), (0.56, 1.56, -0.12), (0.80, 1.26, -0.42), (0.97, 0.86, -0.66),
        (1.05, 0.40, -0.80),
    ],
    "temple": [(1.06, -0.08, -0.80), (0.98, -0.50, -0.62)],
    "forehead": [(0.72, -0.84, -0.36), (0.36, -1.02, -0.16)],
    "brow": [(0.20, -0.27, 0.16), (0.52, -0.36, 0.10), (0.84, -0.24, -0.20)],
    "eye_rim": [(0.25, 0.03, 0.0), (0.50, -0.10, 0.06), (0.74, -0.01, -0.16), (0.50, 0.10, 0.02)],
    "nostril": [(0.24, 0.62, 0.14)],
    "lip": [(0.17, 0.95, 0.24), (0.20, 1.22, 0.20)],
    "cheek": [(0.68, 0.62, -0.06)],
}  # fmt: skip
"""Points of the right half of the picture; the left half is their reflection."""
_MIDDLE: dict[str, list[tuple[float, float, float]]] = {
    "chin": [(0.0, 1.80, 0.16)],
    "top": [(0.0, -1.08, -0.10)],
    "root": [(0.0, -0.06, 0.16)],
    "nose": [(0.0, 0.58, 0.42)],
    "lip_middle": [(0.0, 0.93, 0.28), (0.0, 1.07, 0.24), (0.0, 1.26, 0.24)],
}


def _template() -> tuple[np.ndarray, dict[str, list[int]]]:
    points: list[tuple[float, float, float]] = []
    names: dict[str, list[int]] = {}
    sides = [(f"{side}_{name}", [(sign * x, y, z) for x, y, z in part])
             for name, part in _HALF.items() for side, sign in (("left", -1), ("right", 1))]  # fmt: skip
    for name, part in [*sides, *_MIDDLE.items()]:
        names[name] = list(range(len(points), len(points) + len(part)))
        points += part
    return np.array(points, np.float64), names


TEMPLATE, NAMES = _template()
"""(P, 3) points of the average face, and the rows of each part."""
_FIVE = [
    NAMES[name][0] for name in ("left_eye", "right_eye", "nose", "left_mouth_corner", "right_mouth_corner")
]
OUTLINE = [
    *NAMES["chin"], *NAMES["right_jaw"], *NAMES["right_temple"], *NAMES["right_forehead"], *NAMES["top"],
    *NAMES["left_forehead"][::-1], *NAMES["left_temple"][::-1], *NAMES["left_jaw"][::-1],
]  # fmt: skip
"""Rows of the closed outline of the face, from the chin against the clock as the viewer sees it."""


@dataclass(frozen=True, eq=False)
class Shape:
    """An average face fitted to landmarks."""

    points: np.ndarray
    """(P, 2) float64 x y in pixels, rows as in TEMPLATE."""
    rotation: np.ndarray
    """(3, 3) from the average face to the picture."""
    scale: float
    """Pixels of one eye distance of the average face."""

    def part(self, *names: str) -> np.ndarray:
        """(n, 2) points of the named parts, in order; the middle of a part: `.part(name).mean(0)`."""
        return self.points[[row for name in names for row in NAMES[name]]]

    def at(self, x: float, y: float, z: float = 0.0) -> np.ndarray:
        """(2,) pixel of a place given in units of the average face."""
        middle = self.part("left_eye", "right_eye").mean(0)
        return middle + self.scale * (self.rotation[:2] @ (x, y, z))

    def turned(self, rotation: np.ndarray) -> np.ndarray:
        """(P, 2) movement in pixels of each point when the face turns by a rotation (3, 3)."""
        rigid = (TEMPLATE - (0, 0.6, -0.6)) @ self.rotation.T
        return self.scale * ((rigid @ rotation.T) - rigid)[:, :2]


def fit_shape(landmarks: np.ndarray) -> Shape:
    """Shape for five landmarks (5, 2): the pose of least squared error, then each residual spread around."""
    observed, model = landmarks.astype(np.float64), TEMPLATE[_FIVE]
    rotation, scale, shift = _pose(observed, model)
    points = scale * TEMPLATE @ rotation[:2].T + shift
    residuals = observed - points[_FIVE]
    squares = ((points[:, None] - points[_FIVE]) ** 2).sum(2) / scale**2
    weights = np.exp(-squares / (2 * 0.45**2)) + 1e-9
    points = points + (weights @ residuals) / np.maximum(weights.sum(1, keepdims=True), 0.6)
    points[_FIVE] = observed
    return Shape(points, rotation, scale)


def random_landmarks(side: int, rng: np.random.Generator) -> np.ndarray:
    """(5, 2) float32 landmarks of an average face somewhere in the middle of a square of `side` px."""
    model = TEMPLATE[_FIVE][:, :2] - (0, 0.55)
    angle, scale = np.deg2rad(rng.uniform(-12, 12)), side * rng.uniform(0.2, 0.28)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = side * rng.uniform(0.45, 0.55, 2)
    jitter = rng.normal(0, 0.04, model.shape)
    return (middle + scale * (model + jitter) @ turn.T).astype(np.float32)


def _pose(observed: np.ndarray, model: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Rotation, scale and shift: x = scale * R[:2] X + shift, by completion of the missing depth."""
    middle, centre = observed.mean(0), model.mean(0)
    centred = model - centre
    depth, rotation, scale = np.zeros(len(model)), np.eye(3), 1.0
    for _ in range(20):
        full = np.column_stack([observed - middle, depth])
        u, singular, v = np.linalg.svd(full.T @ centred)
        signs = np.array([1, 1, np.sign(np.linalg.det(u @ v))])
        rotation = (u * signs) @ v
        scale = float((singular * signs).sum() / (centred**2).sum())
        depth = scale * centred @ rotation[2]
    return rotation, scale, middle - scale * rotation[:2] @ centre
