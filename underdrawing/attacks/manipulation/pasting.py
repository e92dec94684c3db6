"""Cutting out a part of a picture and pasting it: resampling, place, colour, sharpness, rim."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from underdrawing.attacks.face_forgery import blending
from underdrawing.attacks.manipulation.picture import Manipulated, composed

_FILTERS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
_PLACES = 16
"""Random places, of which the one with the most similar surroundings is used."""


@dataclass(frozen=True, eq=False)
class Cutout:
    """A part of a picture with its weights."""

    pixels: np.ndarray
    """(h, w, 3) uint8."""
    weight: np.ndarray
    """(h, w) float32 in [0, 1]."""
    corner: tuple[int, int]
    """Top and left in the source."""


def cut(image: np.ndarray, region: np.ndarray) -> Cutout:
    """The window around a region (H, W) of a picture."""
    window = blending.bounds(region)
    return Cutout(image[window], region[window], (window[0].start, window[1].start))


def resampled(part: Cutout, scale: float, angle: float, mirrored: bool, rng: np.random.Generator) -> Cutout:
    """The part scaled and turned by an angle in degrees about its middle; unchanged for 1 and 0."""
    if mirrored:
        part = Cutout(part.pixels[:, ::-1], part.weight[:, ::-1], part.corner)
    if scale == 1 and angle == 0:
        return part
    height, width = part.weight.shape
    pixels, weight = np.ascontiguousarray(part.pixels), np.ascontiguousarray(part.weight)
    filter_ = int(rng.choice(_FILTERS))
    if scale < 0.75 or angle == 0:
        size = (max(4, round(width * scale)), max(4, round(height * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 0.75 else filter_)
        weight = cv2.resize(weight, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        (width, height), scale = size, 1.0
    if angle:
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, scale)
        spread = np.abs(matrix[:, :2]) @ (width, height)
        size = (int(np.ceil(spread[0])), int(np.ceil(spread[1])))
        matrix[:, 2] += ((size[0] - width) / 2, (size[1] - height) / 2)
        pixels = cv2.warpAffine(pixels, matrix, size, flags=filter_, borderMode=cv2.BORDER_REFLECT)
        weight = cv2.warpAffine(weight, matrix, size, flags=cv2.INTER_LINEAR)
    return Cutout(pixels, weight, part.corner)


def fitted(part: Cutout, height: int, width: int) -> Cutout:
    """The part, cropped in its middle to the size of a picture."""
    rows, columns = part.weight.shape
    top, left = max(0, rows - height) // 2, max(0, columns - width) // 2
    kept = np.s_[top : top + height, left : left + width]
    return Cutout(part.pixels[kept], part.weight[kept], part.corner)


def surroundings(image: np.ndarray, part: Cutout) -> np.ndarray:
    """(3,) mean colour of the source in the window of the part, outside of its region."""
    top, left = part.corner
    rows, columns = part.weight.shape
    outside = 1 - part.weight + 1e-3
    window = image[top : top + rows, left : left + columns].astype(np.float32)
    return (window * outside[..., None]).sum((0, 1)) / outside.sum()


def place(
    image: np.ndarray, part: Cutout, colour: np.ndarray, rng: np.random.Generator, taken: np.ndarray | None
) -> tuple[int, int]:
    """Top and left of a place whose mean colour is like `colour` (3,), away from a taken region (H, W)."""
    height, width = image.shape[:2]
    rows, columns = part.weight.shape
    corners = np.column_stack([
        rng.integers(height - rows + 1, size=_PLACES), rng.integers(width - columns + 1, size=_PLACES)
    ])  # fmt: skip
    step = 8
    small = cv2.resize(image, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_AREA)
    covered = None if taken is None else cv2.resize(taken, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    costs = []
    for top, left in corners // step:
        window = np.s_[top : top + max(1, rows // step), left : left + max(1, columns // step)]
        cost = float(np.abs(small[window].mean((0, 1)) - colour).mean())
        costs.append(cost if covered is None else cost + 2000 * float(covered[window].mean()))
    top, left = corners[int(np.argmin(costs))]
    return int(top), int(left)


def pasted(
    image: np.ndarray, part: Cutout, corner: tuple[int, int], matching: float, rng: np.random.Generator
) -> Manipulated:
    """The part on the picture at (top, left); `matching` in [0, 1] is the share of the colour transfer."""
    rows, columns = part.weight.shape
    window = np.s_[corner[0] : corner[0] + rows, corner[1] : corner[1] + columns]
    below, weight = image[window], part.weight
    pixels = _same_tone(part.pixels.astype(np.float32), below, weight, matching)
    if rng.random() < 0.6:
        pixels = _same_sharpness(pixels, below, weight, rng)
    unit = min(image.shape[:2]) / 320
    soft = unit * float(rng.choice([rng.uniform(0, 0.8), rng.uniform(0.8, 2.5), rng.uniform(2.5, 5)]))
    if matching and rng.random() < 0.2:
        pixels, soft = blending.poisson(pixels, below, weight > 0.5), min(soft, 2 * unit)
    weight = blending.feathered(weight, soft)
    changed, mask = image.astype(np.float32), np.zeros(image.shape[:2], np.float32)
    changed[window], mask[window] = pixels, weight
    return composed(image, changed, mask)


def _same_tone(pixels: np.ndarray, below: np.ndarray, weight: np.ndarray, share: float) -> np.ndarray:
    """A share of the way to the mean level and contrast of what is covered; less of it for colours."""
    inside = weight > 0.5
    if share == 0 or not inside.any():
        return pixels
    own, goal = pixels[inside], below[inside].astype(np.float32)
    mean, wanted = own.mean(0), goal.mean(0)
    moved = (wanted - mean).clip(-50, 50)
    moved = moved.mean() + 0.5 * (moved - moved.mean())
    contrast = ((goal.mean(1).std() + 10) / (own.mean(1).std() + 10)).clip(0.7, 1.3)
    return (pixels - mean) * np.float32(1 + share * (contrast - 1)) + (mean + share * moved)


def _same_sharpness(
    pixels: np.ndarray, below: np.ndarray, weight: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The part blurred where it is sharper than the picture below, with a little noise where it is softer."""
    inside = weight > 0.5
    if not inside.any():
        return pixels
    own, goal = (_detail(picture)[inside].std() for picture in (pixels, below))
    if own > 1.5 * goal:
        return cv2.GaussianBlur(pixels, (0, 0), float(min(1.2, 0.3 * own / max(goal, 1.0))))
    if goal > 1.5 * own:
        noise = rng.standard_normal(weight.shape, np.float32)
        return pixels + noise[..., None] * np.float32(min(3.0, 0.4 * (goal - own)))
    return pixels


def _detail(picture: np.ndarray) -> np.ndarray:
    gray = picture.astype(np.float32).mean(2)
    return gray - cv2.GaussianBlur(gray, (0, 0), 1.0)
