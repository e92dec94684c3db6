"""What every carrier is to its user: how many bits a picture takes, how they get in, how they come back.

    carrier = zoo.load("lattice")
    room = carrier.capacity_bits(image_u8)                 # |m|
    k = prefix_scales(code.scale_bits, room)               # the prefix of the hidden code that fits
    protection = carrier.embed(image_u8, bits)             # at most |m| bits
    reading = carrier.read(received_u8, len(bits))         # soft bits, evidence

Bits are uint8 arrays of 0 and 1, pictures (H, W, 3) uint8 RGB. A carrier that marks a picture while it is
generated has `generate` in place of `embed`; who only reads needs not know which of the two it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from underdrawing.core.errors import CapacityError, CodeError, ShapeError, UsageError
from underdrawing.ops.protection import Protection

CERTAIN = 25.0
"""Soft bit of what a checksum vouches for, as large as belief propagation makes use of."""


class Frame(Protocol):
    """Where the whole marked picture lies in a received one."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the whole, px."""

    def whole(self, received: np.ndarray) -> np.ndarray:
        """A received picture or map (H, W[, C]) in the whole's frame, same type; zero where it shows
        nothing."""

    def to_received(self, whole: np.ndarray) -> np.ndarray:
        """A picture or map of the whole in the received frame, (H, W[, C]) float32."""


@dataclass(frozen=True)
class Reading:
    """What a carrier read in one received picture."""

    soft_bits: np.ndarray
    """(count,) float32 log-likelihood ratios ln p(received | 0) / p(received | 1) in nats, positive for 0, as
    the codes of `coding` take them; 0 is an erasure. Each carrier says how far its scale is calibrated."""
    present: bool | None
    """Whether this carrier's mark is there at all, whatever it says; None where the carrier cannot tell."""
    checked: bool | None = None
    """Whether a checksum vouches for every bit; None where the carrier hides none."""
    evidence: np.ndarray | None = None
    """(H, W) float32 in the received picture's frame: log-likelihood ratio "untouched over altered", in nats,
    at that pixel; 0 where nothing is known. None where the carrier cannot tell."""
    frame: Frame | None = None
    """Which part of the marked picture was received. None where the carrier cannot tell, or takes only whole
    ones."""
    change_back: Callable[[np.ndarray], np.ndarray] | None = None
    """From a picture (h, w, 3) in the whole's frame that tells about what was there, what to add to the
    received one, (H, W, 3) float32, to take the mark out of it. None where the carrier cannot."""

    @property
    def bits(self) -> np.ndarray:
        """(count,) uint8: the likelier value of every bit; an erasure counts as 0."""
        return (self.soft_bits < 0).astype(np.uint8)


@runtime_checkable
class Reader(Protocol):
    """What both kinds of carrier have in common."""

    name: str
    """What tables call it."""
    tells_length: bool
    """Whether a mark says how long its message is, so that it can be read by who does not know."""

    def capacity_bits(self, image_u8: np.ndarray) -> int:
        """|m|: most bits that this picture can be made to carry; 0 where it can carry none."""

    def read(self, received_u8: np.ndarray, count: int | None) -> Reading:
        """Read a message of `count` bits; None where the carrier tells its length: no bits come back where
        it cannot be read. Never raises for what a picture says: no mark is no error.

        CapacityError where `count` is more than the carrier can hide in any picture of this size.
        """


@runtime_checkable
class Carrier(Reader, Protocol):
    """Post-hoc: takes any picture."""

    def embed(self, image_u8: np.ndarray, bits: np.ndarray) -> Protection:
        """The change that makes the picture carry the bits.

        CapacityError for more bits than `capacity_bits`, ShapeError for no picture, CodeError for no bits.
        """


@runtime_checkable
class Generator(Reader, Protocol):
    """In-generation: makes the picture that carries the message."""

    def generate(self, bits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A new picture (H, W, 3) uint8 that carries the bits. CapacityError for too many."""


def checked_picture(image_u8: np.ndarray) -> None:
    """ShapeError where this is no (H, W, 3) uint8 picture."""
    if image_u8.ndim != 3 or image_u8.shape[2] != 3 or image_u8.dtype != np.uint8:
        raise ShapeError(f"expected a picture (H, W, 3) uint8, got {image_u8.shape} {image_u8.dtype}")


def checked_message(bits: np.ndarray, room: int, name: str) -> None:
    """CodeError where these are no bits, CapacityError where they are none or more than `room`."""
    if bits.ndim != 1 or bits.dtype != np.uint8 or (bits > 1).any():
        raise CodeError(f"expected a one-dimensional uint8 array of 0 and 1, got {bits.shape} {bits.dtype}")
    checked_count(len(bits), room, name)


def checked_count(count: int | None, room: int, name: str) -> None:
    """CapacityError where `count` is not between 1 and `room`, UsageError where it is not given."""
    if count is None:
        raise UsageError(f"{name} does not say how long a message is: give the number of its bits")
    if not 0 < count <= room:
        raise CapacityError(f"{name} carries 1 to {room} bits in a picture of this kind, got {count}")


def prefix_scales(scale_bits: Sequence[int], room_bits: int) -> int:
    """k: how many scales of a multi-scale hidden code, from the coarsest on, a carrier of `room_bits` takes.

    scale_bits: bits of each scale alone. 0 where not even the first fits (Hidden-Code: |h| <= |m|).
    """
    return int(np.searchsorted(np.cumsum(scale_bits), room_bits, side="right"))
