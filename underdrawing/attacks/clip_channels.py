"""What happens to a marked clip of an animation before it is read, as real operations on 8-bit frames.

    received = channel(SentClip(marked_u8, original_u8, landmarks), rng)        frames (T', S, S, 3), order

Palettes are those of Pillow. Channels of single frames are those of attacks/face_channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from PIL import Image

from underdrawing.attacks.channel import Jpeg, Noise, Webp
from underdrawing.attacks.face_channels import DEEPFAKES, FaceChannel, SentFace, Through
from underdrawing.attacks.face_forgery import Face
from underdrawing.attacks.geometry import Scale


@dataclass(frozen=True, eq=False)
class SentClip:
    """Marked frames, and what a channel may need beside them."""

    marked: np.ndarray
    """(T, S, S, 3) uint8."""
    original: np.ndarray
    """(T, S, S, 3) uint8: the frames before they were marked."""
    landmarks: np.ndarray | None = None
    """(T, 5, 2) float32, px, of the face; None where there is none."""
    donor: Face | None = None
    """Face of another person, for deepfakes."""


@dataclass(frozen=True, eq=False)
class ReceivedClip:
    """Frames after a channel, and which of the sent ones they are."""

    frames: np.ndarray
    """(T', S, S, 3) uint8."""
    order: np.ndarray
    """(T',) int64: position among the sent frames."""


class ClipChannel(Protocol):
    """A channel for marked clips."""

    @property
    def name(self) -> str:
        """Name in tables."""

    def __call__(self, sent: SentClip, rng: np.random.Generator) -> ReceivedClip:
        """The received clip."""


@dataclass(frozen=True)
class GifPalette:
    """The frames in the colours of a GIF."""

    method: Image.Quantize = Image.Quantize.MEDIANCUT
    """How Pillow makes the palette: MEDIANCUT or FASTOCTREE."""
    dithered: bool = True
    """By error diffusion (Floyd-Steinberg)."""
    shared: bool = False
    """Whether all frames have one palette, as in a GIF with a global table."""
    colors: int = 256

    @property
    def name(self) -> str:
        kind = "octree" if self.method == Image.Quantize.FASTOCTREE else "gif"
        parts = ["dithered"] * self.dithered + ["shared"] * self.shared
        return "-".join([f"{kind}{self.colors}", *parts])

    def __call__(self, sent: SentClip, rng: np.random.Generator) -> ReceivedClip:
        count = len(sent.marked)
        whole = self._palette(np.concatenate(list(sent.marked))) if self.shared else None
        dither = Image.Dither.FLOYDSTEINBERG if self.dithered else Image.Dither.NONE
        frames = []
        for frame in sent.marked:
            palette = whole or self._palette(frame)
            frames.append(np.asarray(_picture(frame).quantize(palette=palette, dither=dither).convert("RGB")))
        return ReceivedClip(np.stack(frames), np.arange(count))

    def _palette(self, pixels: np.ndarray) -> Image.Image:
        return _picture(pixels).quantize(self.colors, self.method, dither=Image.Dither.NONE)


@dataclass(frozen=True)
class WebPalette:
    """The 216 colours of the web palette, dithered: Pillow's conversion without a palette of its own."""

    name: ClassVar[str] = "gif-web"

    def __call__(self, sent: SentClip, rng: np.random.Generator) -> ReceivedClip:
        frames = [np.asarray(_picture(frame).convert("P").convert("RGB")) for frame in sent.marked]
        return ReceivedClip(np.stack(frames), np.arange(len(frames)))


class _Retimed(ABC):
    """A channel that takes whole frames out, or changes their order."""

    def __call__(self, sent: SentClip, rng: np.random.Generator) -> ReceivedClip:
        order = self._order(len(sent.marked), rng)
        return ReceivedClip(sent.marked[order], order)

    @abstractmethod
    def _order(self, count: int, rng: np.random.Generator) -> np.ndarray: ...


@dataclass(frozen=True)
class FrameDrop(_Retimed):
    """The share `dropped` of the frames is missing, one frame stays at least."""

    dropped: float

    @property
    def name(self) -> str:
        return f"drop{self.dropped * 100:g}%"

    def _order(self, count, rng):
        kept = max(1, round(count * (1 - self.dropped)))
        return np.sort(rng.choice(count, kept, replace=False))


@dataclass(frozen=True)
class Reorder(_Retimed):
    """The frames in random order."""

    name: ClassVar[str] = "reorder"

    def _order(self, count, rng):
        return rng.permutation(count)


@dataclass(frozen=True)
class Speed(_Retimed):
    """Played `factor` times as fast at the same rate: frames are left out, or shown again."""

    factor: float

    @property
    def name(self) -> str:
        return f"speed{self.factor:g}"

    def _order(self, count, rng):
        kept = max(1, round(count / self.factor))
        return np.minimum((np.arange(kept) * self.factor).astype(np.int64), count - 1)


@dataclass(frozen=True)
class EachFrame:
    """A channel for pictures, frame by frame."""

    channel: FaceChannel
    steady: bool = False
    """Whether every frame gets the same draws, as a forgery has over a clip; else each its own, as noise."""

    @property
    def name(self) -> str:
        return self.channel.name

    def __call__(self, sent: SentClip, rng: np.random.Generator) -> ReceivedClip:
        seed = int(rng.integers(2**32))
        frames = []
        for number, (marked, original) in enumerate(zip(sent.marked, sent.original, strict=True)):
            points = _NO_FACE if sent.landmarks is None else sent.landmarks[number]
            face = SentFace(marked, original, points, sent.donor)
            frames.append(self.channel(face, np.random.default_rng(seed if self.steady else (seed, number))))
        return ReceivedClip(np.stack(frames), np.arange(len(frames)))


@dataclass(frozen=True)
class Then:
    """One channel after another."""

    steps: tuple[ClipChannel, ...]

    @property
    def name(self) -> str:
        return "+".join(step.name for step in self.steps)

    def __call__(self, sent: SentClip, rng: np.random.Generator) -> ReceivedClip:
        order = np.arange(len(sent.marked))
        for step in self.steps:
            received = step(sent, rng)
            points = None if sent.landmarks is None else sent.landmarks[received.order]
            sent = SentClip(received.frames, sent.original[received.order], points, sent.donor)
            order = order[received.order]
        return ReceivedClip(sent.marked, order)


def _picture(frame: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(frame))


_NO_FACE = np.zeros((5, 2), np.float32)
GIF = GifPalette()
QUANTIZERS: tuple[ClipChannel, ...] = (
    GIF,
    GifPalette(dithered=False),
    GifPalette(shared=True),
    GifPalette(colors=64),
    GifPalette(Image.Quantize.FASTOCTREE, dithered=False),
    WebPalette(),
)
"""The palettes of GIF files."""
RETIMED: tuple[ClipChannel, ...] = (FrameDrop(0.3), Reorder(), Speed(2.0), Speed(0.5))
"""Changes of number and order of the frames."""
SIGNAL: tuple[ClipChannel, ...] = tuple(
    EachFrame(Through(channel)) for channel in (Jpeg(50), Webp(50), Noise(12.75), Scale(0.5))
)
"""Frames coded again, noise, and half of the size and back."""
FORGED: tuple[ClipChannel, ...] = tuple(EachFrame(channel, steady=True) for channel in DEEPFAKES)
"""The forgeries that replace or redraw a face, in all frames alike."""


def gif_first(channels: Sequence[ClipChannel]) -> tuple[ClipChannel, ...]:
    """The channels as they meet a file: after the palette of the GIF."""
    return tuple(Then((GIF, channel)) for channel in channels)


POOLS: dict[str, tuple[ClipChannel, ...]] = {
    "quantizer": QUANTIZERS,
    "retimed": gif_first(RETIMED),
    "signal": gif_first(SIGNAL),
    "forged": gif_first(FORGED),
}
"""Channels by kind; a training has crops beside them."""
