"""What a carrier carries for Hidden-Code: who, signed where an owner is given, and the code of the content.

    signed 1 | kind 2 | identity 64 | CRC-32 of these | fingerprint 32, signature 512 where signed | code

The code is of one of three kinds. A carrier without room for these 99 bits carries plain tokens alone, as in
the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from underdrawing.carriers.carrier import CERTAIN
from underdrawing.coding.bits import crc32, from_bytes, from_int, to_bytes, to_int
from underdrawing.coding.keys import FINGERPRINT_BYTES, Owner, PublicKey

HEAD_BITS = 3 + 64 + 32
SIGNATURE_BITS = 8 * FINGERPRINT_BYTES + 512
_DOMAIN = b"underdrawing hidden code 1"


class Kind(IntEnum):
    """What a code is made of."""

    TOKENS = 0
    """Whole scales, each token for itself: any beginning can be read, wrong bits and all."""
    CODED = 1
    """Tokens by the transformer's probabilities (token_coder)."""
    SKETCH = 2
    """The main job's code (content/sketch)."""


@dataclass(frozen=True)
class Message:
    """What was read."""

    identity: bytes | None
    """8 bytes; None where the carrier had room for the code alone, or what it says does not check."""
    code: np.ndarray
    """uint8 bits: the hidden code as far as it was read for certain."""
    kind: Kind = Kind.TOKENS
    fingerprint: bytes | None = None
    """4 bytes of the signer's key, none where they were lost; None where nothing is signed."""
    signature: bytes | None = None
    """None where it is signed but the signature was lost."""

    def signed_by(self, public: PublicKey) -> bool:
        """Whether the signature over identity and code holds under a key."""
        if self.identity is None or self.signature is None:
            return False
        return public.verify(_signed(self.identity, self.code, self.kind), self.signature)


def overhead_bits(signed: bool) -> int:
    """Bits of a message that are no code."""
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
    identity, number, rest = to_bytes(head[3:]), to_int(head[1:3]), certain[HEAD_BITS:]
    if number not in set(Kind):  # of a later version
        return Message(identity, rest[:0])
    kind = Kind(number)
    if not head[0]:
        return Message(identity, rest, kind)
    if len(rest) < SIGNATURE_BITS:
        return Message(identity, rest[:0], kind, b"")
    fingerprint, signature = rest[: 8 * FINGERPRINT_BYTES], rest[8 * FINGERPRINT_BYTES : SIGNATURE_BITS]
    kept = to_bytes(signature) if len(certain) == len(hard) else None
    return Message(identity, rest[SIGNATURE_BITS:], kind, to_bytes(fingerprint), kept)


def _signed(identity: bytes, code: np.ndarray, kind: Kind) -> bytes:
    return b"\0".join(
        [_DOMAIN, kind.name.encode(), identity, len(code).to_bytes(4, "big"), np.packbits(code).tobytes()]
    )
