"""Animated PNG files (PNG specification, third edition, sec. 11.3.6): chunks are read and written here.

Each frame is read as the still PNG that its chunks make. Pillow's own writing merges equal frames, which
changes the timing and the number of frames.
"""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from functools import partial

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
from underdrawing.data.containers import png
from underdrawing.data.containers.png_chunks import Chunk, serialize
from underdrawing.data.containers.png_chunks import parse as chunks_of
from underdrawing.data.containers.png_metadata import metadata_of
from underdrawing.data.containers.shared import written_by_pillow
from underdrawing.data.picture import to_8_bits

FORMAT = "PNG"
_DISPOSALS: dict[int, Disposal] = {0: "keep", 1: "clear", 2: "previous"}
_CONTROL = struct.Struct(">IIIIIHHBB")
"""fcTL: sequence number, width, height, x, y, delay as a fraction, disposal, blending."""
_NO_DENOMINATOR = 100
"""What a denominator of 0 stands for."""
_MOST_FRACTION = 0xFFFF


def is_this(data: bytes) -> bool:
    """Whether a PNG file is animated: acTL in front of the pixels, and frames beyond the still picture."""
    at, animated = 8, False
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"fdAT":
            return animated
        animated |= kind == b"acTL"
        at += 12 + length
    return False


def parse(data: bytes, max_pixels: int) -> CodedAnimation:
    """The frames of a file. PictureError where it is damaged or cut short, or beyond the limits."""
    chunks, notes, complete = chunks_of(data)
    if not complete:
        raise PictureError("the PNG file is cut short: it has no end marker")
    header = png.header_of(chunks)
    controls, coded, default = _frames(chunks)
    if default:
        notes.append("the still picture of the animated PNG left out: it is no frame of the animation")
    shared = [chunk for chunk in chunks if chunk.kind in (b"PLTE", b"tRNS")]
    patches = [
        _patch(control, chunks[0], [*shared, *parts], max_pixels)
        for control, parts in zip(controls, coded, strict=True)
    ]
    check_limits(header.width, header.height, patches, max_pixels)
    check_places(header.width, header.height, patches)
    plays = next(struct.unpack(">II", c.body)[1] for c in chunks if c.kind == b"acTL" and len(c.body) == 8)
    found = metadata_of(header, chunks)
    lost = [name for name in ("exif", "xmp", "texts") if getattr(found, name)]
    if lost:
        notes.append(f"{', '.join(lost)} of the animated PNG left out")
    if header.depth == 16:
        notes.append("16 bits a channel became 8")
    return CodedAnimation(
        FORMAT, header.width, header.height, tuple(patches), plays, found.icc, True, tuple(notes)
    )


def _frames(chunks: list[Chunk]) -> tuple[list[bytes], list[list[Chunk]], bool]:
    """Control and IDAT chunks of every frame, and whether the still picture is none of them."""
    controls: list[bytes] = []
    coded: list[list[Chunk]] = []
    default = False
    for chunk in chunks:
        if chunk.kind == b"fcTL":
            check_count(len(controls) + 1)
            if len(chunk.body) != _CONTROL.size:
                raise PictureError(f"damaged: the control chunk of frame {len(controls) + 1}")
            controls.append(chunk.body)
            coded.append([])
        elif chunk.kind == b"IDAT":
            default |= not coded
            if coded:
                coded[-1].append(chunk)
        elif chunk.kind == b"fdAT" and coded:
            coded[-1].append(Chunk(b"IDAT", chunk.body[4:]))
    return controls, coded, default


def _patch(control: bytes, header: Chunk, chunks: list[Chunk], max_pixels: int) -> Patch:
    _, width, height, x, y, over, under, disposal, blend = _CONTROL.unpack(control)
    duration_ms = 1000 * over / (under or _NO_DENOMINATOR)
    own = Chunk(b"IHDR", struct.pack(">II", width, height) + header.body[8:])
    decode = partial(_decoded, [own, *chunks], max_pixels)
    return Patch(x, y, width, height, duration_ms, _DISPOSALS.get(disposal, "keep"), blend == 1, decode)


def _decoded(chunks: list[Chunk], max_pixels: int) -> np.ndarray:
    pixels, alpha = png.decoded(png.header_of(chunks), chunks, max_pixels)
    if alpha is None:
        alpha = np.full(pixels.shape[:2], np.iinfo(pixels.dtype).max, pixels.dtype)
    values = np.dstack([pixels, alpha])
    return values if values.dtype == np.uint8 else to_8_bits(values)


def write(animation: Animation, quality: int | None) -> tuple[bytes, tuple[str, ...]]:
    """The file, and notes on what it lacks: without loss, every frame whole; quality has no meaning here."""
    del quality
    count, height, width = animation.pixels.shape[:3]
    parts: list[Chunk] = []
    sequence = 0
    for number in range(count):
        coded = chunks_of(_still(animation, number))[0]
        if not number:
            parts += [coded[0], *_icc(animation), Chunk(b"acTL", struct.pack(">II", count, animation.plays))]
        delay = Fraction(animation.durations_ms[number] / 1000).limit_denominator(_MOST_FRACTION)
        over, under = _delay(delay)
        parts.append(Chunk(b"fcTL", _CONTROL.pack(sequence, width, height, 0, 0, over, under, 0, 0)))
        sequence += 1
        body = b"".join(chunk.body for chunk in coded if chunk.kind == b"IDAT")
        if number:
            parts.append(Chunk(b"fdAT", struct.pack(">I", sequence) + body))
            sequence += 1
        else:
            parts.append(Chunk(b"IDAT", body))
    long = any(ms > 1000 * _MOST_FRACTION for ms in animation.durations_ms)
    notes = ("durations beyond 65535 s became that: PNG files hold no longer ones",) if long else ()
    return serialize(parts), notes


def _delay(seconds: Fraction) -> tuple[int, int]:
    """Numerator and denominator of 16 bits each."""
    while seconds.numerator > _MOST_FRACTION and seconds.denominator > 1:
        seconds = Fraction(seconds).limit_denominator(max(1, seconds.denominator // 2))
    return min(seconds.numerator, _MOST_FRACTION), seconds.denominator


def _still(animation: Animation, number: int) -> bytes:
    pixels = animation.pixels[number]
    if animation.alpha is not None:
        pixels = np.dstack([pixels, animation.alpha[number]])
    return written_by_pillow(Image.fromarray(np.ascontiguousarray(pixels)), FORMAT, {"compress_level": 4})


def _icc(animation: Animation) -> list[Chunk]:
    return [Chunk(b"iCCP", b"icc\0\0" + zlib.compress(animation.icc))] if animation.icc else []
