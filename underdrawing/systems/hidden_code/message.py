"""The message of Hidden-Code: identity, optional signature, and the content code.

    signed 1 | kind 2 | identity 64 | CRC-32 of these | fingerprint 32, signature 512 where signed | code

There are three kinds of code. A carrier with less than these 99 bits carries plain tokens only, as in the
paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from underdrawing.coding.bits import crc32, from_bytes, from_int, to_bytes, to_int
from underdrawing.coding.keys import FINGERPRINT_BYTES, Owner, PublicKey
from underdrawing.core.interfaces import CERTAIN

HEAD_BITS = 3 + 64 + 32
SIGNATURE_BITS = 8 * FINGERPRINT_BYTES + 512
_DOMAIN = b"underdrawing hidden code 1"


class Kind(IntEnum):
    """Kind of a content code."""

    TOKENS = 0
    """Whole scales of fixed-length tokens: any prefix can be decoded, bit errors included."""
    CODED = 1
    """Tokens, arithmetic-coded by the transformer's probabilities (token_coder)."""
    SKETCH = 2
    """The sketch codec (content/sketch)."""


@dataclass(frozen=True)
class Message:
    """A decoded message."""

    identity: bytes | None
    """8 bytes; None in a message without identity, or where the checksum fails."""
    code: np.ndarray
    """uint8 bits: the reliable prefix of the code."""
    kind: Kind = Kind.TOKENS
    fingerprint: bytes | None = None
    """4 bytes of the signer's key, empty where they were lost; None without a signature."""
    signature: bytes | None = None
    """None where it was lost, or without a signature."""

    def signed_by(self, public: PublicKey) -> bool:
        """Whether the signature over identity and code is valid under a key."""
        if self.identity is None or self.signature is None:
            return False
        return public.verify(_signed(self.identity, self.code, self.kind), self.signature)


def overhead_bits(signed: bool) -> int:
    """Bits of a message beside the code."""
    return HEAD_BITS + (SIGNATURE_BITS if signed else 0)


def pack(identity: bytes, code: np.ndarray, kind: Kind, owner: Owner | None) -> np.ndarray:
    """A message as uint8 bits; `identity` has 8 bytes."""
    flags = from_int(int(owner is not None), 1), from_int(kind, 2)
    head = np.concatenate([*flags, from_bytes(identity)])
    parts = [head, crc32(head, domain=_DOMAIN)]
    if owner is not None:
        parts += [from_bytes(owner.public.short), from_bytes(owner.sign(_signed(identity, code, kind)))]
    return np.concatenate([*parts, code]).astype(np.uint8)


def unpack(soft_bits: np.ndarray, code_alone: bool = False) -> Message:
    """The message in soft bits of a carrier; empty where the checksum of the identity fails.

    code_alone: the message has no identity, nor has one shorter than a head. All hard bits of such a code are
    used; of a code behind an identity only the prefix in which every bit is CERTAIN.
    """
    hard = (soft_bits < 0).astype(np.uint8)
    if code_alone or len(soft_bits) < HEAD_BITS:
        return Message(None, hard)
    head, check = hard[: HEAD_BITS - 32], hard[HEAD_BITS - 32 : HEAD_BITS]
    if not np.array_equal(crc32(head, domain=_DOMAIN), check):
        return Message(None, hard[:0])
    doubtful = np.flatnonzero(np.abs(soft_bits) < CERTAIN)
    certain = hard[: doubtful[0]] if len(doubtful) else hard
    identity, number, rest = to_bytes(head[3:]), to_int(head[1:3]), certain[HEAD_BITS:]
    if number not in set(Kind):  # of a later version
        return Message(identity, rest[:0])
    kind = Kind(number)
    if not head[0]:
        return Message(identity, rest, kind)
    if len(rest) < SIGNATURE_BITS:
        return Message(identity, rest[:0], kind, b"")
    fingerprint, signature = rest[: 8 * FINGERPRINT_BYTES], rest[8 * FINGERPRINT_BYTES : SIGNATURE_BITS]
    complete = to_bytes(signature) if len(certain) == len(hard) else None
    return Message(identity, rest[SIGNATURE_BITS:], kind, to_bytes(fingerprint), complete)


def _signed(identity: bytes, code: np.ndarray, kind: Kind) -> bytes:
    return b"\0".join(
        [_DOMAIN, kind.name.encode(), identity, len(code).to_bytes(4, "big"), np.packbits(code).tobytes()]
    )
