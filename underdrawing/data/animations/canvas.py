"""The canvas of an animation: patches of a file, one after the other, become whole frames.

One rule for the three formats, as browsers apply it: the canvas starts transparent, a patch replaces what is
below or is blended over it, and before the next one its rectangle is kept, cleared to transparent, or set
back to what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from underdrawing.core.errors import PictureError

Disposal = Literal["keep", "clear", "previous"]
"""What happens to the rectangle of a patch when its time is over."""


@dataclass(frozen=True)
class Patch:
    """One coded frame of a file: a rectangle, when it is shown, and how it meets the canvas."""

    x: int
    y: int
    width: int
    height: int
    duration_ms: float
    disposal: Disposal
    blended: bool
    """Over what is below, by its alpha; False: it replaces the rectangle, with its alpha."""
    decode: Callable[[], np.ndarray]
    """Its pixels (height, width, 4) uint8, RGB and alpha; PictureError."""


def whole_frames(width: int, height: int, patches: tuple[Patch, ...]) -> Iterator[np.ndarray]:
    """The frames as shown, (height, width, 4) uint8, one at a time: two canvases of memory.

    Patches may reach beyond the canvas, and are cut there. PictureError, with the number of the frame, where
    a patch cannot be decoded.
    """
    canvas = np.zeros((height, width, 4), np.uint8)
    for number, patch in enumerate(patches, 1):
        pixels = _decoded(patch, number, len(patches))
        bottom, right = min(patch.y + patch.height, height), min(patch.x + patch.width, width)
        place = canvas[patch.y : bottom, patch.x : right]
        pixels = pixels[: place.shape[0], : place.shape[1]]
        before = place.copy() if patch.disposal == "previous" else None
        place[:] = _over(place, pixels) if patch.blended else pixels
        yield canvas.copy()
        if patch.disposal == "clear":
            place[:] = 0
        elif before is not None:
            place[:] = before


def _decoded(patch: Patch, number: int, count: int) -> np.ndarray:
    try:
        pixels = patch.decode()
    except PictureError as error:
        raise PictureError(f"frame {number} of {count}: {error}") from error
    except Exception as error:  # at damaged files decoders raise anything: IndexError, SyntaxError ...
        reason = "not enough memory" if isinstance(error, MemoryError) else error or type(error).__name__
        raise PictureError(f"frame {number} of {count} is damaged or cut short ({reason})") from error
    if pixels.shape != (patch.height, patch.width, 4):
        found = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise PictureError(
            f"frame {number} of {count} is {found} px, but its header says {patch.width}x{patch.height}"
        )
    return pixels


def _over(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Straight alpha, (h, w, 4) uint8; exact where alpha is 0 or 255."""
    mixed = (above[..., 3] > 0) & (above[..., 3] < 255)
    blended = np.where(above[..., 3:] > 0, above, below)
    if mixed.any():
        top, bottom = above[mixed].astype(np.float32), below[mixed].astype(np.float32)
        weight, rest = top[:, 3:], bottom[:, 3:] * (1 - top[:, 3:] / 255)
        colors = (top[:, :3] * weight + bottom[:, :3] * rest) / (weight + rest)
        blended[mixed] = np.rint(np.concatenate([colors, weight + rest], axis=1)).astype(np.uint8)
    return blended
