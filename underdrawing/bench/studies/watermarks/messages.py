"""Messages of the study: identities in the bits that a carrier has, and what is read of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from underdrawing.coding.short_identity import SHORT_IDENTITIES, ShortIdentity, short_identity
from underdrawing.core.errors import CapacityError
from underdrawing.core.interfaces import FrameCarrier, Reading

Values = dict[str, float | bool]


@dataclass(frozen=True)
class Message:
    """A random identity, and its bits."""

    code: ShortIdentity
    number: int
    bits: np.ndarray
    """(L,) uint8."""

    @classmethod
    def draw(cls, room: int, rng: np.random.Generator) -> Message | None:
        """For a carrier with so many bits; None where no code is short enough."""
        lengths = [length for length in SHORT_IDENTITIES if length <= room]
        if not lengths:
            return None
        code = short_identity(max(lengths))
        number = int.from_bytes(rng.bytes(8), "big") >> (64 - code.room)
        return cls(code, number, code.encode(number))

    def embed(self, carrier: Any, image_u8: np.ndarray) -> tuple[np.ndarray, float] | None:
        """The marked picture, and the CPU time in ms; None where the carrier has no room after all."""
        start = time.process_time()
        try:
            marked = carrier.embed(image_u8, self.bits).apply(image_u8)
        except CapacityError:
            return None
        return marked, 1000 * (time.process_time() - start)

    def read(self, carrier: Any, received_u8: np.ndarray) -> Values:
        """See `values`, and read_ms."""
        start = time.process_time()
        reading = carrier.read(received_u8, len(self.bits))
        return self.values(reading) | {"read_ms": 1000 * (time.process_time() - start)}

    def read_frames(self, carrier: FrameCarrier, frames_u8: np.ndarray) -> Values:
        """See `values`; of an animation."""
        return self.values(carrier.read_frames(frames_u8))

    def values(self, reading: Reading) -> Values:
        """ber: share of wrong bits; exact: none is; identity: the right one is accepted; wrong: another is.

        A carrier that finds no mark reads no identity.
        """
        found = None if reading.present is False else self.code.decode(reading.bits)
        errors = float((reading.bits != self.bits).mean())
        return {
            "ber": errors,
            "exact": errors == 0,
            "identity": found is not None and found.number == self.number,
            "wrong": found is not None and found.number != self.number,
        }


def accepted(carrier: Any, image_u8: np.ndarray) -> bool | None:
    """Whether an identity is read from an unmarked picture; None where the carrier has no room."""
    lengths = [length for length in SHORT_IDENTITIES if length <= carrier.capacity_bits(image_u8)]
    if not lengths:
        return None
    return accepted_bits(carrier.read(image_u8, max(lengths)))


def accepted_bits(reading: Reading) -> bool:
    """Whether a reading, of as many bits as a code has, is accepted as an identity."""
    return reading.present is not False and short_identity(len(reading.bits)).decode(reading.bits) is not None
