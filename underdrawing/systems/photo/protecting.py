"""Protecting: from a photograph to the residual that carries its content code."""

from __future__ import annotations

import secrets

import cv2
import numpy as np

from underdrawing.carriers.lattice.detection import BASE_CODE_BITS
from underdrawing.carriers.lattice.embed import code_length
from underdrawing.carriers.lattice.grid import grid_size, resize, to_picture
from underdrawing.carriers.lattice.lattice import Lattice, is_small
from underdrawing.carriers.lattice.parameters import (
    TEXTURE_GAINS,
    EmbeddingLevel,
    default_strength_for_size,
    nearest_strength,
)
from underdrawing.coding import payload
from underdrawing.coding.bits import pack_code
from underdrawing.coding.keys import Owner
from underdrawing.coding.ldpc import code, short_code
from underdrawing.core.errors import CapacityError, ShapeError
from underdrawing.ops.color import luma, luma_direction
from underdrawing.ops.protection import Protection
from underdrawing.systems.photo import rates
from underdrawing.systems.photo.parts import SketchCodec

LEAST_SIDE_PX = 64
_EXACT_PIXELS = 1 << 21  # pixels up to which luma is float; in larger pictures averaging hides 8-bit rounding
_LEAST_CONTENT_BITS = 60
_MANY_BLOCKS = 2000  # above, a texture gain of 1 is not tried
_LARGE_ROOM = 2.0  # room for large pictures, whose capacity is measured on the grid only
_NEARLY = 0.95  # of the largest room, from which a lower level is preferred


def picture_luma(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 -> (H, W) float32 luma."""
    if image.shape[0] * image.shape[1] <= _EXACT_PIXELS:
        return luma(image)
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)


def protect(
    image: np.ndarray,
    sketch: SketchCodec,
    *,
    owner: Owner | None,
    identity: bytes | None,
    secret: bytes | None,
    strength: float,
) -> Protection:
    """Embed the content code of a photograph (H, W, 3) uint8.

    ShapeError below 64 px; CapacityError where the base layer is not decodable.
    """
    height, width = image.shape[:2]
    if min(height, width) < LEAST_SIDE_PX:
        raise ShapeError(
            f"expected sides of at least {LEAST_SIDE_PX} px, got {width}x{height}; too small to protect"
        )
    identity = identity or secrets.token_bytes(8)
    default_strength = default_strength_for_size(max(height, width))
    strength = nearest_strength(strength * default_strength)
    lattice = Lattice(secret, BASE_CODE_BITS)
    size = grid_size(height, width)
    rows, cols = size[0] // 8, size[1] // 8
    plane = np.ascontiguousarray(resize(picture_luma(image), size)[: 8 * rows, : 8 * cols])

    level, index = _fitted(lattice, plane, strength, default_strength, owner is not None)
    k_middle, k_top = rates.sizes(index, rows, cols)
    budgets = payload.budgets(k_middle, k_top, owner is not None)
    small = resize(image, size)[: 8 * rows, : 8 * cols]
    contents = _contents(sketch, np.ascontiguousarray(small), budgets)
    base = payload.Base(rows, cols, identity, index)
    layers = payload.build(base, contents, (k_middle, k_top), owner)

    coded = {
        name: code(code_length(name, rows, cols), len(bits)).encode(bits)
        for name, bits in (("middle", layers.middle), ("top", layers.top))
        if bits is not None
    }
    first = short_code(BASE_CODE_BITS, payload.BASE_BITS).encode(layers.base)
    change = lattice.embed(plane, first, coded, level)
    if not _base_is_readable(lattice, plane + change, layers.base, level):
        raise CapacityError(
            f"this picture of {width}x{height} px is too small or too flat to carry a readable identity"
        )
    bits = {
        "base": len(layers.base),
        "middle": k_middle,
        "top": k_top,
        "content": len(contents[0]) + len(contents[1]),
        "coded": len(first) + sum(map(len, coded.values())),
    }
    return Protection(
        to_picture(change, size, (height, width)),
        luma_direction(image),
        identity.hex(),
        bits,
        pack_code(contents),
    )


def _fitted(
    lattice: Lattice, plane: np.ndarray, strength: float, ease: float, signed: bool
) -> tuple[EmbeddingLevel, int]:
    """The lowest level with enough capacity for the payload in this luma plane, and its rate index.

    See Lattice.capacity for `ease`.
    """
    rows, cols = plane.shape[0] // 8, plane.shape[1] // 8
    least_middle = payload.middle_overhead(signed) + _LEAST_CONTENT_BITS
    tried = []
    for texture_gain in TEXTURE_GAINS[1:] if rows * cols > _MANY_BLOCKS and ease == 1 else TEXTURE_GAINS:
        level = EmbeddingLevel(strength, texture_gain)
        capacity = lattice.capacity(plane, level, ease)
        index = rates.choose(capacity, rows, cols, least_middle)
        if is_small(rows, cols):  # the middle layer's place is taken
            return level, index & 15
        tried.append((rates.room(capacity, least_middle), level, index))
        if tried[-1][0] >= (1 if ease == 1 else _LARGE_ROOM):
            break
    enough = _NEARLY * max(room for room, _, _ in tried)
    return next((level, index) for room, level, index in tried if room >= enough)


def _base_is_readable(lattice: Lattice, marked: np.ndarray, base: np.ndarray, level: EmbeddingLevel) -> bool:
    """Whether the base layer is decodable from this luma after rounding and clipping."""
    soft = lattice.reread_base(np.clip(np.rint(marked), 0, 255), level)
    return np.array_equal(short_code(BASE_CODE_BITS, payload.BASE_BITS).decode(soft).bits, base)


def _contents(
    sketch: SketchCodec, image: np.ndarray, budgets: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Content code of middle and top; where one has no room, the other carries an independent code."""
    nothing = np.zeros(0, np.uint8)
    rooms = [b for b in budgets if b >= _LEAST_CONTENT_BITS]
    parts = iter(sketch.encode(image, rooms) if rooms else ())
    middle, top = (next(parts) if b >= _LEAST_CONTENT_BITS else nothing for b in budgets)
    return middle, top
