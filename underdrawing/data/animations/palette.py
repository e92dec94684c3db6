"""A frame in the colours of a palette: median cut, refined by k-means, with error diffusion."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

_OPAQUE = 128
"""Alpha from which a pixel is opaque."""
_SAMPLE = 8_192
"""Pixels of which the palette is made: all of a larger frame cost ten times the time for .2 dB."""
_SETTLED = 1
"""Change of the palette at which k-means ends; it gains 2 to 3 dB on the median cut alone."""


class Indexed(NamedTuple):
    """A frame in indices."""

    indices: np.ndarray
    """(H, W) uint8."""
    palette: np.ndarray
    """(n, 3) uint8, n <= 256."""
    transparent: int | None
    """The index of transparent pixels, behind the colours of the palette; None where all are opaque."""


def indexed(pixels: np.ndarray, alpha: np.ndarray | None = None, colors: int = 256) -> Indexed:
    """A frame (H, W, 3) uint8 in at most `colors` (2 to 256) colours of its own, one of them for transparent
    pixels. Frames with no more colours than that keep them exactly; others are dithered (Floyd-Steinberg)."""
    hidden = None if alpha is None else alpha < _OPAQUE
    if hidden is None or not hidden.any():
        indices, palette = _reduced(pixels, pixels.reshape(-1, 3), colors)
        return Indexed(indices, palette, None)
    visible = pixels[~hidden] if not hidden.all() else np.zeros((1, 3), np.uint8)
    filled = np.where(hidden[..., None], visible[0], pixels)
    indices, palette = _reduced(filled, visible, colors - 1)
    indices[hidden] = len(palette)
    return Indexed(indices, palette, len(palette))


def _reduced(pixels: np.ndarray, visible: np.ndarray, colors: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (H, W) and palette (n, 3) of a frame. visible: the pixels whose colours count, (n, 3)."""
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    values, inverse = np.unique(packed, return_inverse=True)
    if len(values) <= colors:
        exact = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=1).astype(np.uint8)
        return inverse.reshape(packed.shape).astype(np.uint8), exact
    palette = _palette(visible, colors)
    reference = Image.new("P", (1, 1))
    reference.putpalette(np.resize(palette, (256, 3)).tobytes())  # a short palette is repeated
    image = Image.fromarray(np.ascontiguousarray(pixels))
    dithered = image.quantize(palette=reference, dither=Image.Dither.FLOYDSTEINBERG)
    return (np.arange(256) % len(palette)).astype(np.uint8)[np.asarray(dithered)], palette


def _palette(visible: np.ndarray, colors: int) -> np.ndarray:
    if len(visible) > _SAMPLE:
        visible = visible[np.random.default_rng(0).integers(0, len(visible), _SAMPLE)]
    sample = Image.fromarray(np.ascontiguousarray(visible[None]))
    reduced = sample.quantize(colors, Image.Quantize.MEDIANCUT, kmeans=_SETTLED)
    return np.array(reduced.getpalette(), np.uint8).reshape(-1, 3)[:colors]
