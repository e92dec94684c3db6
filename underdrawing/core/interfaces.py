"""Interfaces of the five kinds of systems, and of what protectors and carriers return.

    kind        calls                               answer
    protector   protect(image), verify(image)       Protection; Verdict, None: not determined
    carrier     capacity_bits, embed, read          bits; Protection; Reading
    detector    examine, evidence, heat (face)      probability that the face is forged, or None
    localizer   examine(image)                      Localization
    codec       encode(image), decode(data)         bytes; the same image

Images are (H, W, 3) uint8 RGB, messages one-dimensional uint8 arrays of 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from underdrawing.core.types import Verdict

CERTAIN = 25.0
"""Soft bit of a bit under a valid checksum: the largest value that belief propagation uses."""


@runtime_checkable
class Protection(Protocol):
    """The change that protects one image."""

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Protected pixels of the image (H, W, 3) uint8 or uint16, same type."""


@runtime_checkable
class Protector(Protocol):
    """Protects images and verifies received ones."""

    def protect(
        self,
        image: np.ndarray,
        *,
        owner: Any = None,
        identity: bytes | None = None,
        secret: bytes | None = None,
        strength: float = 1.0,
    ) -> Protection:
        """Protect an image. identity: 8 bytes; strength: factor on the change.

        ShapeError for an image that is too small, CapacityError where owner or secret are not supported.
        """

    def verify(self, image: np.ndarray, *, secret: bytes | None = None, find_key: Any = None) -> Verdict:
        """Result for a received image. find_key: first 4 bytes of a fingerprint -> public key or None."""


class Frame(Protocol):
    """Position of the whole marked image in a received one."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the whole, px."""

    def whole(self, received: np.ndarray) -> np.ndarray:
        """A received image or map (H, W[, C]) in pixels of the whole, same type; zero outside."""

    def to_received(self, whole: np.ndarray) -> np.ndarray:
        """An image or map of the whole in pixels of the received one, (H, W[, C]) float32."""


@dataclass(frozen=True)
class Reading:
    """Result of reading one received image; None where the carrier does not determine a field."""

    soft_bits: np.ndarray
    """(count,) float32 log-likelihood ratios ln p(received | 0) / p(received | 1) in nats; 0: erasure."""
    present: bool | None
    """Whether the image has a mark of this carrier."""
    checked: bool | None = None
    """Whether a checksum confirms every bit."""
    evidence: np.ndarray | None = None
    """(H, W) float32 log-likelihood ratio "intact over altered" in nats, in pixels of the received image."""
    frame: Frame | None = None
    """Position of the whole; None also for carriers that read whole images only."""
    change_back: Callable[[np.ndarray], np.ndarray] | None = None
    """Estimate (h, w, 3) of the whole original -> change (H, W, 3) float32 that removes the mark."""

    @property
    def bits(self) -> np.ndarray:
        """(count,) uint8: the likelier value of every bit; 0 for an erasure."""
        return (self.soft_bits < 0).astype(np.uint8)


class _MessageReader(Protocol):
    name: str
    """Name in tables."""
    tells_length: bool
    """Whether the mark holds the length of the message."""

    def capacity_bits(self, image_u8: np.ndarray) -> int:
        """|m|: largest message of this image in bits; 0 without room."""

    def read(self, received_u8: np.ndarray, count: int | None) -> Reading:
        """Read a message of `count` bits; None for a carrier with `tells_length`. No mark is not an error.

        CapacityError where `count` exceeds the capacity of images of this size.
        """


@runtime_checkable
class Carrier(_MessageReader, Protocol):
    """Embeds a message in any image."""

    def embed(self, image_u8: np.ndarray, bits: np.ndarray) -> Protection:
        """Embed a message. CapacityError above `capacity_bits`, ShapeError, CodeError for other values."""


@runtime_checkable
class Generator(_MessageReader, Protocol):
    """Generates the image that carries the message."""

    def generate(self, bits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A new image (H, W, 3) uint8 with the message. CapacityError above the capacity."""


@runtime_checkable
class FrameCarrier(Protocol):
    """Embeds a message of 128 bits in the frames of an animation; (T, H, W, 3) uint8 RGB, 1 frame or more."""

    name: str
    """Name in tables."""

    def embed_frames(self, frames_u8: np.ndarray, bits: np.ndarray) -> np.ndarray:
        """Marked frames of the same shape and type. CapacityError for another number of bits, ShapeError."""

    def read_frames(self, frames_u8: np.ndarray) -> Reading:
        """Read received frames, of any number, order and size. No mark is not an error."""


@dataclass(frozen=True)
class FaceEvidence:
    """What a detector finds in one face."""

    fake_prob: float
    """Calibrated probability in [0, 1] that the face is forged, if it is like those of the training."""
    distance: float
    """Of the face to those of the training; 1.0 = the threshold."""
    outside: bool
    """Whether the face is unlike those of the training: fake_prob then means nothing."""


@runtime_checkable
class Detector(Protocol):
    """Detects forged faces. A face is a square crop of 16 px or more, 1.3 times the box around the face."""

    def examine(self, face: np.ndarray) -> float | None:
        """Calibrated probability that the face is forged; None: outside what the detector knows."""

    def evidence(self, face: np.ndarray) -> FaceEvidence:
        """The probability in any case, and the distance to the faces of the training."""

    def heat(self, face: np.ndarray) -> np.ndarray:
        """(H, W) float32 contribution of each place to the decision; positive: towards forged."""


@dataclass(frozen=True)
class Localization:
    """Result of a localizer, in pixels of the image."""

    tampered_prob: np.ndarray
    """(H, W) float32 in [0, 1], calibrated on manipulated pictures; above 1/2 counts as manipulated."""
    reliability: np.ndarray
    """(H, W) float32 in [0, 1]: weight of tampered_prob at that pixel."""
    picture_prob: float | None = None
    """Calibrated probability in [0, 1] that the picture has manipulated pixels; None: not determined."""


@runtime_checkable
class Localizer(Protocol):
    """Localizes manipulated regions without any mark."""

    def examine(self, image: np.ndarray) -> Localization:
        """Maps of the same height and width as the image."""


@runtime_checkable
class TextLocalizer(Localizer, Protocol):
    """A localizer that can use a text about the picture, as a caption or an article beside it."""

    def examine_with_text(self, image: np.ndarray, text: str) -> Localization:
        """As `examine`. text: 1 to 20 000 characters, never empty; what is of no use in it is ignored."""


@runtime_checkable
class Codec(Protocol):
    """Codes images losslessly, with the same bytes on every machine."""

    def encode(self, image: np.ndarray) -> bytes:
        """Code an image."""

    def decode(self, data: bytes) -> np.ndarray:
        """The coded image. CodeError for other bytes."""


INTERFACES = {
    "protector": Protector, "carrier": Carrier, "detector": Detector, "localizer": Localizer, "codec": Codec,
}  # fmt: skip
"""By the kind of a card."""
