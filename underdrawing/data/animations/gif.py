"""Animated GIF files (GIF89a, and the loop block of Netscape): blocks are read and written here.

Pillow codes and decodes single pictures of indices alone. Its own reading of animations paints uncovered
areas in the background colour, where browsers leave them transparent, and its writing merges equal frames,
which changes the timing and the number of frames.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import numpy as np
from PIL import Image

from underdrawing.core.errors import PictureError
from underdrawing.data.animations.animation import Animation, CodedAnimation, check_count, check_limits
from underdrawing.data.animations.canvas import Disposal, Patch
from underdrawing.data.animations.palette import Indexed, indexed
from underdrawing.data.metadata import fitting_icc

FORMAT = "GIF"
SIGNATURES = (b"GIF87a", b"GIF89a")
_DISPOSALS: dict[int, Disposal] = {2: "clear", 3: "previous"}
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_ICC = b"ICCRGBG1012"
_GRAYS = bytes(level for level in range(256) for _ in range(3))
"""A palette in which every index is its own colour: Pillow then leaves indices as they are."""
_TRAILER, _EXTENSION, _IMAGE = 0x3B, 0x21, 0x2C
_CONTROL, _COMMENT, _TEXT, _APPLICATION = 0xF9, 0xFE, 0x01, 0xFF
_INTERLACED, _HAS_PALETTE = 0x40, 0x80
_CS_MS = 10.0
"""Durations are stored in hundredths of a second."""
_MOST_CS = 0xFFFF


class _Control(NamedTuple):
    """Graphic control extension: of the image that follows."""

    duration_ms: float = 0.0
    disposal: Disposal = "keep"
    transparent: int | None = None


def parse(data: bytes, max_pixels: int) -> CodedAnimation:
    """The blocks of a file. PictureError where it is damaged or cut short, or beyond the limits."""
    reader = _Blocks(data)
    try:
        reader.read()
    except (IndexError, struct.error) as error:
        raise PictureError(f"the GIF file is cut short in frame {len(reader.patches) + 1}") from error
    width, height = reader.size
    check_limits(width, height, reader.patches, max_pixels)
    return CodedAnimation(
        FORMAT, width, height, tuple(reader.patches), reader.plays, reader.icc, notes=tuple(reader.notes)
    )


class _Blocks:
    """One pass over the blocks of a file; what it finds."""

    def __init__(self, data: bytes) -> None:
        if len(data) < 13:
            raise PictureError("the GIF file is cut short in its header")
        self.data, self.at = data, 13
        self.patches: list[Patch] = []
        self.coded: list[tuple[int, int]] = []
        self.notes: list[str] = []
        self.plays = 1
        self.icc: bytes | None = None
        width, height, flags, _, _ = struct.unpack_from("<HHBBB", data, 6)
        self.size = (width, height)
        self.palette = self._palette(flags)
        self.control = _Control()

    def read(self) -> None:
        while self.at < len(self.data):
            kind = self.data[self.at]
            self.at += 1
            if kind == _IMAGE:
                self._image()
            elif kind == _EXTENSION:
                self._extension()
            elif kind == _TRAILER:
                if self.data[self.at :].strip(b"\0"):
                    self._note("data behind the end of the GIF file left out")
                return
            elif kind:  # zeros between blocks are tolerated, as browsers do
                self._note(f"what follows frame {len(self.patches)} is no GIF block and is left out")
                return
        self._note("the GIF file has no end marker; it was read all the same")

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _palette(self, flags: int) -> np.ndarray | None:
        """(n, 3) uint8, where the flags say that one follows."""
        if not flags & _HAS_PALETTE:
            return None
        count = 2 << (flags & 7)
        raw = self.data[self.at : self.at + 3 * count]
        self.at += 3 * count
        if len(raw) < 3 * count:
            raise PictureError("the GIF file is cut short in a palette")
        return np.frombuffer(raw, np.uint8).reshape(count, 3)

    def _sub_blocks(self) -> tuple[int, int]:
        """Start and end of a series of sub-blocks, with its terminator; the position moves behind it."""
        start = self.at
        while length := self.data[self.at]:
            self.at += 1 + length
        self.at += 1
        return start, self.at

    def _body(self) -> bytes:
        start, end = self._sub_blocks()
        parts, at = [], start
        while at < end - 1:
            parts.append(self.data[at + 1 : at + 1 + self.data[at]])
            at += 1 + self.data[at]
        return b"".join(parts)

    def _extension(self) -> None:
        label = self.data[self.at]
        self.at += 1
        if label == _CONTROL:
            flags, duration, index = struct.unpack_from("<BHB", self._body())
            disposal = _DISPOSALS.get(flags >> 2 & 7, "keep")
            self.control = _Control(_CS_MS * duration, disposal, index if flags & 1 else None)
        elif label == _APPLICATION:
            self._application()
        else:
            self._sub_blocks()
            if label in (_COMMENT, _TEXT):
                self._note("comments and plain text of the GIF file left out")

    def _application(self) -> None:
        name, body = self.data[self.at + 1 : self.at + 12], self._body()[11:]
        if name in _LOOPS:
            if body[:1] == b"\x01" and len(body) >= 3:
                repeats = int.from_bytes(body[1:3], "little")
                self.plays = repeats + 1 if repeats else 0
        elif name == _ICC:
            self.icc = fitting_icc(body, False)
        else:
            self._note(f"the GIF extension {name.decode('latin-1')!r} left out")

    def _image(self) -> None:
        x, y, width, height, flags = struct.unpack_from("<HHHHB", self.data, self.at)
        self.at += 9
        palette = self._palette(flags)
        palette = self.palette if palette is None else palette
        code_bits, start = self.data[self.at], self.at
        self.at += 1
        _, end = self._sub_blocks()
        number = len(self.patches) + 1
        if palette is None:
            raise PictureError(f"frame {number} of the GIF file has no palette")
        if not width or not height or not 2 <= code_bits <= 8:
            raise PictureError(f"frame {number} of the GIF file is damaged")
        if not all(self.size):
            self.size = (width, height)
        control, self.control = self.control, _Control()
        colors = _colors(palette, control.transparent)
        decode = partial(_decoded, self.data, (start, end), (width, height), flags & _INTERLACED, colors)
        check_count(number)
        self.coded.append((start, end))
        self.patches.append(Patch(x, y, width, height, control.duration_ms, control.disposal, True, decode))


def _colors(palette: np.ndarray, transparent: int | None) -> np.ndarray:
    """(256, 4) uint8: colour and alpha of every index; indices beyond the palette are black."""
    colors = np.zeros((256, 4), np.uint8)
    colors[:, 3] = 255
    colors[: len(palette), :3] = palette
    if transparent is not None:
        colors[transparent] = 0
    return colors


def _decoded(
    data: bytes, part: tuple[int, int], size: tuple[int, int], interlaced: int, colors: np.ndarray
) -> np.ndarray:
    """(h, w, 4) uint8 of one image of a file. part: start and end of its code size and sub-blocks."""
    file = _file_of_one(size, interlaced, data[slice(*part)])
    with Image.open(io.BytesIO(file), formats=[FORMAT]) as image:
        image.load()
        return colors[np.asarray(image)]


def _file_of_one(size: tuple[int, int], interlaced: int, coded: bytes) -> bytes:
    """A GIF file of one picture of indices."""
    head = SIGNATURES[1] + struct.pack("<HHBBB", *size, _HAS_PALETTE | 7, 0, 0) + _GRAYS
    return b"".join([head, _descriptor(size, interlaced), coded, bytes([_TRAILER])])


def _descriptor(size: tuple[int, int], flags: int) -> bytes:
    return struct.pack("<BHHHHB", _IMAGE, 0, 0, *size, flags)


def write(animation: Animation, quality: int | None) -> tuple[bytes, tuple[str, ...]]:
    """The file, and notes on what it lacks. Every frame is whole and has a palette of its own; quality has no
    meaning here. PictureError for a canvas that the format does not hold."""
    del quality
    count, height, width = animation.pixels.shape[:3]
    if max(height, width) > 0xFFFF:
        raise PictureError(f"GIF holds sides of at most 65535 px, got {width}x{height}")
    clear = animation.alpha is not None
    parts = [SIGNATURES[1], struct.pack("<HHBBB", width, height, 0x70, 0, 0)]
    if animation.plays != 1:
        repeats = min(animation.plays - 1, 0xFFFF) if animation.plays else 0
        parts.append(b"\x21\xff\x0b" + _LOOPS[0] + struct.pack("<BBHB", 3, 1, repeats, 0))
    for number in range(count):
        alpha = None if animation.alpha is None else animation.alpha[number]
        frame = indexed(animation.pixels[number], alpha)
        parts += _frame(frame, animation.durations_ms[number], clear)
    parts.append(bytes([_TRAILER]))
    return b"".join(parts), tuple(_lost(animation))


def _frame(frame: Indexed, duration_ms: float, clear: bool) -> Iterable[bytes]:
    """Control, descriptor, palette and coded indices. clear: the canvas is cleared after it."""
    height, width = frame.indices.shape
    duration = min(round(duration_ms / _CS_MS), _MOST_CS)
    transparent = frame.transparent
    flags = (8 if clear else 4) | (transparent is not None)
    yield b"\x21\xf9" + struct.pack("<BBHBB", 4, flags, duration, transparent or 0, 0)
    yield _descriptor((width, height), _HAS_PALETTE | 7)
    yield frame.palette.tobytes().ljust(768, b"\0")
    yield _coded(frame.indices)


def _coded(indices: np.ndarray) -> bytes:
    """Code size and sub-blocks of indices (H, W) uint8: those of the GIF file that Pillow makes of them."""
    buffer = io.BytesIO()
    Image.fromarray(indices).save(buffer, FORMAT, optimize=False, interlace=False)
    blocks = _Blocks(buffer.getvalue())
    blocks.read()
    return buffer.getvalue()[slice(*blocks.coded[0])]


def _lost(animation: Animation) -> Iterable[str]:
    yield "the colours of each frame became a palette of at most 256, dithered: GIF files hold no more"
    if animation.icc:
        yield "colour profile left out: viewers of GIF files do not read one"
    alpha = animation.alpha
    if alpha is not None and ((alpha > 0) & (alpha < 255)).any():
        yield "half-transparent pixels became opaque or transparent: GIF files hold nothing between"
    if any(round(ms / _CS_MS) * _CS_MS != ms for ms in animation.durations_ms):
        yield "durations became whole hundredths of a second, at most 655.35 s: GIF files hold no others"
    if animation.plays > 0x10000:
        yield f"{animation.plays} plays became 65536, the most that GIF files hold"
