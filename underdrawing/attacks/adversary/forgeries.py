"""Pictures that the owner never protected, prepared to take the mark of one that he did.

All pictures are (H, W, 3) uint8; a neighbour shows the scene of the protected picture a little differently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np

from underdrawing.attacks.channel import Gamma
from underdrawing.attacks.tamper import blob, splice

_MOTION_PX = 4.0

Neighbour = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
"""(original, another photograph, rng) -> neighbour of the same size."""


def cover(image_u8: np.ndarray, height: int, width: int) -> np.ndarray:
    """The centre of a picture, resized to cover a frame of this size."""
    ratio = max(height / image_u8.shape[0], width / image_u8.shape[1])
    size = (max(width, round(image_u8.shape[1] * ratio)), max(height, round(image_u8.shape[0] * ratio)))
    resized = cv2.resize(image_u8, size, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC)
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    return np.ascontiguousarray(resized[top : top + height, left : left + width])


def burst(image_u8: np.ndarray, other_u8: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The next frame of a burst: moved by 3 px, zoomed by 1 to 3 %, relit by some per cent, other noise."""
    height, width = image_u8.shape[:2]
    zoom, angle = rng.uniform(1.01, 1.03), rng.uniform(0, 2 * np.pi)
    moved = _zoom(image_u8, zoom, (3 * np.cos(angle), 3 * np.sin(angle)))
    light = moved * rng.uniform(0.96, 1.04) + rng.normal(0, 2.0, (height, width, 3))
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def moving(image_u8: np.ndarray, other_u8: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The next frame of a burst in which parts of the scene have moved apart, by 4 px RMS."""
    height, width = image_u8.shape[:2]
    frame = burst(image_u8, other_u8, rng)
    field = cv2.GaussianBlur(rng.standard_normal((height, width, 2)).astype(np.float32), (0, 0), 32)
    field *= _MOTION_PX / np.sqrt(np.square(field).mean())
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    options = {"interpolation": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REFLECT}
    return cv2.remap(frame, x + field[..., 0], y + field[..., 1], **options)


def relit(image_u8: np.ndarray, other_u8: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same view in other light: a gamma for all, and a ramp of +-20 % across the frame."""
    height, width = image_u8.shape[:2]
    toned = Gamma(float(rng.choice([0.8, 1.25])))(image_u8, rng)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.cos(angle) * (x / width - 0.5) + np.sin(angle) * (y / height - 0.5)
    ramp = 1 + 0.2 * ramp / np.abs(ramp).max()
    return np.clip(np.rint(toned * ramp[..., None]), 0, 255).astype(np.uint8)


def mirrored(image_u8: np.ndarray, other_u8: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Left and right exchanged."""
    return np.ascontiguousarray(image_u8[:, ::-1])


def zoomed(image_u8: np.ndarray, other_u8: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Enlarged by 2 % about the centre."""
    return _zoom(image_u8, 1.02, (0.0, 0.0))


def partly_foreign(image_u8: np.ndarray, other_u8: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A quarter of the frame shows another photograph."""
    mask = blob(*image_u8.shape[:2], rng, (0.23, 0.27))
    return splice(image_u8, mask, other_u8, rng)


NEIGHBOURS: Mapping[str, Neighbour] = {
    "burst": burst,
    "burst, scene moves": moving,
    "relit": relit,
    "mirrored": mirrored,
    "zoom 2 %": zoomed,
    "25 % foreign": partly_foreign,
}


def halves(first_u8: np.ndarray, second_u8: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The left half of one protected picture beside the right half of another of the same size.

    Also the mask (H, W) bool of the second one's part.
    """
    mask = np.zeros(first_u8.shape[:2], bool)
    mask[:, first_u8.shape[1] // 2 :] = True
    return np.where(mask[..., None], second_u8, first_u8), mask


def object_from(
    first_u8: np.ndarray, second_u8: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The first protected picture with a piece of the second (same size), in place and on its grid.

    Also the mask (H, W) bool of the piece, 8 to 12 % of the frame.
    """
    mask = blob(*first_u8.shape[:2], rng, (0.08, 0.12))
    return np.where(mask[..., None], second_u8, first_u8), mask


def _zoom(image_u8: np.ndarray, zoom: float, shift_px: tuple[float, float]) -> np.ndarray:
    height, width = image_u8.shape[:2]
    matrix = np.array(
        [
            [zoom, 0, (1 - zoom) * (width - 1) / 2 + shift_px[0]],
            [0, zoom, (1 - zoom) * (height - 1) / 2 + shift_px[1]],
        ]
    )
    options = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REFLECT}
    return cv2.warpAffine(image_u8, matrix, (width, height), **options)
