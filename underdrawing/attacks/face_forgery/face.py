"""What every forgery takes and gives: a face with its landmarks, and the forged picture with its mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from underdrawing.attacks.face_forgery.shape import Shape, fit_shape
from underdrawing.core.errors import ShapeError

LEAST_SIDE = 64
"""Pixels of the shorter side of a crop."""
MOST_TURN = 0.77
"""Sine of the angle by which a face may be turned aside: 50 degrees; beyond, one half of it has no pixels."""
LEAST_EYE_DISTANCE = 10.0
"""Pixels between the eyes, or from the eyes to the mouth: below, parts of the face have no pixels."""


@dataclass(frozen=True, eq=False)
class Face:
    """A crop of one upright face with context around it, usually 256 px by `faces.crop(margin=1.6)`.

    Raises ShapeError for a picture that is not (H, W, 3) uint8, a tiny one, and landmarks of no face.
    """

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    landmarks: np.ndarray
    """(5, 2) float32, x y in pixels: left eye, right eye, nose, left and right mouth corner, as they lie."""

    def __post_init__(self) -> None:
        image, landmarks = self.image, np.asarray(self.landmarks, np.float32)
        object.__setattr__(self, "landmarks", landmarks)
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ShapeError(f"a face is (H, W, 3) uint8 RGB, got {image.shape} {image.dtype}")
        if min(image.shape[:2]) < LEAST_SIDE:
            raise ShapeError(
                f"a face crop of {image.shape[1]}x{image.shape[0]} px is less than {LEAST_SIDE} px"
            )
        if landmarks.shape != (5, 2) or not np.isfinite(landmarks).all():
            raise ShapeError(f"landmarks are five finite points (5, 2), got {landmarks.shape}")
        across, down = landmarks[1] - landmarks[0], landmarks[3:].mean(0) - landmarks[:2].mean(0)
        height, width = image.shape[:2]
        if ((landmarks < 0) | (landmarks >= (width, height))).any():
            raise ShapeError("landmarks lie outside the face crop")
        if min(across[0], down[1]) < LEAST_EYE_DISTANCE:
            raise ShapeError(
                f"eyes {across[0]:.0f} px apart and {down[1]:.0f} px above the mouth, "
                f"at least {LEAST_EYE_DISTANCE:.0f}: "
                "the face is not upright, in profile, or too small"
            )

        if abs(self.turn) > MOST_TURN:
            raise ShapeError(
                f"the face is turned by {np.degrees(np.arcsin(self.turn)):.0f} degrees, at most 50"
            )

    @property
    def turn(self) -> float:
        """Sine of the angle by which the face is turned to the right of the picture."""
        return float(np.clip(self.shape.rotation[0, 2], -1, 1))

    @cached_property
    def shape(self) -> Shape:
        """Outline and parts of the face, derived from the five landmarks."""
        return fit_shape(self.landmarks)

    @property
    def unit(self) -> float:
        """Pixels of one eye distance of a face from the front: the scale of every size on this face."""
        return self.shape.scale

    def mirrored(self) -> Face:
        """The face left to right."""
        flipped = self.landmarks[[1, 0, 2, 4, 3]] * (-1, 1) + (self.image.shape[1] - 1, 0)
        return Face(np.ascontiguousarray(self.image[:, ::-1]), flipped.astype(np.float32))


@dataclass(frozen=True, eq=False)
class Forged:
    """A forged face: the picture of the target, changed where the mask is above zero and nowhere else."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    mask: np.ndarray
    """(H, W) float32 in [0, 1], the weight of the change."""


Forgery = Callable[[Face, Face, np.random.Generator], Forged]
"""(target, donor, rng) -> Forged, the size of the target. A kind that needs no donor ignores it."""


def composed(target: np.ndarray, changed: np.ndarray, mask: np.ndarray) -> Forged:
    """Forged of a changed picture (H, W, 3) of any number type, laid over the target by its mask (H, W)."""
    mask = np.clip(mask, 0, 1).astype(np.float32)
    return forged(target, target + mask[..., None] * (changed.astype(np.float32) - target), mask)


def forged(target: np.ndarray, picture: np.ndarray, mask: np.ndarray) -> Forged:
    """Forged of a finished picture (H, W, 3) of levels 0..255 and the weight (H, W) of its change."""
    mask = np.where(mask < 1 / 255, 0, np.clip(mask, 0, 1)).astype(np.float32)
    image = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return Forged(np.where(mask[..., None] > 0, image, target), mask)
