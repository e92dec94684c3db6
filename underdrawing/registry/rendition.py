"""Rendition: a reduced copy of an original, kept beside its record, to compare received pictures with.

    original --> long side of 1,024 px --> WebP of quality 85, 20 to 110 KB

WebP, because every Pillow decodes it: at this quality AVIF needs the same bytes and three times as long.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image

from underdrawing.core.errors import RegistryError

LONG_SIDE_PX = 1024
FULL = 16_383
"""Longest side of a WebP picture; as a limit it means the original's own size."""
LEAST_PX = 256
_QUALITY = 85


@dataclass(frozen=True)
class Rendition:
    """SHA-256 of a rendition's file, its size, and the file where it is at hand."""

    hash: str
    """64 hex digits."""
    size: tuple[int, int]
    """(width, height) in pixels."""
    file: bytes | None = field(default=None, repr=False, compare=False)
    """A WebP file. Present in a new record; None in one that is read: see store.Registry.rendition."""

    def image(self, file: bytes | None) -> np.ndarray:
        """The picture (H, W, 3) uint8 RGB of its stored file. RegistryError where that has another hash."""
        if file is None or hashlib.sha256(file).hexdigest() != self.hash:
            raise RegistryError("the rendition of the original is missing or another one")
        try:
            with Image.open(io.BytesIO(file), formats=["WEBP"]) as picture:
                if picture.size != tuple(self.size):
                    raise RegistryError(f"the rendition has {picture.size} pixels, not {self.size}")
                return np.asarray(picture.convert("RGB"))
        except (OSError, ValueError) as error:
            raise RegistryError(f"the rendition cannot be decoded ({error})") from error


def render(image: np.ndarray, long_side: int = LONG_SIDE_PX) -> Rendition:
    """The rendition of an original (H, W, 3) uint8, of at most `long_side` px; never enlarged."""
    height, width = image.shape[:2]
    scale = min(1.0, min(long_side, FULL) / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    reduced = image if scale == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    buffer = io.BytesIO()
    Image.fromarray(reduced).save(buffer, "WEBP", quality=_QUALITY, method=4)
    file = buffer.getvalue()
    return Rendition(hashlib.sha256(file).hexdigest(), size, file)
