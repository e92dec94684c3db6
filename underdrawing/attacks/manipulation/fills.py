"""Fills of a hole: what stands where an object was removed. Each is (image, hole, rng) -> (H, W, 3) float32.

cloned     another part of the picture whose rim is the most similar, as of a clone stamp
diffused   OpenCV's inpainting: Telea (2004) or Navier-Stokes (Bertalmio et al. 2001)
decoded    what an autoencoder makes of the picture, or of one of the fills above, as of a generative edit
exemplar   patches of the same picture (attacks/texture.py)
smooth     a pyramid of averages from the rim (attacks/tamper.py), with the grain of the surroundings
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from underdrawing.attacks.face_forgery import blending
from underdrawing.attacks.face_forgery.resynthesis import STRIDE, Autoencoder
from underdrawing.attacks.tamper import inpaint_fast
from underdrawing.attacks.texture import texture

Fill = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
"""(image (H, W, 3) uint8, hole (H, W) bool, rng) -> picture (H, W, 3) float32; outside the hole it may be
anything."""
_MATCHING = 96
"""Longer side at which the source of a clone is searched."""
_LARGE = 0.03
"""Share of the picture above which diffusion runs at half the size."""


def cloned(image: np.ndarray, hole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The shifted picture; in half of the draws its gradients alone (Poisson). `smooth` without a source."""
    shift = _best_shift(image, hole, rng)
    if shift is None:
        return smooth(image, hole, rng)
    filled = image.astype(np.float32)
    window = blending.bounds(hole)
    height, width = hole[window].shape
    top = int(np.clip(window[0].start + shift[0], 0, hole.shape[0] - height))
    left = int(np.clip(window[1].start + shift[1], 0, hole.shape[1] - width))
    source = image[top : top + height, left : left + width]
    if rng.random() < 0.6:
        filled[window] = blending.poisson(source.astype(np.float32), image[window], hole[window])
    else:
        filled[window] = source
    return filled


def _best_shift(image: np.ndarray, hole: np.ndarray, rng: np.random.Generator) -> tuple[int, int] | None:
    """(down, right) pixels from the hole to its source, which lies in the picture and off the hole."""
    height, width = hole.shape
    step = max(1, round(max(height, width) / _MATCHING))
    size = (width // step, height // step)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    hollow = (cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
    wide = cv2.dilate(hollow, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7)))
    ring = wide - hollow
    window = blending.bounds(wide)
    weights = np.repeat(ring[window].astype(np.float32)[..., None], 3, 2)
    if not weights.any():
        return None
    costs = cv2.matchTemplate(small, small[window], cv2.TM_SQDIFF, mask=weights)
    overlap = cv2.matchTemplate(hollow.astype(np.float32), wide[window].astype(np.float32), cv2.TM_CCORR)
    costs = np.maximum(costs, 0) * rng.uniform(1, 1.6, costs.shape).astype(np.float32)
    costs[overlap > 0.5] = np.inf
    row, column = np.unravel_index(int(np.argmin(costs)), costs.shape)
    if not np.isfinite(costs[row, column]):
        return None
    return step * int(row - window[0].start), step * int(column - window[1].start)


def diffused(image: np.ndarray, hole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """OpenCV's inpainting; a large hole at half the size, as of someone who does not wait."""
    method = cv2.INPAINT_TELEA if rng.random() < 0.5 else cv2.INPAINT_NS
    radius = float(rng.uniform(2, 6))
    filled = image.astype(np.float32)
    window = with_margin(blending.bounds(hole), 8)
    picture, hollow = image[window], hole[window].astype(np.uint8)
    if hole.mean() > _LARGE:
        size = (hollow.shape[1] // 2, hollow.shape[0] // 2)
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        hollow = (cv2.resize(hollow.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0).astype(
            np.uint8
        )
        small = cv2.inpaint(small, hollow, radius, method)
        picture = cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    else:
        picture = cv2.inpaint(picture, hollow, radius, method)
    filled[window] = picture
    return _grained(filled, image, hole, rng)


def exemplar(image: np.ndarray, hole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Patches of the surroundings, three times as far as the hole is large."""
    window = blending.bounds(hole)
    window = with_margin(window, max(24, *hole[window].shape))
    filled = image.astype(np.float32)
    filled[window] = texture(image[window], hole[window], image[window], rng)
    return filled


def smooth(image: np.ndarray, hole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A smooth surface between the rims."""
    return _grained(inpaint_fast(image, hole, image, rng).astype(np.float32), image, hole, rng)


class Decoded:
    """A region from the latent of an autoencoder, with noise: made anew, or after another fill of the hole.

    The autoencoder (attacks/face_forgery/resynthesis.py) is usually TAEF2 of a file. It gets the window
    around the hole at no more than `side` px.
    """

    def __init__(self, autoencoder: Autoencoder, side: int = 160):
        self._autoencoder, self._side = autoencoder, side - side % STRIDE

    def __call__(self, image: np.ndarray, hole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The picture with the window decoded."""
        filled = image.astype(np.float32)
        if rng.random() < 0.6:
            inner = FILLS[int(rng.choice(len(FILLS), p=SHARES))](image, hole, rng)
            filled[hole] = np.clip(inner[hole], 0, 255)
        window = with_margin(blending.bounds(hole), 12)
        height, width = hole[window].shape
        ratio = min(1.0, self._side / max(height, width))
        size = [max(STRIDE, round(length * ratio / STRIDE) * STRIDE) for length in (width, height)]
        small = cv2.resize(filled[window], size, interpolation=cv2.INTER_AREA) / np.float32(255)
        latent = self._autoencoder.encode(np.ascontiguousarray(small.transpose(2, 0, 1)[None]))
        noise = rng.standard_normal(latent.shape, np.float32) * np.float32(latent.std())
        latent = latent + np.float32(rng.uniform(0, 0.25)) * noise
        picture = self._autoencoder.decode(latent)[0].transpose(1, 2, 0).clip(0, 1) * np.float32(255)
        filled[window] = cv2.resize(
            np.ascontiguousarray(picture), (width, height), interpolation=cv2.INTER_CUBIC
        )
        return filled


FILLS: tuple[Fill, ...] = (cloned, diffused, exemplar, smooth)
SHARES = (0.5, 0.22, 0.16, 0.12)
"""How often removal uses each."""


def with_margin(window: tuple[slice, slice], margin: int) -> tuple[slice, slice]:
    """Rows and columns with more of them on every side; the picture may end before."""
    rows, columns = window
    return np.s_[max(0, rows.start - margin) : rows.stop + margin,
                 max(0, columns.start - margin) : columns.stop + margin]  # fmt: skip


def _grained(filled: np.ndarray, image: np.ndarray, hole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With noise as strong as the finest detail around the hole, in half of the draws."""
    if rng.random() < 0.5:
        return filled
    window = with_margin(blending.bounds(hole), 6)
    gray = image[window].astype(np.float32).mean(2)
    detail = gray - cv2.GaussianBlur(gray, (0, 0), 1.0)
    around = ~hole[window]
    if not around.any():
        return filled
    level = 1.48 * float(np.median(np.abs(detail[around])))
    noise = cv2.GaussianBlur(rng.standard_normal(gray.shape, np.float32), (0, 0), 0.6)
    filled[window] += (1.8 * rng.uniform(0.6, 1.1) * level * noise)[..., None]
    return filled
