"""Hidden-Code: content code of a photograph as the message of any carrier, and its completion.

Chen and Lu, "HIDDEN-CODE", arXiv 2602.22759.

    I --> tokens z_s1 ... z_sk, k by |m| --> bits h --> carrier.embed --> I_P
    I_R --> carrier.read --> h', evidence --> M      (h', M, tokens outside M) --> transformer --> I_rec

The strength of the carrier is the lowest with room for the code, up to a container of about 35 dB at 256x256.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

import numpy as np

from underdrawing.carriers.lattice.carrier import LatticeCarrier
from underdrawing.coding.bits import pack_code
from underdrawing.coding.keys import Owner
from underdrawing.core.errors import CapacityError, ShapeError
from underdrawing.core.interfaces import Carrier
from underdrawing.core.types import Verdict
from underdrawing.ops.protection import Protection
from underdrawing.systems.hidden_code import message
from underdrawing.systems.hidden_code.content import ContentCode
from underdrawing.systems.hidden_code.tokens import Tokenizer
from underdrawing.systems.hidden_code.verifying import FindKey, Judge

LEAST_SIDE_PX = 64
STRENGTHS = (1.0, 1.45, 2.1)
"""Of the lattice, tried in turn until the whole code has room."""
_LARGE_PX = 384
_LARGE_BITS = 2000
"""With so many bits a picture whose longer side is greater is content before the last of the strengths, whose
grain shows in its flat places."""
_EDIT, _SMALL_EDIT = 0.4, 0.1
"""Share of the frame that an edit may hit; and where identity and signature have no room to survive so
much."""


class HiddenCode:
    """Protect and verify photographs with a given carrier, or the lattice."""

    def __init__(
        self,
        weights: Path | None = None,
        *,
        carrier: Carrier | None = None,
        code: ContentCode | None = None,
        most_bits: int | None = None,
        code_alone: bool = False,
        sketches: bool = True,
    ) -> None:
        """weights: of other tokens than the released ones, which are not completed then. carrier: None for
        the lattice. most_bits: no message is longer (to compare with carriers of that |m|). code_alone: no
        identity, and tokens, as in the paper. sketches: whether a sketch may take the place of tokens."""
        self.carrier, self.most_bits, self.code_alone = carrier, most_bits, code_alone
        tokenizer = None if weights is None else Tokenizer(weights)
        sketches = sketches and not code_alone and weights is None
        self.code = code or ContentCode(
            tokenizer, sketches=sketches, completes=weights is None, codes=not code_alone
        )

    def protect(
        self,
        image: np.ndarray,
        *,
        owner: Owner | None = None,
        identity: bytes | None = None,
        secret: bytes | None = None,
        strength: float = 1.0,
    ) -> Protection:
        """Embed in a photograph (H, W, 3) uint8 its content code and, where there is room, an identity of 8
        bytes and the owner's signature.

        identity: drawn at random where none is given. secret and strength: of the lattice, whose steps the
        strength multiplies. ShapeError where a side is shorter than 64 px; CapacityError where the carrier
        has no room for a signature that is asked for, or for anything.
        """
        height, width = image.shape[:2]
        if min(height, width) < LEAST_SIDE_PX:
            raise ShapeError(
                f"expected sides of at least {LEAST_SIDE_PX} px, got {width}x{height}; too small to protect"
            )
        overhead = message.overhead_bits(owner is not None)
        wanted = overhead + self.code.wanted_bits(height, width)
        wanted = min(wanted, self.most_bits or wanted)
        carrier, room = self._roomy(image, self._carriers(secret, strength), wanted)
        if self.carrier is None and room < (1 if self.code_alone else overhead):
            carrier, room = self._roomy(image, self._carriers(secret, strength, _SMALL_EDIT), wanted)
        anonymous = self.code_alone or room < overhead
        if owner is not None and anonymous:
            raise CapacityError(
                f"{carrier.name} has {room} bits here, a signature takes {overhead}; use the system photo"
            )
        code, kind = self.code.encode(image, room if anonymous else room - overhead)
        if anonymous and not len(code):
            raise CapacityError(
                f"{carrier.name} has {room} bits in this picture of {width}x{height} px, too few for an "
                "identity or the first scale; it is too small or too flat"
            )
        if anonymous:
            return self._carried(image, carrier, code, code, None)
        identity = identity or secrets.token_bytes(8)
        bits = message.pack(identity, code, kind, owner)
        return self._carried(image, carrier, bits, code, identity.hex())

    def verify(
        self, image: np.ndarray, *, secret: bytes | None = None, find_key: FindKey = lambda short: None
    ) -> Verdict:
        """The verdict on a received picture (H, W, 3) uint8.

        find_key: the public key whose fingerprint starts with these four bytes, or None.
        """
        carrier = self._carriers(secret, 1.0)[0]
        count = None if carrier.tells_length else self._count(image, carrier)
        reading = carrier.read(image, count)
        read = message.unpack(reading.soft_bits, self.code_alone)
        return Judge(self.code)(image, reading, read, find_key)

    def describe(self, image: np.ndarray, bits: int) -> np.ndarray:
        """The picture decoded from a content code of at most so many bits, (H, W, 3) uint8."""
        code, kind = self.code.encode(image, bits)
        content = self.code.decode(message.Message(None, code, kind), *image.shape[:2])
        if content.picture is None:
            raise CapacityError(f"{bits} bits hold no code")
        return content.picture

    def _roomy(self, image: np.ndarray, carriers: list[Carrier], wanted: int) -> tuple[Carrier, int]:
        """The first of the carriers with room for so many bits, or the one with most, and its room."""
        tried = []
        for turn, carrier in enumerate(carriers):
            tried.append((carrier.capacity_bits(image), carrier))
            if tried[-1][0] >= wanted:
                break
            if turn and max(image.shape) > _LARGE_PX and tried[-1][0] >= _LARGE_BITS:
                break
        room, carrier = max(tried, key=lambda found: found[0])
        return carrier, min(room, self.most_bits or room)

    def _carriers(self, secret: bytes | None, strength: float, edit: float = _EDIT) -> list[Carrier]:
        """The given carrier, or the lattice at rising strengths; edit: see LatticeCarrier."""
        if self.carrier is not None:
            if secret is not None:
                raise CapacityError(f"{self.carrier.name} takes no secret; leave it out, or use the lattice")
            return [self.carrier]
        lattice = LatticeCarrier("jpeg70", edit=edit)
        if secret is not None:
            lattice = replace(lattice, secret=secret)
        return [replace(lattice, strength=strength * stronger) for stronger in STRENGTHS]

    def _count(self, image: np.ndarray, carrier: Carrier) -> int:
        """Bits of a message in pictures of that size, for a carrier that does not transmit the length."""
        room = carrier.capacity_bits(image)
        room = min(room, self.most_bits or room)
        if not self.code_alone and room >= message.HEAD_BITS:
            return room
        return max((n for n in self.code.tokenizer.lengths_bits(*image.shape[:2]) if n <= room), default=0)

    def _carried(
        self,
        image: np.ndarray,
        carrier: Carrier,
        bits: np.ndarray,
        code: np.ndarray,
        identity: str | None,
    ) -> Protection:
        if not carrier.tells_length and identity is not None:  # the reader reads a message of full length
            bits = np.pad(bits, (0, self._count(image, carrier) - len(bits)))
        # as changes of 8-bit pixels: a picture of 16 bits is changed by whole 8-bit levels too
        protection = Protection.between(image, carrier.embed(image, bits).apply(image))
        counts = {"message": len(bits), "code": len(code)}
        return replace(protection, identity=identity, bits=counts, code=pack_code((code,)))
