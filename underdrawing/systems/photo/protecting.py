"""Protecting: from a photograph to the residual that carries its content code."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from underdrawing.carriers.lattice.detection import BASE_CODE_BITS, base_is_readable
from underdrawing.carriers.lattice.division import Division, divide
from underdrawing.carriers.lattice.embed import code_length
from underdrawing.carriers.lattice.grid import grid_size, resize, to_picture
from underdrawing.carriers.lattice.lattice import LEAST_VIEW_PX, Lattice
from underdrawing.carriers.lattice.parameters import (
    default_strength_for_size,
    nearest_strength,
)
from underdrawing.carriers.lattice.private import PrivateLattice
from underdrawing.coding import payload
from underdrawing.coding.bits import pack_code
from underdrawing.coding.keys import Owner
from underdrawing.coding.ldpc import code, short_code
from underdrawing.coding.summary import Summary, caption_hash
from underdrawing.content.importance.importance import ImportanceMap
from underdrawing.content.importance.request import PLAIN, ContentRequest
from underdrawing.core.errors import CapacityError, ShapeError
from underdrawing.ops.color import luma_direction, picture_luma
from underdrawing.ops.protection import Protection
from underdrawing.systems.photo.parts import ContentWitness, SketchCodec

LEAST_SIDE_PX = 64
_MORE_IDENTITIES = 3  # drawn where one is not readable
_LEAST_CONTENT_BITS = 60
LAYERED_SHARE = 0.15
"""Of the bits of the top layer, from which the middle layer is a useful first layer."""


class Codecs(NamedTuple):
    """The parts that make the content code."""

    sketch: SketchCodec
    witness: ContentWitness
    importance: ImportanceMap


class Settings(NamedTuple):
    """What a picture is protected with, beside its identity."""

    owner: Owner | None = None
    secret: bytes | None = None
    strength: float = 1.0
    previous: payload.Previous | None = None
    """An earlier protection of the same picture, which the new one replaces and names."""
    content: ContentRequest = PLAIN


def protect(image: np.ndarray, codecs: Codecs, settings: Settings, identity: bytes | None) -> Protection:
    """Embed the content code of a photograph (H, W, 3) uint8.

    identity: None draws one at random, and another one where a small picture does not hold it.
    ShapeError below 64 px, for narrow pictures and for a focus outside of the picture; CapacityError where
    the base layer is not decodable.
    """
    for _ in range(_MORE_IDENTITIES if identity is None else 0):
        with suppress(CapacityError):
            return _protect(image, codecs, settings, secrets.token_bytes(8))
    return _protect(image, codecs, settings, identity or secrets.token_bytes(8))


def _protect(image: np.ndarray, codecs: Codecs, settings: Settings, identity: bytes) -> Protection:
    owner, previous = settings.owner, settings.previous
    height, width = image.shape[:2]
    size = _checked_grid(height, width)
    default_strength = default_strength_for_size(max(height, width))
    strength = nearest_strength(settings.strength * default_strength)
    rows, cols = size[0] // 8, size[1] // 8
    lattice = _lattice(settings.secret).of_picture(identity, (rows, cols))
    plane = np.ascontiguousarray(resize(picture_luma(image), size)[: 8 * rows, : 8 * cols])

    def divided(room_for: payload.Signing) -> tuple[Division, int]:
        overhead = payload.middle_overhead(room_for, previous is not None)
        return divide(lattice, plane, strength, default_strength, overhead + _LEAST_CONTENT_BITS), overhead

    place = settings.content.signing
    signing: payload.Signing = "absent" if owner is None else "registry" if place == "registry" else "mark"
    plan, overhead = divided(signing)
    if place == "auto" and signing == "mark" and plan.middle < overhead:
        signing, (plan, overhead) = "registry", divided("registry")
    elif signing == "registry" and not plan.middle:
        plan, _ = divided("mark")  # the least layer of a large grid
    k_middle, k_top = plan.middle, plan.top
    budgets = payload.budgets(k_middle, k_top, signing, previous is not None)
    small = np.ascontiguousarray(resize(image, size)[: 8 * rows, : 8 * cols])
    focus, caption, label, _ = settings.content
    faces = codecs.importance.faces(small) if focus.faces and (budgets[0] or any(budgets[1])) else []
    importance = codecs.importance.map(small, focus, (height, width), faces)
    recorded = Summary(len(faces) or None, None if caption is None else caption_hash(caption), label)
    summary, notes = recorded.within(budgets[0])
    contents = _contents(codecs, small, importance, (budgets[0] - len(summary.bits()), budgets[1]))
    version = payload.VERSION if plan.level.split else payload.UNSPLIT_VERSION
    base = payload.Base(rows, cols, identity, plan.index, version)
    ended = contents._replace(middle=np.concatenate((contents.middle, summary.bits())))
    sizes, registered = (k_middle, k_top), signing == "registry"
    layers = payload.build(base, ended, sizes, owner, previous, plan.parts[1:], registered=registered)

    coded = {
        name: code(code_length(name, rows, cols), len(bits)).encode(bits)
        for name, bits in zip(plan.level.layers, (layers.middle, *layers.top), strict=False)
        if bits is not None
    }
    first = short_code(BASE_CODE_BITS, payload.BASE_BITS).encode(layers.base)
    change = lattice.embed(plane, first, coded, plan.level)
    marked = np.clip(np.rint(plane + change), 0, 255)
    if not base_is_readable(lattice, marked, layers.base, plan.level):
        raise CapacityError(
            f"this picture of {width}x{height} px is too small or too flat to carry a readable identity"
        )
    bits = payload.bits_by_kind(layers, contents)
    bits["coded"] = len(first) + sum(map(len, coded.values()))
    return Protection(
        to_picture(change, size, (height, width)),
        luma_direction(image),
        identity.hex(),
        bits,
        pack_code((contents.middle, *contents.top)),
        k_middle >= overhead,
        notes,
        layers.signature,
    )


def _checked_grid(height: int, width: int) -> tuple[int, int]:
    """Size of the grid, px; ShapeError where picture or grid are too small."""
    if min(height, width) < LEAST_SIDE_PX:
        raise ShapeError(
            f"expected sides of at least {LEAST_SIDE_PX} px, got {width}x{height}; too small to protect"
        )
    size = grid_size(height, width)
    if min(size) < LEAST_VIEW_PX:
        raise ShapeError(f"{width}x{height} px is too narrow: its grid has {size[1]}x{size[0]} px")
    return size


def _lattice(secret: bytes | None) -> Lattice:
    return Lattice(None, BASE_CODE_BITS) if secret is None else PrivateLattice(secret, BASE_CODE_BITS)


def _contents(
    codecs: Codecs, image: np.ndarray, importance: np.ndarray | None, budgets: tuple[int, tuple[int, ...]]
) -> payload.Contents:
    """Hash and content code for these budgets of the middle layer, and of the top or its parts.

    A small first layer would hardly help the next and be poor itself: then these begin a code of their own.
    """
    nothing = np.zeros(0, np.uint8)
    cells = payload.cell_grid(image.shape[0] // 8, image.shape[1] // 8)
    k = payload.bits_of_a_cell(budgets[0], cells[0] * cells[1])
    hashed = codecs.witness.hash(image)[:k] if k else np.zeros((0, *cells), np.uint8)
    rooms = [b if b >= _LEAST_CONTENT_BITS else 0 for b in (budgets[0] - hashed.size, *budgets[1])]
    independent = rooms[0] < LAYERED_SHARE * sum(rooms[1:])
    coded: list[np.ndarray] = []
    for together in (rooms[:1], rooms[1:]) if independent else (rooms,):
        filled = [b for b in together if b]
        parts = iter(codecs.sketch.encode(image, filled, importance) if filled else ())
        coded += [next(parts) if b else nothing for b in together]
    return payload.Contents(coded[0], tuple(coded[1:]), independent, hashed)
