"""What a carrier carries for Hidden-Code: who, signed where an owner is given, and the code of the content.

    signed 1 | identity 64 | CRC-32 of both | fingerprint 32, signature 512 where signed | hidden code

A carrier with room for the first scale but not for these 97 bits carries the code alone, as in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from underdrawing.carriers.carrier import CERTAIN
from underdrawing.coding.bits import crc32, from_bytes, from_int, to_bytes
from underdrawing.coding.keys import FINGERPRINT_BYTES, Owner, PublicKey

HEAD_BITS = 1 + 64 + 32
SIGNATURE_BITS = 8 * FINGERPRINT_BYTES + 512
_DOMAIN = b"underdrawing hidden code 1"


@dataclass(frozen=True)
class Message:
    """What was read."""

    identity: bytes | None
    """8 bytes; None where the carrier had room for the code alone, or what it says does not check."""
    code: np.ndarray
    """uint8 bits: the hidden code as far as it was read for certain."""
    fingerprint: bytes | None = None
    """4 bytes of the signer's key, none where they were lost; None where nothing is signed."""
    signature: bytes | None = None
    """None where it is signed but the signature was lost."""

    def signed_by(self, public: PublicKey) -> bool:
        """Whether the signature over identity and code holds under a key."""
        if self.identity is None or self.signature is None:
            return False
        return public.verify(_signed(self.identity, self.code), self.signature)


def overhead_bits(signed: bool) -> int:
    """Bits of a message that are no code."""
    return HEAD_BITS + (SIGNATURE_BITS if signed else 0)


def pack(identity: bytes, code: np.ndarray, owner: Owner | None) -> np.ndarray:
    """A message as uint8 bits; `identity` has 8 bytes."""
    head = np.concatenate([from_int(int(owner is not None), 1), from_bytes(identity)])
    parts = [head, crc32(head, domain=_DOMAIN)]
    if owner is not None:
        parts += [from_bytes(owner.public.short), from_bytes(owner.sign(_signed(identity, code)))]
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
    identity = to_bytes(head[1:])
    if not head[0]:
        return Message(identity, certain[HEAD_BITS:])
    rest = certain[HEAD_BITS:]
    if len(rest) < SIGNATURE_BITS:
        return Message(identity, rest[:0], b"")
    fingerprint, signature = rest[: 8 * FINGERPRINT_BYTES], rest[8 * FINGERPRINT_BYTES : SIGNATURE_BITS]
    whole = len(certain) == len(hard)
    return Message(
        identity, rest[SIGNATURE_BITS:], to_bytes(fingerprint), to_bytes(signature) if whole else None
    )


def _signed(identity: bytes, code: np.ndarray) -> bytes:
    return b"\0".join([_DOMAIN, identity, len(code).to_bytes(4, "big"), np.packbits(code).tobytes()])
