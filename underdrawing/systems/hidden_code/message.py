"""What a carrier carries for Hidden-Code: who, signed where an owner is given, and the code of the content.

    signed 1 | sketched 1 | identity 64 | CRC-32 of these | fingerprint 32, signature 512 where signed | code

The code is made of tokens, or is the sketch of codes/sketch where that is said. A carrier without room for
these 98 bits carries tokens alone, as in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from underdrawing.carriers.carrier import CERTAIN
from underdrawing.coding.bits import crc32, from_bytes, from_int, to_bytes
from underdrawing.coding.keys import FINGERPRINT_BYTES, Owner, PublicKey

HEAD_BITS = 2 + 64 + 32
SIGNATURE_BITS = 8 * FINGERPRINT_BYTES + 512
_DOMAIN = b"underdrawing hidden code 1"


@dataclass(frozen=True)
class Message:
    """What was read."""

    identity: bytes | None
    """8 bytes; None where the carrier had room for the code alone, or what it says does not check."""
    code: np.ndarray
    """uint8 bits: the hidden code as far as it was read for certain."""
    sketched: bool = False
    """Whether the code is a sketch, not tokens."""
    fingerprint: bytes | None = None
    """4 bytes of the signer's key, none where they were lost; None where nothing is signed."""
    signature: bytes | None = None
    """None where it is signed but the signature was lost."""

    def signed_by(self, public: PublicKey) -> bool:
        """Whether the signature over identity and code holds under a key."""
        if self.identity is None or self.signature is None:
            return False
        return public.verify(_signed(self.identity, self.code, self.sketched), self.signature)


def overhead_bits(signed: bool) -> int:
    """Bits of a message that are no code."""
    return HEAD_BITS + (SIGNATURE_BITS if signed else 0)


def pack(identity: bytes, code: np.ndarray, sketched: bool, owner: Owner | None) -> np.ndarray:
    """A message as uint8 bits; `identity` has 8 bytes."""
    flags = from_int(int(owner is not None), 1), from_int(int(sketched), 1)
    head = np.concatenate([*flags, from_bytes(identity)])
    parts = [head, crc32(head, domain=_DOMAIN)]
    if owner is not None:
        parts += [from_bytes(owner.public.short), from_bytes(owner.sign(_signed(identity, code, sketched)))]
    return np.concatenate([*parts, code]).astype(np.uint8)


def unpack(soft_bits: np.ndarray, code_alone: bool = False) -> Message:
    """The message of soft bits as a carrier gives them; an empty one where the identity does not check.

    code_alone: there is no identity; neither is there in fewer bits than a head has. Such a code counts as it
    was read, wrong bits and all; behind an identity only the front counts of which every bit is CERTAIN.
    """
    hard = (soft_bits < 0).astype(np.uint8)
    if code_alone or len(soft_bits) < HEAD_BITS:
        return Message(None, hard)
    head, check = hard[: HEAD_BITS - 32], hard[HEAD_BITS - 32 : HEAD_BITS]
    if not np.array_equal(crc32(head, domain=_DOMAIN), check):
        return Message(None, hard[:0])
    doubtful = np.flatnonzero(np.abs(soft_bits) < CERTAIN)
    certain = hard[: doubtful[0]] if len(doubtful) else hard
    identity, sketched, rest = to_bytes(head[2:]), bool(head[1]), certain[HEAD_BITS:]
    if not head[0]:
        return Message(identity, rest, sketched)
    if len(rest) < SIGNATURE_BITS:
        return Message(identity, rest[:0], sketched, b"")
    fingerprint, signature = rest[: 8 * FINGERPRINT_BYTES], rest[8 * FINGERPRINT_BYTES : SIGNATURE_BITS]
    kept = to_bytes(signature) if len(certain) == len(hard) else None
    return Message(identity, rest[SIGNATURE_BITS:], sketched, to_bytes(fingerprint), kept)


def _signed(identity: bytes, code: np.ndarray, sketched: bool) -> bytes:
    kind = b"sketch" if sketched else b"tokens"
    return b"\0".join([_DOMAIN, kind, identity, len(code).to_bytes(4, "big"), np.packbits(code).tobytes()])
