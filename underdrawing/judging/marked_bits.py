"""A carrier as a protector: a short identity in the mark, and nothing else.

    identity --> ShortIdentity.encode --> bits --> carrier.embed --> protected picture
    received --> carrier.read --> bits --> ShortIdentity.decode --> identity, or none

A mark of this kind survives edits: it says whose picture this was, never that it is unaltered. Evidence of
alteration, where the carrier has some, can contradict. See docs/TRUST.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np

from underdrawing.carriers.face_bits import FaceBits
from underdrawing.carriers.turned import in_turn
from underdrawing.coding.keys import Owner
from underdrawing.coding.payload import Previous
from underdrawing.coding.short_identity import SHORT_IDENTITIES, Read, ShortIdentity
from underdrawing.core.errors import CapacityError
from underdrawing.core.interfaces import Carrier, Reading
from underdrawing.core.types import ALTERED_PROBABILITY, IDENTITY_BITS, Assurance, Verdict, Witness
from underdrawing.judging.assurance import status
from underdrawing.ops.protection import Protection

_SLACK = 3  # wrong bits of a mark that is not to be overwritten
_DRAWS = 32  # of an identity, until one is found that is not used
_NOTHING = "That does not say that the picture is genuine, nor that it is not."
_SILENT = "The mark names an identity and survives edits: it cannot tell an edited picture from another."


@dataclass(frozen=True)
class MarkedBits:
    """Protects with any carrier that has room for the shortest code of coding.short_identity.

    The mark holds the first bits of an identity, whose others are 0. Where these bits are few, several
    pictures may have the same identity.
    """

    carrier: Carrier
    turns: int = 1
    """Turns of a carriers.face_bits.FaceBits that identities are embedded in: 1, 2, 4 or 8, of
    carriers.turned. Reading takes as many times longer. Identity n is in turn n mod turns, so that no more
    words are accepted. One that is drawn gets the first turn without a mark, or the last one where all have
    some: a second protection leaves the first, and further ones replace the last."""
    unsigned_note: ClassVar[str] = (
        "the mark has no room for a signature; with a registry the record of its identity is signed"
    )
    """Of a protection by an owner."""

    def protect(
        self,
        image: np.ndarray,
        *,
        owner: Owner | None = None,
        identity: bytes | None = None,
        secret: bytes | None = None,
        strength: float = 1.0,
        previous: Previous | None = None,
    ) -> Protection:
        """Embed an identity in a picture (H, W, 3) uint8.

        owner, previous: the mark has no room for them; a record of the registry states them. identity: 8
        bytes; None draws one that has room. strength: factor on the change. CapacityError for a secret, for
        an identity without room, and for a picture without room for any, or that has a mark which the carrier
        leaves.
        """
        if secret is not None:
            raise CapacityError(f"{self.carrier.name} takes no secret; leave it out, or use photo")
        code = self._code(image)
        if code is None:
            raise CapacityError(
                f"{self.carrier.name} has room for {self.carrier.capacity_bits(image)} bits in this picture, "
                f"an identity takes {min(SHORT_IDENTITIES)}; use photo"
            )
        identity = identity or self.draw_identity(image)
        assert identity is not None
        number = code.number_of(identity)
        stated = _identity(code, number)
        if identity != stated:
            raise CapacityError(
                f"{self.carrier.name} carries the first {code.room} bits of an identity, the others have to "
                f"be 0: expected {stated.hex()}, got {identity.hex()}"
            )
        marked = self._in_turn(number % self.turns).embed(image, code.encode(number)).apply(image)
        if getattr(self.carrier, "leaves_marks", False):
            self._check_left(code, number, (image, marked))
        change = Protection(strength * (marked.astype(np.float32) - image))
        bits = {"message": code.length, "identity": code.room}
        return replace(change, identity=stated.hex(), bits=bits, signed=False)

    def verify(self, image: np.ndarray, *, secret: bytes | None = None, find_key: Any = None) -> Verdict:
        """The identity in a received picture (H, W, 3) uint8, or none.

        secret and find_key have no effect. What was altered is determined only as far as the carrier's
        evidence goes, and then never as intact.
        """
        code = self._code(image)
        if code is None:
            return self._without(present=False)
        readings = [self._in_turn(turn).read(image, code.length) for turn in range(self.turns)]
        found = _found(code, readings)
        if not found:
            return self._without(present=any(bool(reading.present) for reading in readings))
        read, reading = found[0]
        identities = [_identity(code, one.number).hex() for one, _ in found]
        identity, *others = identities
        probability = _altered_prob(reading)
        fraction = None if probability is None else float((probability > ALTERED_PROBABILITY).mean())
        witness = _witness(fraction, reading)
        who = f"Protected as {identity} by {self.carrier.name}, a mark that survives edits"
        if others:
            who += f", and as {' and '.join(others)}, before or after"
        return Verdict(
            status((witness,)),
            present=True,
            message=f"{who}; {_undetermined(fraction)}.",
            identity=identity,
            identity_bits=code.room,
            tampered_prob=probability,
            altered_fraction=fraction,
            assurance=Assurance((witness,)),
            details={
                "identity_bits": code.room, "errors": read.errors, "false_accept": code.false_accept,
                "identities": identities,
            },
        )  # fmt: skip

    def _check_left(self, code: ShortIdentity, number: int, pictures: Sequence[np.ndarray]) -> None:
        """CapacityError where a picture, before or after it was marked, has another identity, or it has none
        after: the carrier leaves marks that are there."""
        name, found = self.carrier.name, None
        for picture in pictures:
            found = code.decode(self.carrier.read(picture, code.length).bits)
            if found is not None and found.number != number:
                raise CapacityError(
                    f"this picture is marked as {_identity(code, found.number).hex()} already, which "
                    f"{name}:ais leaves; use it as it is, or {name} to overwrite that"
                )
        if found is None:
            raise CapacityError(
                f"{name}:ais leaves this picture: it seems to have a mark that is not readable"
            )

    def earlier(self, image: np.ndarray, *, secret: bytes | None = None) -> Previous | None:
        """The identity of an earlier protection by the same carrier, or None."""
        found = self.verify(image).identity
        return None if found is None else Previous(bytes.fromhex(found))

    def draw_identity(
        self, image: np.ndarray, used: Callable[[bytes], bool] = lambda identity: False
    ) -> bytes | None:
        """A random identity of 8 bytes for a picture, in its turn (see `turns`); None without room.

        used: whether another picture has an identity. Where nearly all are used, one of another picture.
        """
        code = self._code(image)
        if code is None:
            return None
        marked: set[int] = set()
        if self.turns > 1:
            marked = {
                turn for turn in range(self.turns)
                if is_marked(code, self._in_turn(turn).read(image, code.length))
            }  # fmt: skip
        turn = min(set(range(self.turns)) - marked, default=self.turns - 1)
        for _ in range(_DRAWS):
            number = secrets.randbits(code.room)
            number += turn - number % self.turns
            identity = _identity(code, number)
            if not used(identity):
                break
        return identity

    def _in_turn(self, turn: int) -> Carrier:
        if self.turns == 1:
            return self.carrier
        return cast(Carrier, in_turn(cast(FaceBits, self.carrier), turn))

    def _code(self, image: np.ndarray) -> ShortIdentity | None:
        """The longest code that the carrier has room for, or None."""
        room = self.carrier.capacity_bits(image)
        return next((SHORT_IDENTITIES[n] for n in sorted(SHORT_IDENTITIES, reverse=True) if n <= room), None)

    def _without(self, *, present: bool) -> Verdict:
        name = self.carrier.name
        if present:
            message = f"A mark of {name} was found, but its identity is not readable. {_NOTHING}"
            return Verdict("unvouched", present=True, message=message)
        return Verdict("unprotected", present=False, message=f"No mark of {name} was found. {_NOTHING}")


def is_marked(code: ShortIdentity, reading: Reading) -> bool:
    """Whether a turn has a mark, readable or nearly so: up to _SLACK wrong bits from a word. That is true for
    .4 % of random words of 30 bits, which costs no more than a turn."""
    return replace(code, radius=max(code.radius, _SLACK)).decode(reading.bits) is not None


def _found(code: ShortIdentity, readings: Sequence[Reading]) -> list[tuple[Read, Reading]]:
    """Identities in the readings of the turns, each in its own turn; fewest errors first."""
    read = [(code.decode(reading.bits), reading) for reading in readings]
    found = [
        (one, reading)
        for turn, (one, reading) in enumerate(read)
        if one is not None and one.number % len(readings) == turn
    ]
    return sorted(found, key=lambda pair: pair[0].errors)


def _identity(code: ShortIdentity, number: int) -> bytes:
    """The 8 bytes of an identity whose first bits are this number."""
    return (number << (IDENTITY_BITS - code.room)).to_bytes(IDENTITY_BITS // 8, "big")


def _altered_prob(reading: Reading) -> np.ndarray | None:
    """(H, W) float32 probability of alteration where the carrier has evidence, else 0; None without any."""
    if reading.evidence is None:
        return None
    probability = 1 / (1 + np.exp(np.clip(reading.evidence, -30, 30)))
    return np.where(reading.evidence == 0, 0, probability).astype(np.float32)


def _witness(fraction: float | None, reading: Reading) -> Witness:
    share = 0.0 if reading.evidence is None else round(float((reading.evidence != 0).mean()), 4)
    if not fraction:
        return Witness("mark", "silent", False, share, None, _SILENT)
    message = f"The fragile part of the mark is missing in {max(fraction, 0.001):.1%} of the picture."
    return Witness("mark", "contradicts", False, share, None, message)


def _undetermined(fraction: float | None) -> str:
    """What the mark says of alterations."""
    if fraction is None:
        return "what was altered, and where, is not determined"
    if fraction:
        return f"its fragile part is missing in {max(fraction, 0.001):.1%} of the picture"
    return "its fragile part is there, which does not say that nothing was altered"
