"""Animated WebP files (RFC 9649, sec. 2.7.1): chunks are read and written here, Pillow codes single frames.

libwebp's own writing merges equal frames, which changes the timing and the number of frames.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from underdrawing.core.errors import PictureError
from underdrawing.data.animations.animation import (
    Animation,
    CodedAnimation,
    check_count,
    check_limits,
    check_places,
)
from underdrawing.data.animations.canvas import Disposal, Patch
from underdrawing.data.containers import shared, webp
from underdrawing.data.containers.webp import Chunk
from underdrawing.data.metadata import fitting_icc

FORMAT = "WEBP"
DEFAULT_QUALITY = 95
"""Of lossy frames: the coding error is about that of a GIF's palette."""
_PIXELS = (b"ALPH", b"VP8 ", b"VP8L")
_ANIMATED, _WITH_ALPHA, _WITH_ICC = 0x02, 0x10, 0x20
_REPLACES, _CLEARS = 0x02, 0x01
_HEAD_BYTES = 16
_MOST_MS, _MOST_PLAYS, _MOST_SIDE = (1 << 24) - 1, 0xFFFF, 16_383


def is_this(data: bytes) -> bool:
    """Whether a WebP file is animated."""
    return webp.is_this(data[:12]) and any(c.kind in (b"ANIM", b"ANMF") for c in webp.chunks_of(data)[0])


def parse(data: bytes, max_pixels: int) -> CodedAnimation:
    """The frames of a file. PictureError where it is damaged or cut short, or beyond the limits."""
    chunks, notes = webp.chunks_of(data)
    head = next((chunk.body for chunk in chunks if chunk.kind == b"VP8X"), b"")
    if len(head) < 10:
        raise PictureError("damaged: an animated WebP file without a header")
    if int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise PictureError("the WebP file is cut short")
    width, height = (1 + int.from_bytes(head[at : at + 3], "little") for at in (4, 7))
    patches: list[Patch] = []
    lossless = True
    for chunk in chunks:
        if chunk.kind == b"ANMF":
            check_count(len(patches) + 1)
            patch, exact = _patch(chunk.body, len(patches) + 1, max_pixels)
            patches.append(patch)
            lossless &= exact
    check_limits(width, height, patches, max_pixels)
    check_places(width, height, patches)
    loop = next((chunk.body for chunk in chunks if chunk.kind == b"ANIM" and len(chunk.body) >= 6), bytes(6))
    icc = next((fitting_icc(chunk.body, False) for chunk in chunks if chunk.kind == b"ICCP"), None)
    lost = sorted({c.kind.decode("latin-1").strip() for c in chunks if c.kind in (b"EXIF", b"XMP ")})
    if lost:
        notes.append(f"{' and '.join(lost)} of the animated WebP left out")
    plays = int.from_bytes(loop[4:6], "little")
    return CodedAnimation(FORMAT, width, height, tuple(patches), plays, icc, lossless, tuple(notes))


def _patch(body: bytes, number: int, max_pixels: int) -> tuple[Patch, bool]:
    """A frame, and whether it is coded without loss."""
    if len(body) < _HEAD_BYTES:
        raise PictureError(f"damaged: frame {number} of the WebP file has no header")
    x, y, width, height, duration = (int.from_bytes(body[at : at + 3], "little") for at in range(0, 15, 3))
    pixels = [c for c in _chunks_in(body[_HEAD_BYTES:]) if c.kind in _PIXELS]
    flags = body[15]
    decode = partial(_decoded, pixels, (width + 1, height + 1), max_pixels)
    disposal: Disposal = "clear" if flags & _CLEARS else "keep"
    patch = Patch(2 * x, 2 * y, width + 1, height + 1, duration, disposal, not flags & _REPLACES, decode)
    return patch, any(chunk.kind == b"VP8L" for chunk in pixels)


def _chunks_in(body: bytes) -> list[Chunk]:
    return webp.chunks_of(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body)[0]


def _decoded(pixels: list[Chunk], size: tuple[int, int], max_pixels: int) -> np.ndarray:
    sides = b"".join((side - 1).to_bytes(3, "little") for side in size)
    alpha = any(chunk.kind == b"ALPH" for chunk in pixels)
    head = [Chunk(b"VP8X", bytes([_WITH_ALPHA, 0, 0, 0]) + sides)] if alpha else []
    with shared.opened(webp.assembled([*head, *pixels]), FORMAT, max_pixels) as image:
        image.load()
        return np.asarray(image.convert("RGBA"))


def write(animation: Animation, quality: int | None) -> tuple[bytes, tuple[str, ...]]:
    """The file, and notes on what it lacks: every frame whole. quality: 1..100; None is DEFAULT_QUALITY, and
    without loss for an animation that came so from a WebP. PictureError for a canvas beyond the format."""
    count, height, width = animation.pixels.shape[:3]
    if max(height, width) > _MOST_SIDE:
        raise PictureError(f"WebP holds sides of at most {_MOST_SIDE} px, got {width}x{height}")
    options: dict[str, Any] = {"method": 4, "quality": DEFAULT_QUALITY, "exact": True}
    if quality is not None:
        options["quality"] = shared.checked_quality(quality)
    elif animation.format == FORMAT and animation.lossless:
        options |= {"lossless": True, "quality": 50}
    flags = _ANIMATED | _WITH_ALPHA * (animation.alpha is not None) | _WITH_ICC * bool(animation.icc)
    sides = b"".join((side - 1).to_bytes(3, "little") for side in (width, height))
    chunks = [Chunk(b"VP8X", bytes([flags, 0, 0, 0]) + sides)]
    if animation.icc:
        chunks.append(Chunk(b"ICCP", animation.icc))
    chunks.append(Chunk(b"ANIM", bytes(4) + struct.pack("<H", min(animation.plays, _MOST_PLAYS))))
    for number in range(count):
        duration = min(round(animation.durations_ms[number]), _MOST_MS)
        head = bytes(6) + sides + duration.to_bytes(3, "little") + bytes([_REPLACES])
        chunks.append(Chunk(b"ANMF", head + _coded(animation, number, options)))
    return webp.assembled(chunks), tuple(_lost(animation))


def _coded(animation: Animation, number: int, options: dict[str, Any]) -> bytes:
    """The chunks of one frame's pixels."""
    pixels = animation.pixels[number]
    if animation.alpha is not None:
        pixels = np.dstack([pixels, animation.alpha[number]])
    still = shared.written_by_pillow(Image.fromarray(np.ascontiguousarray(pixels)), FORMAT, options)
    own = [chunk for chunk in webp.chunks_of(still)[0] if chunk.kind in _PIXELS]
    return webp.assembled(own)[12:]


def _lost(animation: Animation) -> list[str]:
    notes = []
    if any(min(round(ms), _MOST_MS) != ms for ms in animation.durations_ms):
        notes.append("durations became whole milliseconds, at most 4.6 h: WebP files hold no others")
    if animation.plays > _MOST_PLAYS:
        notes.append(f"{animation.plays} plays became {_MOST_PLAYS}, the most that WebP files hold")
    return notes
