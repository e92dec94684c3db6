"""Animated pictures: GIF, animated PNG and animated WebP.

    file -> open_animation -> CodedAnimation.frames(), one whole frame at a time
         -> read_animation -> Animation (T, H, W, 3) -> encode_animation -> file

Number, order and timing of the frames, how often they are played, transparency and colour profile are kept;
zero delays, too. What else a file has is left out, and named in the notes. Frames are coded by Pillow, one by
one; the files around them are read and written here (see gif, apng and webp for the reasons).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from underdrawing.core.errors import OutputError, PictureError, UnderdrawingError
from underdrawing.data.animations import apng, gif, webp
from underdrawing.data.animations.animation import MOST_FRAMES, Animation, CodedAnimation
from underdrawing.data.containers.interface import Written
from underdrawing.data.containers.png_chunks import SIGNATURE
from underdrawing.data.pictures import MAX_PIXELS, FileSource, read_bytes

__all__ = [
    "MOST_FRAMES",
    "SUFFIXES",
    "Animation",
    "CodedAnimation",
    "encode_animation",
    "is_animation",
    "is_gif",
    "open_animation",
    "read_animation",
]

_Parse = Callable[[bytes, int], CodedAnimation]
_Write = Callable[[Animation, int | None], tuple[bytes, tuple[str, ...]]]
_WRITERS: dict[str, _Write] = {"GIF": gif.write, "PNG": apng.write, "WEBP": webp.write}
SUFFIXES = {".gif": "GIF", ".png": "PNG", ".apng": "PNG", ".webp": "WEBP"}
"""Of animated files, with the format that is written."""


def is_gif(head: bytes) -> bool:
    """Whether a file that starts with these bytes, six or more, is a GIF."""
    return head[:6] in gif.SIGNATURES


def is_animation(data: bytes) -> bool:
    """Whether a file is read here: any GIF, a PNG or WebP with frames."""
    return _parser(data) is not None


def open_animation(source: FileSource, *, max_pixels: int = MAX_PIXELS) -> CodedAnimation:
    """Parse an animated file without decoding its frames.

    PictureError, naming the file where its name is known, for a file that is none, is damaged or cut short,
    has more than MOST_FRAMES frames, or has more than `max_pixels` in all frames together.
    """
    name, data = read_bytes(source)
    prefix = f"{name}: " if name else ""
    parse = _parser(data)
    if parse is None:
        raise PictureError(f"{prefix}no animated GIF, PNG or WebP")
    try:
        return parse(data, max_pixels)
    except UnderdrawingError as error:
        raise PictureError(f"{prefix}{error}") from error
    except Exception as error:  # at damaged files parsers raise anything: IndexError, struct.error ...
        raise PictureError(f"{prefix}damaged or cut short ({error or type(error).__name__})") from error


def read_animation(source: FileSource, *, max_pixels: int = MAX_PIXELS) -> Animation:
    """Read an animated file; at most 4 bytes for each of `max_pixels`, and two frames more, are in memory.

    Errors: those of open_animation; PictureError for the first frame that cannot be decoded.
    """
    coded = open_animation(source, max_pixels=max_pixels)
    shape = (len(coded.patches), coded.height, coded.width)
    pixels, alpha = np.empty((*shape, 3), np.uint8), None
    for number, frame in enumerate(coded.frames()):
        pixels[number] = frame[..., :3]
        if alpha is None and frame[..., 3].min() < 255:
            alpha = np.full(shape, 255, np.uint8)
        if alpha is not None:
            alpha[number] = frame[..., 3]
    durations = tuple(float(patch.duration_ms) for patch in coded.patches)
    return Animation(
        pixels, alpha, durations, coded.plays, coded.format, coded.icc, coded.lossless, coded.notes
    )


def encode_animation(animation: Animation, path: Path, *, quality: int | None = None) -> Written:
    """The content of an animated file in the format of the suffix of `path` (its own without one).

    quality: of WebP, 1..100; None is 95, or lossless where the source was. OutputError for a suffix of no
    animated format, and where the format does not hold the animation.
    """
    suffix = path.suffix.lower()
    if suffix and suffix not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise OutputError(f"{path}: {suffix} is no format of animations written here; expected {known}")
    name = SUFFIXES[suffix] if suffix else animation.format
    try:
        data, notes = _WRITERS[name](animation, quality)
    except PictureError as error:
        raise OutputError(f"{path}: {error}") from error
    return Written(data, name, notes)


def _parser(data: bytes) -> _Parse | None:
    if is_gif(data):
        return gif.parse
    if data[:8] == SIGNATURE and apng.is_this(data):
        return apng.parse
    return webp.parse if webp.is_this(data) else None
