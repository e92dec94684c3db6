"""The signed payload: bit fields of the three layers.

    base    version 2 | rates 8 | rows 8 | cols 8 | identity 64 | crc 32                        = 122 bits
    middle  signed 1 | spare 3 | length 16 | [key fingerprint 32 | signature 512] | top digest 64 | content |
            padding | crc 32
    top     key 1 | spare 3 | length 20 | [public key 256] | content | padding | crc 32

The signature covers the base layer, the content of the middle layer and the digest of the top layer, so no
part of the content code can be exchanged or moved to another picture.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from underdrawing.coding.bits import BitReader, crc32, from_bytes, from_int, to_bytes, to_int
from underdrawing.coding.keys import FINGERPRINT_BYTES, Owner, PublicKey
from underdrawing.core.errors import CodeError

VERSION = 1
BASE_BITS = 122
_CRC, _DIGEST, _SIGNATURE, _KEY = 32, 64, 512, 256
_FINGERPRINT = 8 * FINGERPRINT_BYTES
_MIDDLE_LENGTH, _TOP_LENGTH = 16, 20
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

    def bits(self) -> np.ndarray:
        """(122,) uint8."""
        if len(self.identity) != 8:
            raise CodeError(f"an identity has 8 bytes, got {len(self.identity)}")
        fields = [(VERSION, 2), (self.rates, 8), (self.rows - 1, 8), (self.cols - 1, 8)]
        body = np.concatenate([from_int(*f) for f in fields] + [from_bytes(self.identity)])
        return np.concatenate([body, crc32(body, domain=b"underdrawing base")])


@dataclass(frozen=True)
class Middle:
    """The middle layer."""

    content: np.ndarray
    top_digest: np.ndarray
    """(64,) bits; zeros where there is no top layer."""
    fingerprint: bytes | None = None
    """4 bytes of the signer's key, None where nothing is signed."""
    signature: bytes | None = None


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


def middle_overhead(signed: bool) -> int:
    """Bits of the middle layer that are not content."""
    return 4 + _MIDDLE_LENGTH + (_FINGERPRINT + _SIGNATURE if signed else 0) + _DIGEST + _CRC


def budgets(k_middle: int, k_top: int, signed: bool) -> tuple[int, int]:
    """Bits of content that middle and top layers of these sizes have room for."""
    middle = min(max(0, k_middle - middle_overhead(signed)), (1 << _MIDDLE_LENGTH) - 1) if k_middle else 0
    key = _KEY if signed and k_top >= _KEY_ROOM else 0
    top = min(max(0, k_top - 4 - _TOP_LENGTH - key - _CRC), (1 << _TOP_LENGTH) - 1) if k_top else 0
    return middle, top


def build(
    base: Base, contents: tuple[np.ndarray, np.ndarray], sizes: tuple[int, int], owner: Owner | None
) -> Layers:
    """All layers: `contents` and `sizes` (information bits, 0 for none) are those of middle and top."""
    head = base.bits()
    (content, top_content), (k_middle, k_top) = contents, sizes
    top = _build_top(head, top_content, k_top, owner) if k_top else None
    if not k_middle:
        return Layers(head, None, top)
    signed = owner is not None and k_middle >= middle_overhead(True)
    digest = top_digest(top) if top is not None else np.zeros(_DIGEST, np.uint8)
    parts = [from_int(int(signed), 1), from_int(0, 3), from_int(len(content), _MIDDLE_LENGTH)]
    if signed and owner is not None:
        signature = owner.sign(signed_message(head, content, digest))
        parts += [from_bytes(owner.public.short), from_bytes(signature)]
    return Layers(head, _closed([*parts, digest, content], k_middle, head, b"underdrawing middle"), top)


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
    if version != VERSION:
        raise CodeError(f"this mark has layout version {version}; this program reads version {VERSION}")
    return Base(rows + 1, cols + 1, to_bytes(reader.take(64)), rates)


def read_middle(bits: np.ndarray, base: Base) -> Middle:
    """Parse the middle layer's information bits; CodeError on a wrong checksum."""
    reader = BitReader(_opened(bits, base.bits(), b"underdrawing middle"))
    signed, _, length = reader.number(1), reader.take(3), reader.number(_MIDDLE_LENGTH)
    fingerprint = to_bytes(reader.take(_FINGERPRINT)) if signed else None
    signature = to_bytes(reader.take(_SIGNATURE)) if signed else None
    digest = reader.take(_DIGEST)
    return Middle(reader.take(length), digest, fingerprint, signature)


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


def signed_message(head: np.ndarray, content: np.ndarray, digest: np.ndarray) -> bytes:
    """Message of the signature."""
    parts = b"".join(len(part).to_bytes(4, "big") + to_bytes(part) for part in (head, content, digest))
    return b"underdrawing signature 1\0" + parts


def check_signature(base: Base, middle: Middle, public: PublicKey) -> bool:
    """Whether the middle layer's signature is this key's."""
    if middle.signature is None:
        return False
    return public.verify(signed_message(base.bits(), middle.content, middle.top_digest), middle.signature)
