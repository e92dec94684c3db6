"""What happens to a marked face before its bits are read, as real operations on 8-bit pictures.

    received_u8 = channel(SentFace(marked_u8, original_u8, landmarks, donor), rng)     same size

Benign channels of DiffMark (Information Fusion 2025; kinds and strengths of the authors' release, whose
levels are -1..1: noise of 0.1 is 12.75 levels of 255) and ours; deepfakes by the forgery laboratory.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol

import cv2
import numpy as np
from PIL import Image

from underdrawing.attacks.channel import Channel, Jpeg, Noise, Nothing, Webp
from underdrawing.attacks.face_forgery import KINDS, Face, Forgery
from underdrawing.attacks.geometry import Chain, Scale, resize
from underdrawing.core.errors import ShapeError


@dataclass(frozen=True, eq=False)
class SentFace:
    """A marked face crop, and what a channel may need beside it."""

    marked: np.ndarray
    """(S, S, 3) uint8."""
    original: np.ndarray
    """(S, S, 3) uint8: the face before it was marked."""
    landmarks: np.ndarray
    """(5, 2) float32, px; see attacks.face_forgery.Face."""
    donor: Face | None = None
    """Face of another person; None: the mirrored face itself takes its place."""

    @cached_property
    def face(self) -> Face | None:
        """The marked face for a forgery; None where it is too small or turned too far."""
        try:
            return Face(self.marked, self.landmarks)
        except ShapeError:
            return None


class FaceChannel(Protocol):
    """A channel for marked faces."""

    @property
    def name(self) -> str:
        """Name in tables."""

    def __call__(self, sent: SentFace, rng: np.random.Generator) -> np.ndarray:
        """The received face, (S, S, 3) uint8. Deepfakes leave a face unchanged that `face` is None of."""


@dataclass(frozen=True)
class Through:
    """Any channel for pictures; a received face of another size is resized back (bicubic)."""

    channel: Channel

    @property
    def name(self) -> str:
        return self.channel.name

    def __call__(self, sent: SentFace, rng: np.random.Generator) -> np.ndarray:
        received, side = self.channel(sent.marked, rng), sent.marked.shape[:2]
        return (
            received if received.shape[:2] == side else resize(received, *side, Image.Resampling.BICUBIC)[0]
        )


@dataclass(frozen=True)
class NearestResize:
    """Smaller by `factor` and back, by the nearest pixel."""

    factor: float

    @property
    def name(self) -> str:
        return f"resize{self.factor:g}"

    def __call__(self, sent: SentFace, rng: np.random.Generator) -> np.ndarray:
        height, width = sent.marked.shape[:2]
        size = int(width * self.factor), int(height * self.factor)
        small = cv2.resize(sent.marked, size, interpolation=cv2.INTER_NEAREST)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)


@dataclass(frozen=True)
class Dropout:
    """The share `dropped` of the pixels is that of the original."""

    dropped: float

    @property
    def name(self) -> str:
        return f"dropout{self.dropped:g}"

    def __call__(self, sent: SentFace, rng: np.random.Generator) -> np.ndarray:
        lost = rng.random(sent.marked.shape[:2]) < self.dropped
        return np.where(lost[..., None], sent.original, sent.marked)


@dataclass(frozen=True)
class SaltPepper:
    """The share `changed` of the pixels is white or black, either with the same probability."""

    changed: float

    @property
    def name(self) -> str:
        return f"saltpepper{self.changed:g}"

    def __call__(self, sent: SentFace, rng: np.random.Generator) -> np.ndarray:
        draw, received = rng.random(sent.marked.shape[:2]), sent.marked.copy()
        received[draw < self.changed / 2] = 255
        received[draw > 1 - self.changed / 2] = 0
        return received


@dataclass(frozen=True)
class KernelBlur:
    """Gaussian blur cut off at `side` taps: with sigma as large as the side it is nearly the mean."""

    side: int
    sigma: float

    @property
    def name(self) -> str:
        return f"blur{self.side}-sigma{self.sigma:g}"

    def __call__(self, sent: SentFace, rng: np.random.Generator) -> np.ndarray:
        return cv2.GaussianBlur(sent.marked, (self.side, self.side), self.sigma)


@dataclass(frozen=True)
class Median:
    """Median over squares of `side` pixels."""

    side: int

    @property
    def name(self) -> str:
        return f"median{self.side}"

    def __call__(self, sent: SentFace, rng: np.random.Generator) -> np.ndarray:
        return cv2.medianBlur(sent.marked, self.side)


@dataclass(frozen=True)
class _Jitter(ABC):
    """A random factor within 1 - range and 1 + range."""

    range: float
    word: ClassVar[str]

    @property
    def name(self) -> str:
        return f"{self.word}{self.range:g}"

    def __call__(self, sent: SentFace, rng: np.random.Generator) -> np.ndarray:
        levels = self._changed(sent.marked.astype(np.float32), float(rng.uniform(-self.range, self.range)))
        return np.clip(np.rint(levels), 0, 255).astype(np.uint8)

    @abstractmethod
    def _changed(self, levels: np.ndarray, draw: float) -> np.ndarray: ...


class BrightnessJitter(_Jitter):
    """Every level times a factor."""

    word = "brightness"

    def _changed(self, levels: np.ndarray, draw: float) -> np.ndarray:
        return (1 + draw) * levels


class ContrastJitter(_Jitter):
    """Distance from the mean gray times a factor."""

    word = "contrast"

    def _changed(self, levels: np.ndarray, draw: float) -> np.ndarray:
        return levels + draw * (levels - _gray(levels).mean())


class SaturationJitter(_Jitter):
    """Distance from gray times a factor."""

    word = "saturation"

    def _changed(self, levels: np.ndarray, draw: float) -> np.ndarray:
        return levels + draw * (levels - _gray(levels)[..., None])


class HueJitter(_Jitter):
    """Hue turned by a share of the circle."""

    word = "hue"

    def _changed(self, levels: np.ndarray, draw: float) -> np.ndarray:
        hsv = cv2.cvtColor(levels / 255, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + 360 * draw) % 360
        return 255 * cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def _gray(levels: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(levels, cv2.COLOR_RGB2GRAY)


@dataclass(frozen=True)
class Deepfake:
    """A forgery of the marked face; pixels beside it are kept."""

    name: str
    forgery: Forgery

    def __call__(self, sent: SentFace, rng: np.random.Generator) -> np.ndarray:
        if sent.face is None:
            return sent.marked
        return self.forgery(sent.face, sent.donor or sent.face.mirrored(), rng).image


NOTHING: FaceChannel = Through(Nothing())
DIFFMARK_BENIGN: tuple[FaceChannel, ...] = (
    NearestResize(0.8),
    Dropout(0.6),
    Through(Noise(12.75)),
    SaltPepper(0.1),
    KernelBlur(5, 5.0),
    Median(5),
    BrightnessJitter(0.5),
    ContrastJitter(0.5),
    SaturationJitter(0.5),
    HueJitter(0.1),
    Through(Jpeg(50, subsampling=0)),
)
"""The benign list of DiffMark without the identity."""
OUR_BENIGN: tuple[FaceChannel, ...] = (
    Through(Jpeg(50)),
    Through(Jpeg(30)),
    Through(Webp(50)),
    Through(Chain("resize0.8-jpeg80", (Scale(0.8), Jpeg(80)))),
)
"""Codecs as files are stored, with halved chroma, and a screenshot that keeps the frame."""
BENIGN = (NOTHING, *DIFFMARK_BENIGN, *OUR_BENIGN)
DEEPFAKES: tuple[FaceChannel, ...] = tuple(
    Deepfake(name, KINDS[name]) for name in ("swap", "reenact", "autoencoder", "resynthesis", "blend")
)
"""The forgeries that replace or redraw a face; see docs/FORGERY.md."""
