"""The signed payload: bit fields of the three layers.

    base    version 2 | rates 10 | rows 7 | cols 7 | identity 64 | crc 32                       = 122 bits
    middle  signed 1 | previous 1 | bits of a cell 3 | independent 1 | registered 1 | spare 1 | length 16 |
            [key fingerprint 32 | signature 512] | [previous identity 64 | its key fingerprint 32] |
            top digest 64 | cells | content | [key fingerprint 32, where registered] | padding | crc 32
    top     three parts, each one named by the digest in the layer before it:
            rate of the next part 6 | length 14 | [digest of the next part 64] |
            in the last part: key 1 | [public key 256] |
            content | padding

`cells` is the hash that judging.witness compares with the received picture: some bits for each cell of 4 x 4
blocks, plane by plane. The signature covers the base layer, cells, content and previous protection of the
middle layer and the digest of the top layer (of its first part), so nothing can be exchanged or moved to
another mark. Where the mark is `registered`, a registry keeps this signature; older readers take the
fingerprint behind the content for padding, and the mark for an unsigned one.

Version 2, still written where the parts have no room, has 8 bits each for rates, rows and columns, and one
top layer: key 1 | spare 3 | length 20 | [public key 256] | content | padding | crc 32. Version 1 moreover has
neither cells nor a previous protection: signed 1 | spare 3 | length 16 and so on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from underdrawing.coding.bits import BitReader, crc32, from_bytes, from_int, to_bytes, to_int
from underdrawing.coding.keys import FINGERPRINT_BYTES, Owner, PublicKey
from underdrawing.core.errors import CodeError

VERSION = 3
UNSPLIT_VERSION = 2
"""The latest version with one top layer."""
BASE_BITS = 122
CELL_BLOCKS = 4
"""Blocks along a side of a cell of the hash."""
_FIRST_VERSION = 1
_CRC, _DIGEST, _SIGNATURE, _KEY = 32, 64, 512, 256
_FINGERPRINT = 8 * FINGERPRINT_BYTES
_MIDDLE_LENGTH, _TOP_LENGTH, _PART_LENGTH = 16, 20, 14
_RATE = 6
_PREVIOUS = 64 + _FINGERPRINT
_MOST_CELL_BITS = 3  # of the hash; a fourth finds no more edits, see docs/HOW_IT_WORKS.md
_HASH_SHARE = 0.6  # of the middle layer's content, at most, where more than one bit for each cell has room
Signing = Literal["absent", "mark", "registry"]
"""Where the signature of a mark is kept; "absent": there is none."""
_KEY_ROOM = 10 * _KEY
"""The top layer carries the public key where it has at least this many bits."""
LEAST_PART_BITS = 128
"""Room of a part that is useful: what it holds beside content takes 84 bits."""


def _base_fields(version: int) -> tuple[int, int, int]:
    """Bits of rates, rows and columns."""
    return (10, 7, 7) if version > UNSPLIT_VERSION else (8, 8, 8)


@dataclass(frozen=True)
class Base:
    """The base layer."""

    rows: int
    """Blocks of the grid, 1..256."""
    cols: int
    identity: bytes
    """8 bytes."""
    rates: int = 0
    """Index of the code rates, 0..255, or 0..1023 with a top layer in parts."""
    version: int = VERSION

    @property
    def split(self) -> bool:
        """Whether the top layer has parts."""
        return self.version > UNSPLIT_VERSION

    def bits(self) -> np.ndarray:
        """(122,) uint8."""
        if len(self.identity) != 8:
            raise CodeError(f"an identity has 8 bytes, got {len(self.identity)}")
        sizes = zip((self.rates, self.rows - 1, self.cols - 1), _base_fields(self.version), strict=True)
        fields = [(self.version, 2), *sizes]
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

    @property
    def digits(self) -> tuple[str, str | None]:
        """Identity and fingerprint in hexadecimal, as a verdict names them."""
        return self.identity.hex(), None if self.fingerprint is None else self.fingerprint.hex()


class Contents(NamedTuple):
    """Content of a picture, as bits."""

    middle: np.ndarray
    """First part of the content code."""
    top: tuple[np.ndarray, ...] = ()
    """The rest of it, or where `independent` a code of its own; one array, or one for each part."""
    independent: bool = False
    cells: np.ndarray = np.zeros(0, np.uint8)
    """(k, rows, cols) hash bits of each cell, k in 0..7; of any shape where empty."""


@dataclass(frozen=True)
class Middle:
    """The middle layer."""

    content: np.ndarray
    top_digest: np.ndarray
    """(64,) bits, of the top layer or its first part; zeros where there is none."""
    fingerprint: bytes | None = None
    """4 bytes of the signer's key, None where nothing is signed."""
    signature: bytes | None = None
    cells: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0), np.uint8))
    """(k, rows, cols) hash bits of each cell."""
    previous: Previous | None = None
    independent: bool = False
    """Whether the top layer's content is a code of its own, and does not refine this one."""
    registered: bool = False
    """Whether a registry keeps the signature."""


@dataclass(frozen=True)
class Top:
    """The top layer, or its parts that were read."""

    content: tuple[np.ndarray, ...]
    public: PublicKey | None = None


@dataclass(frozen=True)
class Part:
    """One part of the top layer."""

    content: np.ndarray
    rate: int
    """Index of the next part's rate; 0 in the last one."""
    digest: np.ndarray
    """(64,) bits, of the next part; zeros in the last one."""
    public: PublicKey | None = None


@dataclass(frozen=True)
class Layers:
    """Information bits of every layer; None where a layer does not exist."""

    base: np.ndarray
    middle: np.ndarray | None
    top: tuple[np.ndarray, ...]
    """Of the whole layer, or of each part; empty where there is none."""
    signature: bytes | None = None
    """That a registry has to keep, 64 bytes; None where there is none, or the middle layer has it."""


def cell_grid(rows: int, cols: int) -> tuple[int, int]:
    """Rows and columns of cells on a grid of so many blocks; those at the rim may be cut."""
    return -(-rows // CELL_BLOCKS), -(-cols // CELL_BLOCKS)


def bits_of_a_cell(room: int, cells: int) -> int:
    """Hash bits of each of so many cells, in a middle layer with room for so many bits."""
    if room < cells:
        return 0
    return max(1, min(_MOST_CELL_BITS, int(_HASH_SHARE * room / cells)))


def middle_overhead(signing: Signing, previous: bool = False) -> int:
    """Bits of the middle layer that are neither cells nor content."""
    signature = {"absent": 0, "mark": _FINGERPRINT + _SIGNATURE, "registry": _FINGERPRINT}[signing]
    return 8 + _MIDDLE_LENGTH + signature + (_PREVIOUS if previous else 0) + _DIGEST + _CRC


def budgets(
    k_middle: int, k_top: Sequence[int], signing: Signing, previous: bool = False
) -> tuple[int, tuple[int, ...]]:
    """Bits that the middle layer has room for (cells and content), and the top layer or each of its parts."""
    room = max(0, k_middle - middle_overhead(signing, previous)) if k_middle else 0
    middle = min(room, (1 << _MIDDLE_LENGTH) - 1)
    key = _KEY if _has_key(k_top, signing == "mark") else 0
    if len(k_top) > 1:
        heads = [_RATE + _PART_LENGTH + _DIGEST] * (len(k_top) - 1) + [_RATE + _PART_LENGTH + 1 + key]
        limit = (1 << _PART_LENGTH) - 1
        return middle, tuple(min(k - head, limit) for k, head in zip(k_top, heads, strict=True))
    limit = (1 << _TOP_LENGTH) - 1
    return middle, tuple(min(max(0, k - 4 - _TOP_LENGTH - key - _CRC), limit) for k in k_top)


def _has_key(k_top: Sequence[int], signed: bool) -> bool:
    """Whether the public key has room in a top layer of these sizes, and at its end. A registry keeps the key
    beside the signature."""
    return signed and sum(k_top) >= _KEY_ROOM and k_top[-1] >= 2 * _KEY


def build(
    base: Base,
    contents: Contents,
    sizes: tuple[int, Sequence[int]],
    owner: Owner | None,
    previous: Previous | None = None,
    rates: Sequence[int] = (),
    *,
    registered: bool = False,
) -> Layers:
    """All layers of version 2 or 3, by `base.version`.

    sizes: information bits of the middle layer (0 for none), and of the top layer (none, one or the parts').
    rates: of the parts behind the first one. registered: whether a registry keeps the signature. Without room
    for a signature, or here for the key's fingerprint, the middle layer is not signed.
    """
    head, (k_middle, k_top) = base.bits(), sizes
    public = owner.public if owner is not None and not registered and _has_key(k_top, True) else None
    if base.split:
        top = _build_parts(contents.top, k_top, rates, public)
    else:
        top = tuple(_build_top(head, c, k, public) for c, k in zip(contents.top, k_top, strict=True))
    if not k_middle:
        return Layers(head, None, top)
    least = middle_overhead("registry" if registered else "mark", previous is not None)
    signer = owner if k_middle >= least else None
    in_mark, in_registry = signer is not None and not registered, signer is not None and registered
    digest = top_digest(top[0]) if top else np.zeros(_DIGEST, np.uint8)
    cells = contents.cells if contents.cells.size else np.zeros((0, 0, 0), np.uint8)
    header = [(int(in_mark), 1), (int(previous is not None), 1), (len(cells), 3)]
    header += [(int(contents.independent), 1), (int(in_registry), 1), (0, 1)]
    parts = [from_int(*f) for f in [*header, (len(contents.middle), _MIDDLE_LENGTH)]]
    unsigned = Middle(
        contents.middle, digest, cells=cells, previous=previous, independent=contents.independent
    )
    fingerprint = b"" if signer is None else signer.public.short
    signature = b"" if signer is None else signer.sign(signed_message(base, unsigned))
    if in_mark:
        parts += [from_bytes(fingerprint), from_bytes(signature)]
    if previous is not None:
        parts.append(previous.bits())
    parts += [digest, cells.ravel(), contents.middle]
    if in_registry:
        parts.append(from_bytes(fingerprint))
    kept = signature if in_registry else None
    return Layers(head, _closed(parts, k_middle, head, b"underdrawing middle"), top, kept)


def bits_by_kind(layers: Layers, contents: Contents) -> dict[str, int]:
    """Number of information bits of each layer, and of the two kinds of content."""
    return {
        "base": len(layers.base),
        "middle": 0 if layers.middle is None else len(layers.middle),
        "top": sum(map(len, layers.top)),
        "content": len(contents.middle) + sum(map(len, contents.top)),
        "cells": contents.cells.size,
    }


def bits_read(middle: Middle | None, top: Top | None, sizes: tuple[int, Sequence[int]]) -> dict[str, int]:
    """As `bits_by_kind`, of the layers that were read; `sizes` as in `build`, of the parts that were read."""
    read = [*(() if middle is None else (middle.content,)), *(() if top is None else top.content)]
    return {
        "base": BASE_BITS,
        "middle": 0 if middle is None else sizes[0],
        "top": 0 if top is None else sum(sizes[1]),
        "content": sum(map(len, read)),
        "cells": 0 if middle is None else middle.cells.size,
    }


def _build_top(head: np.ndarray, content: np.ndarray, size: int, public: PublicKey | None) -> np.ndarray:
    parts = [from_int(int(public is not None), 1), from_int(0, 3), from_int(len(content), _TOP_LENGTH)]
    if public is not None:
        parts.append(from_bytes(public.raw))
    return _closed([*parts, content], size, head, b"underdrawing top")


def _build_parts(
    contents: Sequence[np.ndarray], sizes: Sequence[int], rates: Sequence[int], public: PublicKey | None
) -> tuple[np.ndarray, ...]:
    """The last part first: each one names the next by its digest."""
    built: list[np.ndarray] = []
    for content, size, rate in reversed(list(zip(contents, sizes, (*rates, 0), strict=True))):
        fields = [from_int(rate, _RATE), from_int(len(content), _PART_LENGTH)]
        if built:
            fields.append(top_digest(built[0]))
        else:
            fields.append(from_int(int(public is not None), 1))
            fields += [] if public is None else [from_bytes(public.raw)]
        built.insert(0, _padded([*fields, content], size))
    return tuple(built)


def _padded(parts: list[np.ndarray], size: int) -> np.ndarray:
    body = np.concatenate(parts)
    if len(body) > size:
        raise CodeError(f"expected at most {size} bits for this layer, got {len(body)}")
    return np.concatenate([body, np.zeros(size - len(body), np.uint8)])


def _closed(parts: list[np.ndarray], size: int, head: np.ndarray, domain: bytes) -> np.ndarray:
    body = _padded(parts, size - _CRC)
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
    version = reader.number(2)
    rates, rows, cols = (reader.number(size) for size in _base_fields(version))
    if not _FIRST_VERSION <= version <= VERSION:
        raise CodeError(
            f"this mark has layout version {version}; this program reads {_FIRST_VERSION} to {VERSION}"
        )
    return Base(rows + 1, cols + 1, to_bytes(reader.take(64)), rates, version)


def read_middle(bits: np.ndarray, base: Base) -> Middle:
    """Parse the middle layer's information bits; CodeError on a wrong checksum."""
    reader = BitReader(_opened(bits, base.bits(), b"underdrawing middle"))
    signed, stated, k, independent, registered = reader.number(1), 0, 0, 0, 0
    if base.version == _FIRST_VERSION:
        reader.take(3)
    else:
        stated, k, independent, registered, _ = (reader.number(size) for size in (1, 3, 1, 1, 1))
    length = reader.number(_MIDDLE_LENGTH)
    fingerprint = to_bytes(reader.take(_FINGERPRINT)) if signed else None
    signature = to_bytes(reader.take(_SIGNATURE)) if signed else None
    previous = _read_previous(reader) if stated else None
    digest = reader.take(_DIGEST)
    rows, cols = cell_grid(base.rows, base.cols)
    cells = reader.take(k * rows * cols).reshape(k, rows, cols)
    content = reader.take(length)
    if registered:
        fingerprint = to_bytes(reader.take(_FINGERPRINT))
    return Middle(
        content, digest, fingerprint, signature, cells, previous, bool(independent), bool(registered)
    )


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
    return Top((reader.take(length),), public)


def read_part(bits: np.ndarray, digest: np.ndarray) -> Part:
    """Parse one part of the top layer; CodeError where it is not the one of this digest."""
    if to_int(digest) != to_int(top_digest(bits)):
        raise CodeError("this part of the top layer is not the one that the layer before it names")
    reader = BitReader(bits)
    rate, length = reader.number(_RATE), reader.number(_PART_LENGTH)
    following = reader.take(_DIGEST) if rate else np.zeros(_DIGEST, np.uint8)
    with_key = not rate and reader.number(1)
    public = PublicKey(to_bytes(reader.take(_KEY))) if with_key else None
    return Part(reader.take(length), rate, following, public)


def top_digest(bits: np.ndarray) -> np.ndarray:
    """(64,) first bits of the SHA-256 of a top layer or of a part."""
    return from_bytes(hashlib.sha256(b"underdrawing top\0" + to_bytes(bits)).digest())[:_DIGEST]


def signed_message(base: Base, middle: Middle) -> bytes:
    """Message of the signature: the fields of base and middle layer, with the digest of the top layer."""
    fields = [base.bits(), middle.content, middle.top_digest]
    if base.version != _FIRST_VERSION:
        previous = np.zeros(0, np.uint8) if middle.previous is None else middle.previous.bits()
        fields += [middle.cells.ravel(), previous, from_int(int(middle.independent), 1)]
    parts = b"".join(len(field).to_bytes(4, "big") + to_bytes(field) for field in fields)
    return b"underdrawing signature %d\0" % base.version + parts


def check_signature(base: Base, middle: Middle, public: PublicKey, kept: Sequence[bytes] = ()) -> bool:
    """Whether the signature of the middle layer, or one of those that a registry keeps, is this key's."""
    signatures = kept if middle.signature is None else (middle.signature,)
    return any(public.verify(signed_message(base, middle), signature) for signature in signatures)
