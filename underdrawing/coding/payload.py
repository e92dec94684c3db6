"""The signed payload: bit fields of the three layers.

    base    version 2 | rates 8 | rows 8 | cols 8 | identity 64 | crc 32                        = 122 bits
    middle  signed 1 | previous 1 | bits of a cell 3 | independent 1 | spare 2 | length 16 |
            [key fingerprint 32 | signature 512] | [previous identity 64 | its key fingerprint 32] |
            top digest 64 | cells | content | padding | crc 32
    top     key 1 | spare 3 | length 20 | [public key 256] | content | padding | crc 32

`cells` is the hash that judging.witness compares with the received picture: some bits for each cell of 4 x 4
blocks, plane by plane. The signature covers the base layer, cells, content and previous protection of the
middle layer and the digest of the top layer, so no part can be exchanged or moved to another mark.
Version 1 has neither cells nor a previous protection: signed 1 | spare 3 | length 16 and so on.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from underdrawing.coding.bits import BitReader, crc32, from_bytes, from_int, to_bytes, to_int
from underdrawing.coding.keys import FINGERPRINT_BYTES, Owner, PublicKey
from underdrawing.core.errors import CodeError

VERSION = 2
BASE_BITS = 122
CELL_BLOCKS = 4
"""Blocks along a side of a cell of the hash."""
_FIRST_VERSION = 1
_CRC, _DIGEST, _SIGNATURE, _KEY = 32, 64, 512, 256
_FINGERPRINT = 8 * FINGERPRINT_BYTES
_MIDDLE_LENGTH, _TOP_LENGTH = 16, 20
_PREVIOUS = 64 + _FINGERPRINT
_MOST_CELL_BITS = 3  # of the hash; a fourth finds no more edits, see docs/HOW_IT_WORKS.md
_HASH_SHARE = 0.6  # of the middle layer's content, at most, where more than one bit for each cell has room
_KEY_ROOM = 10 * _KEY
"""The top layer carries the public key where it has at least this many bits."""


@dataclass(frozen=True)
class Base:
    """The base layer."""

    rows: int
    """Blocks of the grid, 1..256."""
    cols: int
    identity: bytes
    """8 bytes."""
    rates: int = 0
    """Index of the code rates, 0..255."""
    version: int = VERSION

    def bits(self) -> np.ndarray:
        """(122,) uint8."""
        if len(self.identity) != 8:
            raise CodeError(f"an identity has 8 bytes, got {len(self.identity)}")
        fields = [(self.version, 2), (self.rates, 8), (self.rows - 1, 8), (self.cols - 1, 8)]
        body = np.concatenate([from_int(*f) for f in fields] + [from_bytes(self.identity)])
        return np.concatenate([body, crc32(body, domain=b"underdrawing base")])


@dataclass(frozen=True)
class Previous:
    """An earlier protection of the same picture, as the present protector states it."""

    identity: bytes
    """8 bytes."""
    fingerprint: bytes | None = None
    """4 bytes of the key that signed it, None without a signature."""

    def bits(self) -> np.ndarray:
        """(96,) uint8."""
        return from_bytes(self.identity + (self.fingerprint or bytes(FINGERPRINT_BYTES)))


class Contents(NamedTuple):
    """Content of a picture, as bits."""

    middle: np.ndarray
    """First part of the content code."""
    top: np.ndarray
    """The rest of it, or where `independent` a code of its own."""
    independent: bool = False
    cells: np.ndarray = np.zeros(0, np.uint8)
    """(k, rows, cols) hash bits of each cell, k in 0..7; of any shape where empty."""


@dataclass(frozen=True)
class Middle:
    """The middle layer."""

    content: np.ndarray
    top_digest: np.ndarray
    """(64,) bits; zeros where there is no top layer."""
    fingerprint: bytes | None = None
    """4 bytes of the signer's key, None where nothing is signed."""
    signature: bytes | None = None
    cells: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0), np.uint8))
    """(k, rows, cols) hash bits of each cell."""
    previous: Previous | None = None
    independent: bool = False
    """Whether the top layer's content is a code of its own, and does not refine this one."""


@dataclass(frozen=True)
class Top:
    """The top layer."""

    content: np.ndarray
    public: PublicKey | None = None


@dataclass(frozen=True)
class Layers:
    """Information bits of every layer; None where a layer does not exist."""

    base: np.ndarray
    middle: np.ndarray | None
    top: np.ndarray | None


def cell_grid(rows: int, cols: int) -> tuple[int, int]:
    """Rows and columns of cells on a grid of so many blocks; those at the rim may be cut."""
    return -(-rows // CELL_BLOCKS), -(-cols // CELL_BLOCKS)


def bits_of_a_cell(room: int, cells: int) -> int:
    """Hash bits of each of so many cells, in a middle layer with room for so many bits."""
    if room < cells:
        return 0
    return max(1, min(_MOST_CELL_BITS, int(_HASH_SHARE * room / cells)))


def middle_overhead(signed: bool, previous: bool = False) -> int:
    """Bits of the middle layer that are neither cells nor content."""
    stated = (_FINGERPRINT + _SIGNATURE if signed else 0) + (_PREVIOUS if previous else 0)
    return 8 + _MIDDLE_LENGTH + stated + _DIGEST + _CRC


def budgets(k_middle: int, k_top: int, signed: bool, previous: bool = False) -> tuple[int, int]:
    """Bits that middle (cells and content) and top layers of these sizes have room for."""
    room = max(0, k_middle - middle_overhead(signed, previous)) if k_middle else 0
    middle = min(room, (1 << _MIDDLE_LENGTH) - 1)
    key = _KEY if signed and k_top >= _KEY_ROOM else 0
    top = min(max(0, k_top - 4 - _TOP_LENGTH - key - _CRC), (1 << _TOP_LENGTH) - 1) if k_top else 0
    return middle, top


def build(
    base: Base,
    contents: Contents,
    sizes: tuple[int, int],
    owner: Owner | None,
    previous: Previous | None = None,
) -> Layers:
    """All layers of version 2; `sizes` (information bits, 0 for none) are those of middle and top.

    Without room for a signature the middle layer is not signed.
    """
    head, (k_middle, k_top) = base.bits(), sizes
    top = _build_top(head, contents.top, k_top, owner) if k_top else None
    if not k_middle:
        return Layers(head, None, top)
    signed = owner is not None and k_middle >= middle_overhead(True, previous is not None)
    digest = top_digest(top) if top is not None else np.zeros(_DIGEST, np.uint8)
    cells = contents.cells if contents.cells.size else np.zeros((0, 0, 0), np.uint8)
    header = [(int(signed), 1), (int(previous is not None), 1), (len(cells), 3)]
    header += [(int(contents.independent), 1), (0, 2)]
    parts = [from_int(*f) for f in [*header, (len(contents.middle), _MIDDLE_LENGTH)]]
    if signed and owner is not None:
        unsigned = Middle(
            contents.middle, digest, cells=cells, previous=previous, independent=contents.independent
        )
        parts += [from_bytes(owner.public.short), from_bytes(owner.sign(signed_message(base, unsigned)))]
    if previous is not None:
        parts.append(previous.bits())
    parts += [digest, cells.ravel(), contents.middle]
    return Layers(head, _closed(parts, k_middle, head, b"underdrawing middle"), top)


def bits_by_kind(layers: Layers, contents: Contents) -> dict[str, int]:
    """Number of information bits of each layer, and of the two kinds of content."""
    parts = {"base": layers.base, "middle": layers.middle, "top": layers.top}
    sizes = {name: 0 if bits is None else len(bits) for name, bits in parts.items()}
    content = len(contents.middle) + len(contents.top)
    return {**sizes, "content": content, "cells": contents.cells.size}


def bits_read(middle: Middle | None, top: Top | None, sizes: tuple[int, int]) -> dict[str, int]:
    """As `bits_by_kind`, of the layers that were read; `sizes` are those of middle and top."""
    return {
        "base": BASE_BITS,
        "middle": 0 if middle is None else sizes[0],
        "top": 0 if top is None else sizes[1],
        "content": sum(len(part.content) for part in (middle, top) if part is not None),
        "cells": 0 if middle is None else middle.cells.size,
    }


def _build_top(head: np.ndarray, content: np.ndarray, size: int, owner: Owner | None) -> np.ndarray:
    with_key = owner is not None and size >= _KEY_ROOM
    parts = [from_int(int(with_key), 1), from_int(0, 3), from_int(len(content), _TOP_LENGTH)]
    if with_key and owner is not None:
        parts.append(from_bytes(owner.public.raw))
    return _closed([*parts, content], size, head, b"underdrawing top")


def _closed(parts: list[np.ndarray], size: int, head: np.ndarray, domain: bytes) -> np.ndarray:
    body = np.concatenate(parts)
    if len(body) + _CRC > size:
        raise CodeError(f"expected at most {size - _CRC} bits for this layer, got {len(body)}")
    body = np.concatenate([body, np.zeros(size - _CRC - len(body), np.uint8)])
    return np.concatenate([body, crc32(head, body, domain=domain)])


def _opened(bits: np.ndarray, head: np.ndarray, domain: bytes) -> np.ndarray:
    body, check = bits[:-_CRC], bits[-_CRC:]
    if not np.array_equal(check, crc32(head, body, domain=domain)):
        raise CodeError(f"the checksum of the {domain.decode().split()[-1]} layer does not fit")
    return body


def read_base(bits: np.ndarray) -> Base:
    """Parse 122 bits; CodeError if the checksum or the version does not fit."""
    if len(bits) != BASE_BITS:
        raise CodeError(f"expected {BASE_BITS} bits, got {len(bits)}")
    body, check = bits[:-_CRC], bits[-_CRC:]
    if not np.array_equal(check, crc32(body, domain=b"underdrawing base")):
        raise CodeError("the checksum of the base layer does not fit")
    reader = BitReader(body)
    version, rates, rows, cols = reader.number(2), reader.number(8), reader.number(8), reader.number(8)
    if version not in (_FIRST_VERSION, VERSION):
        raise CodeError(
            f"this mark has layout version {version}; this program reads {_FIRST_VERSION}, {VERSION}"
        )
    return Base(rows + 1, cols + 1, to_bytes(reader.take(64)), rates, version)


def read_middle(bits: np.ndarray, base: Base) -> Middle:
    """Parse the middle layer's information bits; CodeError on a wrong checksum."""
    reader = BitReader(_opened(bits, base.bits(), b"underdrawing middle"))
    signed, stated, k, independent = reader.number(1), 0, 0, 0
    if base.version == _FIRST_VERSION:
        reader.take(3)
    else:
        stated, k, independent, _ = reader.number(1), reader.number(3), reader.number(1), reader.take(2)
    length = reader.number(_MIDDLE_LENGTH)
    fingerprint = to_bytes(reader.take(_FINGERPRINT)) if signed else None
    signature = to_bytes(reader.take(_SIGNATURE)) if signed else None
    previous = _read_previous(reader) if stated else None
    digest = reader.take(_DIGEST)
    rows, cols = cell_grid(base.rows, base.cols)
    cells = reader.take(k * rows * cols).reshape(k, rows, cols)
    content = reader.take(length)
    return Middle(content, digest, fingerprint, signature, cells, previous, bool(independent))


def _read_previous(reader: BitReader) -> Previous:
    identity, fingerprint = to_bytes(reader.take(64)), to_bytes(reader.take(_FINGERPRINT))
    return Previous(identity, fingerprint if any(fingerprint) else None)


def read_top(bits: np.ndarray, base: Base, middle: Middle | None) -> Top:
    """Parse the top layer's information bits; CodeError on a wrong checksum or a digest other than
    the middle layer's."""
    reader = BitReader(_opened(bits, base.bits(), b"underdrawing top"))
    if middle is not None and to_int(middle.top_digest) != to_int(top_digest(bits)):
        raise CodeError("the top layer is not the one that the middle layer names")
    with_key, _, length = reader.number(1), reader.take(3), reader.number(_TOP_LENGTH)
    public = PublicKey(to_bytes(reader.take(_KEY))) if with_key else None
    return Top(reader.take(length), public)


def top_digest(bits: np.ndarray) -> np.ndarray:
    """(64,) first bits of the SHA-256 of a top layer."""
    return from_bytes(hashlib.sha256(b"underdrawing top\0" + to_bytes(bits)).digest())[:_DIGEST]


def signed_message(base: Base, middle: Middle) -> bytes:
    """Message of the signature: the fields of base and middle layer, with the digest of the top layer."""
    fields = [base.bits(), middle.content, middle.top_digest]
    if base.version != _FIRST_VERSION:
        previous = np.zeros(0, np.uint8) if middle.previous is None else middle.previous.bits()
        fields += [middle.cells.ravel(), previous, from_int(int(middle.independent), 1)]
    parts = b"".join(len(field).to_bytes(4, "big") + to_bytes(field) for field in fields)
    return b"underdrawing signature %d\0" % base.version + parts


def check_signature(base: Base, middle: Middle, public: PublicKey) -> bool:
    """Whether the middle layer's signature is this key's."""
    if middle.signature is None:
        return False
    return public.verify(signed_message(base, middle), middle.signature)
