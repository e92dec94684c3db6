"""The dithered lattice as a carrier of any message: data in middle and top layer, length in the base layer.

    base     version, grid | bits in the middle 16 | bits in the top 16 | CRC-32 of the message
    middle   the first bits of the message
    top      the rest; not used with reach "jpeg50"

    reach    middle survives               top survives
    jpeg50   JPEG 50, a resize by .7       -
    jpeg70   JPEG 70                       JPEG 70
    jpeg90   JPEG 50, a resize by .7       JPEG 90; above strength 1 a coarser one, in proportion to the steps

Both layers are coded by `coding.ldpc` at a rate set by the length of the message: a message shorter than the
capacity survives more. The key differs from that of the photo system, so neither detects the other's mark.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from underdrawing.carriers.checks import checked_count, checked_message, checked_picture
from underdrawing.carriers.lattice.capacity import bits_after_edit
from underdrawing.carriers.lattice.detection import (
    BASE_CODE_BITS,
    Mark,
    base_is_readable,
    decode_layer,
    detect_mark,
)
from underdrawing.carriers.lattice.embed import CODE_LIMITS, code_length
from underdrawing.carriers.lattice.grid import WholeFrame, grid_size, resize, to_picture
from underdrawing.carriers.lattice.lattice import Lattice, is_small
from underdrawing.carriers.lattice.locator import Locator
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
# Message bits per bit of measured information: efficiency of belief propagation, and for the top layer at
# JPEG 90 the loss by colour conversion and rounding.
_MIDDLE = 0.66
_TOP = {"jpeg70": 0.66, "jpeg90": 0.56}
_LEAST_BASE = 600  # coefficients of the base layer in use that detection needs
_LEAST_ODDS = 1e-6  # bound of the probability of alteration
_SHORT = 256  # bits up to which ordered statistics are fast enough


class _Plan(NamedTuple):
    """Embedding level of one picture, and capacity of its layers in bits."""

    plane: np.ndarray
    level: EmbeddingLevel
    size: tuple[int, int]
    middle: int
    top: int


@dataclass(frozen=True)
class LatticeCarrier:
    """Embeds a message of hundreds to thousands of bits; locates alterations.

    Soft bits are CERTAIN where the checksum or a layer's code holds; otherwise they are likelihood ratios of
    the channel before decoding, with altered blocks erased. So the start of a message (the coarse scales of a
    content code) may be readable where its end is lost.
    """

    reach: Literal["jpeg50", "jpeg70", "jpeg90"] = "jpeg50"
    """JPEG quality that every bit survives. "jpeg90" uses the top layer too, for about three times the bits;
    "jpeg70" as well, which gains above strength 1."""
    strength: float = 1.0
    """Multiplies the steps; rounded to the nearest of parameters.STRENGTHS."""
    secret: bytes = PUBLIC_SECRET
    """Key of the mark; the default is public."""
    moved: bool = True
    """Whether to search cropped, resized and rotated pictures too: many seconds where there is no mark."""
    edit: float = 0.2
    """Share of the frame, at the places of most capacity, whose alteration the message survives."""

    tells_length: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"lattice-{self.reach}"

    @cached_property
    def _locator(self) -> Locator:
        return Locator()

    def capacity_bits(self, image_u8: np.ndarray) -> int:
        """Capacity, measured by marking and compressing the luma, minus the loss by the worst edit.

        0 below 64 px, and with reach "jpeg50" below 196 blocks of 8x8, where the base uses the middle layer.
        """
        checked_picture(image_u8)
        if min(image_u8.shape[:2]) < LEAST_SIDE_PX:
            return 0
        plan = self._plan(image_u8)
        return plan.middle + plan.top

    def embed(self, image_u8: np.ndarray, bits: np.ndarray) -> Protection:
        """See Carrier; CapacityError also where the picture is too flat for detection of the mark."""
        checked_picture(image_u8)
        height, width = image_u8.shape[:2]
        if min(height, width) < LEAST_SIDE_PX:
            checked_message(bits, 0, self.name)
        plan = self._plan(image_u8)
        checked_message(bits, plan.middle + plan.top, self.name)
        grid = plan.plane.shape[0] // 8, plan.plane.shape[1] // 8
        first = min(len(bits), plan.middle)
        parts = {"middle": bits[:first], "top": bits[first:]}
        header = payload.Base(*grid, _header(bits, first), version=payload.UNSPLIT_VERSION).bits()
        lattice = self._lattice()
        base_code = short_code(BASE_CODE_BITS, payload.BASE_BITS)
        words = {n: _code(n, grid, len(part)).encode(part) for n, part in parts.items() if len(part)}
        change = lattice.embed(plan.plane, base_code.encode(header), words, plan.level)
        marked = np.clip(np.rint(plan.plane + change), 0, 255)
        if not base_is_readable(lattice, marked, header, plan.level):
            raise CapacityError(f"this picture of {width}x{height} px is too flat to carry a readable header")
        return Protection(to_picture(change, plan.size, (height, width)), luma_direction(image_u8))

    def read(self, received_u8: np.ndarray, count: int | None = None) -> Reading:
        """See Locator. A mark whose message has another length than `count` is present, its bits erased."""
        checked_picture(received_u8)
        if count is not None:
            checked_count(count, CODE_LIMITS["middle"] + CODE_LIMITS["top"], self.name)
        lattice = self._lattice()
        mark = detect_mark(luma(received_u8), lattice, self.moved)
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
        """Evidence (H, W) in received coordinates, and the frame of the whole marked picture."""
        frame = WholeFrame(mark.view.alignment, mark.grid)
        image = mark.view.alignment.sample(received_u8)
        rows, cols = mark.reading.altered.shape
        altered = self._locator.locate(mark.view, mark.known, image[: 8 * rows, : 8 * cols])
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
            middle = _MIDDLE * min(bits_after_edit(carried["middle"][q], self.edit) for q in kept)
        if self.reach != "jpeg50":
            top = _TOP[self.reach] * bits_after_edit(carried["top"][qualities[-1]], self.edit)
        sizes = [
            int(min(max(room, 0.0), _HIGHEST_RATE * code_length(name, rows, cols)))
            for name, room in (("middle", middle), ("top", top))
        ]
        return _Plan(plane, level, size, *sizes)


_DOMAIN = b"underdrawing carried message"


def _header(bits: np.ndarray, in_middle: int) -> bytes:
    """The 8 bytes in the identity field of the base layer."""
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
    """The mark with this layer added if it was decoded, and the soft bits of its part of the message."""
    layer_code = _code(name, mark.grid, size)
    decoded, mark = decode_layer(mark, lattice, name, layer_code)
    if decoded is None:
        soft = lattice.layer_soft_bits(mark.view, mark.reading, name, mark.grid)
        return mark, layer_code.information(soft)
    soft = np.where(decoded.bits, -CERTAIN, CERTAIN).astype(np.float32)
    return mark.with_layer(name, decoded.codeword, lattice), soft
