"""The dithered lattice as a carrier of any message: middle and top layer hold it, the base layer how long it
is.

    base     version, grid | bits in the middle 16 | bits in the top 16 | CRC-32 of the message
    middle   the first bits of the message, through the codec of its reach and the largest edit to be survived
    top      what does not fit there; not used where the reach is "jpeg50"

    reach    middle through                top through
    jpeg50   JPEG 50, a resize by .7       -
    jpeg70   JPEG 70                       JPEG 70
    jpeg90   JPEG 50, a resize by .7       JPEG 90, above strength 1 as much worse as the steps are larger

Both are protected by the codes of `coding.ldpc`, at the rate that the message's length asks for: a message
shorter than |m| survives more. The key is not that of the photo system, so neither takes the other's mark for
its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from underdrawing.carriers.checks import checked_count, checked_message, checked_picture
from underdrawing.carriers.lattice.capacity import left_by_edit
from underdrawing.carriers.lattice.embed import CODE_LIMITS, code_length
from underdrawing.carriers.lattice.grid import WholeFrame, grid_size, resize, to_picture
from underdrawing.carriers.lattice.lattice import Lattice, is_small
from underdrawing.carriers.lattice.locator import Locator
from underdrawing.carriers.lattice.mark import BASE_CODE_BITS, Mark, decode_layer, find
from underdrawing.carriers.lattice.parameters import (
    TEXTURE_GAINS,
    EmbeddingLevel,
    default_strength_for_size,
    nearest_strength,
)
from underdrawing.carriers.lattice.unmarking import change_back
from underdrawing.coding import payload
from underdrawing.coding.bits import crc32, from_bytes, from_int, to_bytes, to_int
from underdrawing.coding.keystream import PUBLIC_SECRET
from underdrawing.coding.ldpc import Code, code, short_code
from underdrawing.core.errors import CapacityError
from underdrawing.core.interfaces import CERTAIN, Reading
from underdrawing.ops.color import luma, luma_direction
from underdrawing.ops.protection import Protection

LEAST_SIDE_PX = 64
_HIGHEST_RATE = 0.48  # information bits per coded bit; a code needs most of its word for parity
# Bits of a message for each bit of information that is left: what belief propagation can use, and what a
# colour JPEG with its rounding leaves of the top at JPEG 90.
_MIDDLE = 0.66
_TOP = {"jpeg70": 0.66, "jpeg90": 0.56}
_LEAST_BASE = 600  # coefficients of the base layer in use, below which it would not be found again
_LEAST_ODDS = 1e-6  # probability that no place is surer than
_SHORT = 256  # bits up to which ordered statistics are worth their time


class _Plan(NamedTuple):
    """How one picture is to be driven, and what its layers take."""

    plane: np.ndarray
    level: EmbeddingLevel
    size: tuple[int, int]
    middle: int
    top: int


@dataclass(frozen=True)
class LatticeCarrier:
    """Hides a message of hundreds to thousands of bits; tells where the picture was altered since.

    Soft bits are CERTAIN where the checksum or a layer's code holds; else they are the channel's own
    likelihood ratios of the message's bits before decoding, blocks that seem altered erased. So the front of
    a message, a hidden code's coarse scales, may be whole where its end is lost.
    """

    reach: Literal["jpeg50", "jpeg70", "jpeg90"] = "jpeg50"
    """The codec that every bit is to survive. "jpeg90" uses the top layer too, for about thrice the bits;
    "jpeg70" as well, which is worth it above strength 1."""
    strength: float = 1.0
    """Multiplies the steps; the nearest of layout.STRENGTHS is taken."""
    secret: bytes = PUBLIC_SECRET
    """Who does not have it finds nothing; the default is public."""
    moved: bool = True
    """Whether to look for the mark in parts, scalings and rotations of a marked picture too, which takes many
    seconds where there is none."""
    edit: float = 0.2
    """Share of the frame that may be altered after, where it carries most, with the message still whole."""

    tells_length: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"lattice-{self.reach}"

    @cached_property
    def _reader(self) -> Locator:
        return Locator()

    def capacity_bits(self, image_u8: np.ndarray) -> int:
        """Measured by marking the picture's luma and compressing it, less what the worst edit takes away.

        0 below 64 px; and with reach "jpeg50" below 196 blocks of 8x8, where the header takes the middle's
        place.
        """
        checked_picture(image_u8)
        if min(image_u8.shape[:2]) < LEAST_SIDE_PX:
            return 0
        plan = self._plan(image_u8)
        return plan.middle + plan.top

    def embed(self, image_u8: np.ndarray, bits: np.ndarray) -> Protection:
        """See Carrier; CapacityError also where the picture is too flat to be found again."""
        checked_picture(image_u8)
        height, width = image_u8.shape[:2]
        if min(height, width) < LEAST_SIDE_PX:
            checked_message(bits, 0, self.name)
        plan = self._plan(image_u8)
        checked_message(bits, plan.middle + plan.top, self.name)
        grid = plan.plane.shape[0] // 8, plan.plane.shape[1] // 8
        first = min(len(bits), plan.middle)
        parts = {"middle": bits[:first], "top": bits[first:]}
        header = payload.Base(*grid, _header(bits, first)).bits()
        lattice = self._lattice()
        base_code = short_code(BASE_CODE_BITS, payload.BASE_BITS)
        words = {n: _code(n, grid, len(part)).encode(part) for n, part in parts.items() if len(part)}
        change = lattice.embed(plan.plane, base_code.encode(header), words, plan.level)
        marked = np.clip(np.rint(plan.plane + change), 0, 255)
        if not np.array_equal(base_code.decode(lattice.reads_back(marked, plan.level)).bits, header):
            raise CapacityError(f"this picture of {width}x{height} px is too flat to carry a readable header")
        return Protection(to_picture(change, plan.size, (height, width)), luma_direction(image_u8))

    def read(self, received_u8: np.ndarray, count: int | None = None) -> Reading:
        """See Locator. A mark whose message has another length than `count` is present, its bits erased."""
        checked_picture(received_u8)
        if count is not None:
            checked_count(count, sum(CODE_LIMITS.values()), self.name)
        lattice = self._lattice()
        mark = find(luma(received_u8), lattice, self.moved)
        erased = np.zeros(count or 0, np.float32)
        if mark is None:
            return Reading(erased, present=False, checked=False)
        sizes, check = _parsed(mark.base.identity)
        if count not in (None, sum(sizes)) or not sum(sizes) or not _fits(sizes, mark.grid):
            return Reading(erased, True, False, *self._placed(mark, received_u8))
        parts = []
        for name, size in zip(("middle", "top"), sizes, strict=True):
            if size:
                mark, soft = _layer(mark, lattice, name, size)
                parts.append(soft)
        soft_bits = np.concatenate(parts)
        hard = (soft_bits < 0).astype(np.uint8)
        checked = np.array_equal(crc32(hard, domain=_DOMAIN), check)
        if checked:
            soft_bits = np.where(hard, -CERTAIN, CERTAIN).astype(np.float32)
        placed = self._placed(mark, received_u8)
        direct = checked and mark.view.alignment.is_direct
        undoing = self._undoing(mark, placed[1], luma_direction(received_u8)) if direct else None
        return Reading(soft_bits, True, checked, *placed, undoing)

    def _undoing(
        self, mark: Mark, frame: WholeFrame, direction: np.ndarray
    ) -> Callable[[np.ndarray], np.ndarray]:
        """See Reading.change_back; zero beyond the blocks in view."""
        view, (top, left) = mark.view, mark.view.alignment.origin
        rows, cols = mark.reading.cosine.shape[:2]
        dither = self._lattice().tables.dither[top : top + rows, left : left + cols]

        def change_of(decoded: np.ndarray) -> np.ndarray:
            part = luma(decoded)[8 * top : 8 * (top + rows), 8 * left : 8 * (left + cols)]
            steps = view.alignment.level.steps
            change = change_back(view.plane, part, dither, mark.known, mark.reading, steps)
            whole = np.zeros(frame.size, np.float32)
            whole[8 * top : 8 * (top + rows), 8 * left : 8 * (left + cols)] = change
            return frame.to_received(whole)[..., None] * direction

        return change_of

    def _placed(self, mark: Mark, received_u8: np.ndarray) -> tuple[np.ndarray, WholeFrame]:
        """Evidence in the received frame, and that frame."""
        frame = WholeFrame(mark.view.alignment, mark.grid)
        image = mark.view.alignment.sample(received_u8)
        rows, cols = mark.reading.altered.shape
        altered = self._reader.locate(mark.view, mark.known, image[: 8 * rows, : 8 * cols])
        altered = np.clip(altered.astype(np.float64), _LEAST_ODDS, 1 - _LEAST_ODDS)
        evidence = np.log1p(-altered) - np.log(altered)
        return mark.view.alignment.to_received(evidence.astype(np.float32)), frame

    def _lattice(self) -> Lattice:
        return Lattice(hashlib.sha256(b"underdrawing message carrier\0" + self.secret).digest())

    def _plan(self, image_u8: np.ndarray) -> _Plan:
        height, width = image_u8.shape[:2]
        default_strength = default_strength_for_size(max(height, width))
        strength = nearest_strength(self.strength * default_strength)
        size = grid_size(height, width)
        rows, cols = size[0] // 8, size[1] // 8
        plane = np.ascontiguousarray(resize(luma(image_u8), size)[: 8 * rows, : 8 * cols])
        lattice = self._lattice()
        for texture_gain in TEXTURE_GAINS:
            level = EmbeddingLevel(strength, texture_gain)
            qualities = (70,) if self.reach == "jpeg70" else (50, 90)
            carried = lattice.capacity_by_block(plane, level, default_strength, qualities)
            if carried["base"][100].sum() >= _LEAST_BASE or strength >= 1:
                break
        middle = top = 0.0
        kept = [70] if self.reach == "jpeg70" else [50, 0]
        if not is_small(rows, cols):
            middle = _MIDDLE * min(left_by_edit(carried["middle"][q], self.edit) for q in kept)
        if self.reach != "jpeg50":
            top = _TOP[self.reach] * left_by_edit(carried["top"][qualities[-1]], self.edit)
        sizes = [
            int(min(max(room, 0.0), _HIGHEST_RATE * code_length(name, rows, cols)))
            for name, room in (("middle", middle), ("top", top))
        ]
        return _Plan(plane, level, size, *sizes)


_DOMAIN = b"underdrawing carried message"


def _header(bits: np.ndarray, in_middle: int) -> bytes:
    """The 8 bytes that stand where a photograph's mark has its identity."""
    sizes = [from_int(in_middle, 16), from_int(len(bits) - in_middle, 16)]
    return to_bytes(np.concatenate([*sizes, crc32(bits, domain=_DOMAIN)]))


def _parsed(header: bytes) -> tuple[tuple[int, int], np.ndarray]:
    bits = from_bytes(header)
    return (to_int(bits[:16]), to_int(bits[16:32])), bits[32:]


def _fits(sizes: tuple[int, int], grid: tuple[int, int]) -> bool:
    return all(
        size <= _HIGHEST_RATE * code_length(name, *grid)
        for name, size in zip(("middle", "top"), sizes, strict=True)
    )


def _code(layer: str, grid: tuple[int, int], size: int) -> Code:
    return (short_code if size <= _SHORT else code)(code_length(layer, *grid), size)


def _layer(mark: Mark, lattice: Lattice, name: str, size: int) -> tuple[Mark, np.ndarray]:
    """The soft bits of one layer's part of the message, and the mark as it is known after."""
    layer_code = _code(name, mark.grid, size)
    decoded, mark = decode_layer(mark, lattice, name, layer_code)
    if decoded is None:
        soft = lattice.layer_soft_bits(mark.view, mark.reading, name, mark.grid)
        return mark, layer_code.information(soft)
    soft = np.where(decoded.bits, -CERTAIN, CERTAIN).astype(np.float32)
    return mark.with_layer(name, decoded.codeword, lattice), soft
