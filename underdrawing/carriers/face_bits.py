"""Marks of faces as a carrier for whole pictures.

    picture -> squares of faces, 1.3 times the box -> side x side px -> codec -> residual -> added, feathered
            -> square of the received face -> codec -> soft bits, of a neighbouring square where uncertain

The squares are those of the largest faces; in a picture without faces, the largest square at its centre. A
picture of the codec's own size is one square as it is, as the papers measure it. Pixels beside the squares
keep their values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import ClassVar, NamedTuple, Protocol

import cv2
import numpy as np

from underdrawing.carriers.checks import checked_count, checked_message, checked_picture
from underdrawing.carriers.repeating import gathered, repeated
from underdrawing.core.interfaces import Reading
from underdrawing.faces import MARGIN, crop_square, detect

LEAST_SIDE_PX = 64
"""Of a picture, and of the square of a face that is marked."""
FEATHER = 6
"""Width of the residual's rise at the border of a square, px of the codec."""
CERTAIN = 0.98
"""Mean of |2 p - 1| over the bits from which no other square is read."""
SHIFT, SCALE = 0.014, 0.025
"""Steps to neighbouring squares, in parts of the side: a face in a received picture is found up to 2 px of
128 and 3 % off (JPEG 50, noise of 12.75 levels, screenshots)."""


class FaceCodec(Protocol):
    """Embeds and reads bits in one square around a face."""

    bits: int
    """L."""
    side: int
    """Of the square, px."""

    def encode(self, face_u8: np.ndarray, bits: np.ndarray) -> np.ndarray:
        """Change (side, side, 3) float32, 8-bit levels, of a face (side, side, 3) for bits (L,) uint8."""

    def decode(self, face_u8: np.ndarray) -> np.ndarray:
        """(L,) float32 soft bits ln p(0) / p(1) of a received face (side, side, 3) uint8: negative is 1."""


class Square(NamedTuple):
    """Whole pixels of a picture; may reach over its border."""

    left: int
    top: int
    width: int

    def taken(self, image_u8: np.ndarray, side: int) -> np.ndarray:
        """The square, scaled to side x side px."""
        return crop_square(image_u8, self.left, self.top, self.width, side)

    def neighbours(self, step: float) -> Iterator[Square]:
        """The square itself first, then those shifted and scaled by so many SHIFT and SCALE."""
        middle = self.left + self.width / 2, self.top + self.width / 2
        for scale, right, down in product((0, -step, step), repeat=3):
            width = max(1, round((1 + SCALE * scale) * self.width))
            x, y = (at + SHIFT * by * self.width for at, by in zip(middle, (right, down), strict=True))
            yield Square(round(x - width / 2), round(y - width / 2), width)


@dataclass(frozen=True)
class Patches:
    """The change of some squares of a picture: a core.interfaces.Protection."""

    parts: tuple[tuple[int, int, np.ndarray], ...]
    """Top, left and change (h, w, 3) float32 in 8-bit levels, each inside the picture."""

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Protected pixels of the picture (H, W, 3) uint8 or uint16, same type."""
        limit, result = np.iinfo(pixels.dtype).max, pixels.copy()
        for top, left, change in self.parts:
            part = result[top : top + change.shape[0], left : left + change.shape[1]]
            part[...] = np.clip(np.rint(part + change * np.float32(limit // 255)), 0, limit)
        return result


@dataclass(frozen=True)
class FaceBits:
    """A carrier out of a codec of faces. A message shorter than L is repeated."""

    name: str
    codec: FaceCodec
    most_faces: int = 1
    """Largest faces that are marked, with the same message; the most certain one is read."""
    leaves_marks: bool = False
    """Whether the codec embeds nothing in a face that has a mark of it already."""
    tells_length: ClassVar[bool] = False

    def capacity_bits(self, image_u8: np.ndarray) -> int:
        """L, or 0 below 64 px."""
        checked_picture(image_u8)
        return self.codec.bits if min(image_u8.shape[:2]) >= LEAST_SIDE_PX else 0

    def embed(self, image_u8: np.ndarray, bits: np.ndarray) -> Patches:
        """See Carrier."""
        checked_message(bits, self.capacity_bits(image_u8), self.name)
        side, message, parts = self.codec.side, repeated(bits, self.codec.bits), []
        for square in self.squares(image_u8):
            change = self.codec.encode(square.taken(image_u8, side), message).astype(np.float32)
            parts.append(placed(change, square, image_u8.shape[:2], self._feather(image_u8)))
        return Patches(tuple(parts))

    def read(self, received_u8: np.ndarray, count: int | None) -> Reading:
        """See Carrier. `present` is not determined: what is read without a mark is as good as random."""
        checked_picture(received_u8)
        checked_count(count, self.codec.bits, self.name)
        if min(received_u8.shape[:2]) < LEAST_SIDE_PX:
            return Reading(np.zeros(count, np.float32), present=None)
        read = [self._read(received_u8, square) for square in self.squares(received_u8)]
        return Reading(gathered(max(read, key=certainty), count), present=None)

    def squares(self, image_u8: np.ndarray) -> list[Square]:
        """Those that are marked and read, at least one; largest face first."""
        height, width = image_u8.shape[:2]
        if height == width == self.codec.side:
            return [Square(0, 0, width)]
        found = []
        for face in detect(image_u8):
            x, y, across, down = face.box
            side = round(MARGIN * max(across, down))
            if side >= LEAST_SIDE_PX and len(found) < self.most_faces:
                found.append(Square(round(x + across / 2 - side / 2), round(y + down / 2 - side / 2), side))
        side = min(height, width)
        return found or [Square((width - side) // 2, (height - side) // 2, side)]

    def _read(self, received_u8: np.ndarray, square: Square) -> np.ndarray:
        """(L,) soft bits of the first square that is certain, else of the most certain one."""
        soft_bits = self.codec.decode(square.taken(received_u8, self.codec.side))
        if not self._feather(received_u8):
            return soft_bits
        for step in (1.0, 0.5):
            for near in square.neighbours(step):
                if certainty(soft_bits) >= CERTAIN:
                    return soft_bits
                other = self.codec.decode(near.taken(received_u8, self.codec.side))
                if certainty(other) > certainty(soft_bits):
                    soft_bits, square = other, near
        return soft_bits

    def _feather(self, image_u8: np.ndarray) -> int:
        """0 for a picture that is one square as it is."""
        return 0 if image_u8.shape[:2] == (self.codec.side, self.codec.side) else FEATHER


def certainty(soft_bits: np.ndarray) -> float:
    """Mean of |2 p - 1| over the bits, p the probability of a 1; 0..1."""
    return float(np.tanh(np.abs(soft_bits) / 2).mean())


def placed(
    change: np.ndarray, square: Square, size: tuple[int, int], feather: int = FEATHER
) -> tuple[int, int, np.ndarray]:
    """Top, left and change of the part of a square inside a picture of size (H, W).

    change: (side, side, 3) float32 of the square; feather: width of its rise at the border, px of it.
    """
    if feather:
        inside = np.arange(len(change), dtype=np.float32) + 0.5
        rise = np.minimum(1, np.minimum(inside, inside[::-1]) / feather)
        change = change * np.minimum(rise[:, None], rise)[..., None]
    if square.width != len(change):
        kind = cv2.INTER_AREA if square.width < len(change) else cv2.INTER_CUBIC
        change = cv2.resize(change, (square.width, square.width), interpolation=kind)
    top, left = max(0, square.top), max(0, square.left)
    bottom, right = min(size[0], square.top + square.width), min(size[1], square.left + square.width)
    return top, left, change[top - square.top : bottom - square.top, left - square.left : right - square.left]
