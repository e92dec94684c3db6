"""Animations of photographs, and GIF files made block by block, for tests."""

from __future__ import annotations

import io
import struct
from functools import cache

import numpy as np
from PIL import Image
from skimage import data

from underdrawing.data.animations import Animation

RED, GREEN, BLUE, NO_COLOR = 0, 1, 2, 3
PALETTE = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 7, 7, 7])


@cache
def photo_frames(count: int = 5, side: int = 64) -> np.ndarray:
    """(count, side, side, 3) uint8: a photograph that moves; the third frame equals the second."""
    image = np.asarray(Image.fromarray(data.astronaut()).resize((side + 4 * count, side + 4 * count)))
    frames = np.stack([image[2 * i : 2 * i + side, 3 * i : 3 * i + side] for i in range(count)])
    if count > 2:
        frames[2] = frames[1]
    return frames


def with_hole(frames: np.ndarray) -> np.ndarray:
    """Alpha (T, H, W): a square that is transparent, and moves."""
    alpha = np.full(frames.shape[:3], 255, np.uint8)
    for number, frame in enumerate(alpha):
        frame[number : number + 20, 5:30] = 0
    return alpha


def animation(format: str = "GIF", *, alpha: bool = False, **changes: object) -> Animation:
    frames = photo_frames()
    values = {
        "pixels": frames, "alpha": with_hole(frames) if alpha else None,
        "durations_ms": (0.0, 40.0, 100.0, 30.0, 1000.0), "plays": 0, "format": format,
    }  # fmt: skip
    return Animation(**(values | changes))


def gif_file(
    size: tuple[int, int],
    images: list[bytes],
    *,
    palette: bytes | None = PALETTE,
    before: bytes = b"",
    end: bytes = b";",
) -> bytes:
    """A GIF file of ready image blocks."""
    flags = 0 if palette is None else 0x80 | (len(palette) // 3).bit_length() - 2
    return b"".join(
        [b"GIF89a", struct.pack("<HHBBB", *size, flags, 0, 0), palette or b"", before, *images, end]
    )


def gif_image(
    indices: np.ndarray,
    at: tuple[int, int] = (0, 0),
    *,
    hundredths: int = 5,
    disposal: int = 0,
    transparent: int | None = None,
    palette: bytes | None = None,
    interlaced: bool = False,
) -> bytes:
    """Control and image block of indices (h, w)."""
    flags = disposal << 2 | (transparent is not None)
    control = b"\x21\xf9" + struct.pack("<BBHBB", 4, flags, hundredths, transparent or 0, 0)
    local = 0 if palette is None else 0x80 | (len(palette) // 3).bit_length() - 2
    height, width = indices.shape
    head = struct.pack("<BHHHHB", 0x2C, *at, width, height, local | 0x40 * interlaced)
    return control + head + (palette or b"") + coded(indices, interlaced)


def coded(indices: np.ndarray, interlaced: bool = False) -> bytes:
    """Code size and sub-blocks of indices, coded by Pillow."""
    buffer = io.BytesIO()
    image = Image.fromarray(indices.astype(np.uint8), "L")
    image.save(buffer, "GIF", optimize=False, interlace=int(interlaced))
    file = buffer.getvalue()
    start = file.index(b"\x2c" + struct.pack("<HHHH", 0, 0, *indices.shape[::-1])) + 10
    packed = file[start - 1]
    return file[start + (3 * (2 << (packed & 7)) if packed & 0x80 else 0) : -1]
