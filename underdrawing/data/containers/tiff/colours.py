"""Samples of a TIFF page -> RGB or gray pixels, alpha and further samples."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from PIL import Image

from underdrawing.core.errors import PictureError
from underdrawing.data.containers import shared
from underdrawing.data.containers.tiff.layout import (
    ASSOCIATED,
    CIELAB,
    CMYK,
    ICCLAB,
    PALETTE,
    UNASSOCIATED,
    WHITE_IS_ZERO,
    Layout,
)  # fmt: skip
from underdrawing.data.containers.tiff.tags import Directory
from underdrawing.data.picture import to_8_bits

_ROWS = 64
"""Rows that are converted at a time."""


class Colours(NamedTuple):
    pixels: np.ndarray
    """(H, W, 3) uint8 or uint16, not multiplied by alpha."""
    alpha: np.ndarray | None
    extras: np.ndarray | None
    """(H, W, n): samples that are neither colour nor alpha."""
    gray: bool
    icc: bytes | None
    notes: tuple[str, ...]


def colours_of(values: np.ndarray, layout: Layout, page: Directory) -> Colours:
    """Colours of samples (H, W, n). PictureError for CMYK without a usable profile, and damaged palettes."""
    icc, notes = page.raw(34675), []
    if layout.photometric == CMYK and values.dtype == np.uint16:
        values, layout = to_8_bits(_scaled(values, layout.bits)), replace(layout, bits=8)
    if layout.bits not in (8, 16) and layout.photometric in (CIELAB, ICCLAB):
        raise PictureError(f"L*a*b* with {layout.bits} bits a sample cannot be read")
    n, gray = layout.colours, layout.colours == 1 and layout.photometric != PALETTE
    inner = values[..., :n]
    if layout.photometric == PALETTE:
        pixels = _by_palette(inner[..., 0], layout.bits, page)
        notes.append("the palette of the TIFF became RGB pixels with 8 bits")
    elif layout.photometric == CMYK:
        image = Image.fromarray(np.ascontiguousarray(_scaled(inner, layout.bits)), "CMYK")
        pixels, icc = shared.cmyk_to_srgb(image, icc)
        notes.append("the CMYK colours were converted to sRGB with 8 bits")
    elif layout.photometric in (CIELAB, ICCLAB):
        pixels, icc = _lab_to_srgb(inner, layout.photometric), shared.srgb_profile()
        notes.append("the L*a*b* colours were converted to sRGB")
    else:
        pixels = _scaled(inner, layout.bits)
        if layout.photometric == WHITE_IS_ZERO:
            pixels = np.iinfo(pixels.dtype).max - pixels
        pixels = np.repeat(pixels, 3, axis=2) if gray else np.ascontiguousarray(pixels)
    return _with_alpha(Colours(pixels, None, None, gray, icc, tuple(notes)), values[..., n:], layout)


def _with_alpha(colours: Colours, extra: np.ndarray, layout: Layout) -> Colours:
    """With alpha and further samples from `extra` (H, W, n)."""
    alpha, notes = None, list(colours.notes)
    place = alpha_place(layout.extra_kinds)
    extra = _scaled(extra, layout.bits)
    if place is not None:
        alpha = extra[..., place].copy()
        extra = np.delete(extra, place, axis=2)
        if layout.extra_kinds[place] == ASSOCIATED and not divide(colours.pixels, alpha):
            notes.append("colours brighter than their premultiplied alpha were clipped")
    extras = np.ascontiguousarray(extra) if extra.shape[2] else None
    return colours._replace(alpha=alpha, extras=extras, notes=tuple(notes))


def alpha_place(kinds: tuple[int, ...]) -> int | None:
    """Which of the extra samples is alpha."""
    return next((n for n, kind in enumerate(kinds) if kind in (ASSOCIATED, UNASSOCIATED)), None)


def divide(pixels: np.ndarray, alpha: np.ndarray) -> bool:
    """Divide colours by alpha, in place. False where some are larger than their alpha, and clipped."""
    limit, exact = int(np.iinfo(pixels.dtype).max), True
    for top in range(0, len(pixels), _ROWS):
        part = pixels[top : top + _ROWS]
        by = alpha[top : top + _ROWS, :, None].astype(np.uint32)
        exact = exact and not (part > by).any()
        straight = (np.minimum(part, by) * np.uint32(limit) + by // 2) // np.maximum(by, 1)
        part[:] = straight
    return exact


def multiply(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours multiplied by alpha; the inverse of `divide` to the last bit."""
    limit = np.uint32(np.iinfo(pixels.dtype).max)
    return ((pixels * alpha[..., None].astype(np.uint32) + limit // 2) // limit).astype(pixels.dtype)


def _scaled(values: np.ndarray, bits: int) -> np.ndarray:
    """Samples of `bits` bits to the whole range of their type."""
    limit = np.iinfo(values.dtype).max
    if (1 << bits) - 1 == limit or not values.size:
        return values
    steps = np.arange(1 << bits, dtype=np.uint32)
    table = ((steps * np.uint32(limit) + steps[-1] // 2) // steps[-1]).astype(values.dtype)
    return table[values]


def _by_palette(indices: np.ndarray, bits: int, page: Directory) -> np.ndarray:
    palette = page.numbers(320)
    if bits > 8 or len(palette) != 3 << bits:
        raise PictureError(f"a palette of {len(palette)} values for {bits}-bit pixels")
    if palette.max() > 255:  # some old writers store 8 bits
        palette = palette >> 8
    return palette.reshape(3, -1).T.astype(np.uint8)[indices]


_XYZ_TO_SRGB = np.float32([
    [3.1338561, -1.6168667, -0.4906146],
    [-0.9787684, 1.9161415, 0.0334540],
    [0.0719453, -0.2289914, 1.4052427],
])  # fmt: skip
"""From D50, the white of ICC, by Bradford adaptation (brucelindbloom.com)."""
_D50 = np.float32([0.96422, 1.0, 0.82521])


def _lab_to_srgb(values: np.ndarray, photometric: int) -> np.ndarray:
    """sRGB of CIE L*a*b* under D50 (TIFF 6.0, sec. 23; ICCLab of Adobe's TIFF technical notes); clipped."""
    deep = values.dtype == np.uint16
    result = np.empty(values.shape, values.dtype)
    limit = np.float32(np.iinfo(values.dtype).max)
    white = np.float32(65280) if deep and photometric == ICCLAB else limit
    for top in range(0, len(values), _ROWS):
        part = values[top : top + _ROWS]
        light = part[..., 0] * (np.float32(100) / white)
        ab = part[..., 1:].astype(np.float32)
        if photometric == CIELAB:
            ab = part[..., 1:].astype(np.int16 if deep else np.int8).astype(np.float32)
        else:
            ab -= 32768 if deep else 128
        ab /= 256 if deep else 1
        fy = (light + 16) / 116
        f = np.stack([fy + ab[..., 0] / 500, fy, fy - ab[..., 1] / 200], axis=-1)
        xyz = np.where(f > 6 / 29, f**3, (f - 4 / 29) * np.float32(3 * (6 / 29) ** 2)) * _D50
        linear = np.clip(xyz @ _XYZ_TO_SRGB.T, 0, 1)
        encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        result[top : top + _ROWS] = np.rint(encoded * limit)
    return result
