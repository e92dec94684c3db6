"""A carrier of frames as a protector of animations: an identity in the mark, and nothing else.

    identity, 64 bits --> code of 128 bits --> embed_frames --> protected frames
    received frames --> read_frames --> 128 bits --> identity, or none

The mark is in every frame and survives edits, lost frames and other orders: it says whose animation this was,
never that it is unaltered. See docs/TRUST.md.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import numpy as np

from underdrawing.coding.short_identity import short_identity
from underdrawing.core.errors import CapacityError
from underdrawing.core.interfaces import FrameCarrier
from underdrawing.core.types import Assurance, Verdict, Witness

_CODE = short_identity(128)
_NOT_DETERMINED = (
    "whether and where its frames were altered, and whether frames are missing, repeated or in another "
    "order, is not determined"
)
_NOTHING = "That does not say that the animation is genuine, nor that it is not."


@dataclass(frozen=True)
class FrameProtection:
    """Protected frames, and what is in them."""

    frames: np.ndarray
    """(T, H, W, 3) uint8."""
    identity: str
    """16 hex digits."""
    bits: dict[str, int]
    """Bits of each part of the message."""


@dataclass(frozen=True)
class MarkedFrames:
    """Protects animations with a carrier of frames."""

    carrier: FrameCarrier

    def protect(
        self,
        frames: np.ndarray,
        *,
        identity: bytes | None = None,
        secret: bytes | None = None,
        strength: float = 1.0,
    ) -> FrameProtection:
        """Embed an identity in frames (T, H, W, 3) uint8.

        identity: 8 bytes; None draws them at random. strength: factor on the change. CapacityError for a
        secret.
        """
        if secret is not None:
            raise CapacityError(f"{self.carrier.name} takes no secret for animations; leave it out")
        own = secrets.token_bytes(8) if identity is None else identity
        marked = self.carrier.embed_frames(frames, _CODE.encode(_CODE.number_of(own)))
        if strength != 1.0:
            marked = np.stack([_scaled(*pair, strength) for pair in zip(frames, marked, strict=True)])
        return FrameProtection(marked, own.hex(), {"message": _CODE.length, "identity": _CODE.room})

    def verify(self, frames: np.ndarray) -> Verdict:
        """The identity in received frames (T, H, W, 3) uint8, or none."""
        try:
            reading = self.carrier.read_frames(frames)
        except CapacityError as error:
            return Verdict(
                "unprotected", False, f"The animation has no room for a mark ({error}). {_NOTHING}"
            )
        read = _CODE.decode(reading.bits)
        if read is None and reading.present:
            message = (
                f"A mark of {self.carrier.name} was found, but its identity is not readable: the animation "
                f"was changed or compressed too strongly. {_NOTHING}"
            )
            return Verdict("unvouched", True, message)
        if read is None:
            message = f"No mark of {self.carrier.name} was found in the animation. {_NOTHING}"
            return Verdict("unprotected", False, message)
        identity = f"{read.number:016x}"
        silent = "The mark names an identity and survives edits: edited frames have it as well."
        return Verdict(
            "unvouched",
            True,
            f"Protected as {identity} by {self.carrier.name}, a mark in every frame that survives edits; "
            f"{_NOT_DETERMINED}.",
            identity=identity,
            assurance=Assurance((Witness("mark", "silent", False, 0.0, None, silent),)),
            details={"corrected_bits": read.errors, "false_accept": _CODE.false_accept},
        )


def _scaled(frame: np.ndarray, marked: np.ndarray, strength: float) -> np.ndarray:
    change = marked.astype(np.float32) - frame
    return np.rint(np.clip(frame + strength * change, 0, 255)).astype(np.uint8)
