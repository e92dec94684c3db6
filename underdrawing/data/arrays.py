"""Arrays and tensors as pictures: (H, W), (H, W, C), (C, H, W), a batch of one; integers or floats."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from underdrawing.core.errors import ShapeError
from underdrawing.data.picture import Picture

_CHANNELS = (1, 3, 4)
_ROUNDING = 1e-3  # of floats that a resize or a network leaves beyond 0..1
_EXPECTED = "expected (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), channels first or last"


class ArrayLike(Protocol):
    """An array of NumPy, torch, JAX and others."""

    def __array__(self, dtype: Any = None, /) -> Any:
        """Its values for NumPy."""
        ...


def picture_from_array(array: ArrayLike) -> Picture:
    """An array of RGB pixels as a Picture; a fourth channel is alpha.

    uint8 and uint16 are kept; other integers must lie in 0..255, floats in 0..1 (scaled by 255 and rounded),
    bool is black and white. A batch of one picture is that picture.
    ShapeError for other shapes, and for values outside of these ranges.
    """
    values = _as_numpy(array)
    if values.ndim == 4 and len(values) == 1:
        values = values[0]
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim == 3 and values.shape[2] not in _CHANNELS and values.shape[0] in _CHANNELS:
        values = values.transpose(1, 2, 0)
    if values.ndim != 3 or values.shape[2] not in _CHANNELS:
        raise ShapeError(
            f"{_EXPECTED}, got {tuple(values.shape)} {values.dtype}; convert the array to RGB first"
        )
    values = _levels(values)
    gray = values.shape[2] == 1
    pixels = np.repeat(values, 3, axis=2) if gray else np.ascontiguousarray(values[..., :3])
    alpha = values[..., 3].copy() if values.shape[2] == 4 else None
    return Picture(pixels, alpha=alpha, gray=gray, format="PNG", icc=None, exif=None, xmp=None)


def _as_numpy(array: Any) -> np.ndarray:
    """The values of any array; tensors are detached and copied from their device."""
    if hasattr(array, "detach"):  # of torch, which need not be installed here
        array = array.detach().cpu()
        array = array.float() if array.is_floating_point() else array  # NumPy has no bfloat16
    return np.asarray(array)


def _levels(values: np.ndarray) -> np.ndarray:
    """uint8 or uint16 levels."""
    kind = values.dtype.kind
    if values.dtype in (np.uint8, np.uint16) or not values.size:
        return values if values.dtype in (np.uint8, np.uint16) else values.astype(np.uint8)
    if kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    if kind in "iuf":
        low, high = float(values.min()), float(values.max())
        most, slack = (1.0, _ROUNDING) if kind == "f" else (255.0, 0)
        if low >= -slack and high <= most + slack:  # not a number fails, too
            return np.rint(np.clip(values, 0, most) * (255.0 / most)).astype(np.uint8)
        raise ShapeError(
            f"expected {values.dtype} values from 0 to {most:g}, got {low:g} to {high:g}; "
            "convert the array to uint8 first"
        )
    raise ShapeError(f"{_EXPECTED}, of numbers, got {tuple(values.shape)} {values.dtype}")
