"""Animations: coded as in a file, whose frames are decoded one by one, or decoded as one array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from underdrawing.core.errors import PictureError, ShapeError
from underdrawing.data.animations.canvas import Patch, whole_frames

AnimationFormat = Literal["GIF", "PNG", "WEBP"]
MOST_FRAMES = 2_000
"""Files with more frames are refused: more than a minute at 30 frames a second."""
LONGEST_SIDE_PX = 16_384
"""Of a canvas; WebP's bound."""


@dataclass(frozen=True, repr=False)
class CodedAnimation:
    """An animated file, parsed but not decoded: its frames can be taken one at a time."""

    format: AnimationFormat
    """Pillow's name."""
    width: int
    height: int
    patches: tuple[Patch, ...]
    """One a frame."""
    plays: int
    """How often it is played; 0: without end."""
    icc: bytes | None = None
    lossless: bool = False
    """Whether all frames of a WebP are coded without loss."""
    notes: tuple[str, ...] = ()
    """What reading left out, converted or tolerated, a sentence each."""

    def frames(self) -> Iterator[np.ndarray]:
        """The frames as shown, (H, W, 4) uint8, RGB and alpha, with disposal and blending resolved.

        PictureError where a frame is damaged or cut short.
        """
        return whole_frames(self.width, self.height, self.patches)

    def __repr__(self) -> str:
        return f"<CodedAnimation {self.width}x{self.height}, {len(self.patches)} frames, {self.format}>"


@dataclass(frozen=True, repr=False)
class Animation:
    """A decoded animation."""

    pixels: np.ndarray
    """(T, H, W, 3) uint8 RGB, in the colour profile `icc`; whole frames."""
    alpha: np.ndarray | None
    """(T, H, W) uint8; None where every frame is opaque."""
    durations_ms: tuple[float, ...]
    """One a frame, as the file states them; 0 stays 0, which viewers show for about 100 ms."""
    plays: int
    """How often it is played; 0: without end."""
    format: AnimationFormat
    """Of the file it came from, and is written in again."""
    icc: bytes | None = None
    lossless: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.pixels.ndim != 4 or self.pixels.shape[3] != 3 or self.pixels.dtype != np.uint8:
            raise ShapeError(f"expected (T, H, W, 3) uint8, got {self.pixels.shape} {self.pixels.dtype}")
        if self.alpha is not None and self.alpha.shape != self.pixels.shape[:3]:
            raise ShapeError(f"expected alpha {self.pixels.shape[:3]}, got {self.alpha.shape}")
        if not len(self.pixels) == len(self.durations_ms) > 0:
            raise ShapeError(
                f"expected a duration for each of {len(self.pixels)} frames and one frame or more, "
                f"got {len(self.durations_ms)}"
            )

    @property
    def shown(self) -> np.ndarray:
        """(T, H, W, 3) uint8, on white where a frame is transparent: what a page shows."""
        if self.alpha is None:
            return self.pixels
        shown = np.empty_like(self.pixels)
        for out, pixels, alpha in zip(shown, self.pixels, self.alpha, strict=True):
            darker = (255 - pixels).astype(np.uint16) * alpha[..., None]
            out[:] = 255 - ((darker + 127) // 255).astype(np.uint8)
        return shown

    def with_pixels(self, pixels: np.ndarray) -> Animation:
        """The same with other pixels (T, H, W, 3) uint8; those that nobody can see stay as they are."""
        if self.alpha is not None:
            pixels = np.where(self.alpha[..., None] > 0, pixels, self.pixels)
        return replace(self, pixels=pixels)

    def __repr__(self) -> str:
        count, height, width = self.pixels.shape[:3]
        return f"<Animation {width}x{height}, {count} frames, {sum(self.durations_ms) / 1000:.2f} s>"


def check_limits(width: int, height: int, patches: list[Patch], max_pixels: int) -> None:
    """PictureError for a canvas without pixels, and for more of anything than is worked with."""
    count = len(patches)
    if not count:
        raise PictureError("an animation without frames")
    if not width or not height:
        raise PictureError("an animation whose canvas has no pixels")
    if max(width, height) > LONGEST_SIDE_PX:
        raise PictureError(f"a canvas of {width}x{height} px; expected sides of at most {LONGEST_SIDE_PX} px")
    pixels = max(count * width * height, sum(patch.width * patch.height for patch in patches))
    if pixels > max_pixels:
        raise PictureError(
            f"{count} frames of {width}x{height} px are {pixels / 1e6:.0f} megapixels in all, more than the "
            f"{max_pixels / 1e6:.0f} allowed; it may be a decompression bomb"
        )


def check_count(count: int) -> None:
    """PictureError for more than MOST_FRAMES frames."""
    if count > MOST_FRAMES:
        raise PictureError(f"it has more than {MOST_FRAMES} frames, the most that are worked with")


def check_places(width: int, height: int, patches: list[Patch]) -> None:
    """PictureError for a patch without pixels or beyond the canvas, as animated PNG and WebP forbid."""
    for number, patch in enumerate(patches, 1):
        inside = patch.x + patch.width <= width and patch.y + patch.height <= height
        if not inside or not patch.width or not patch.height:
            raise PictureError(
                f"frame {number} of {len(patches)} is {patch.width}x{patch.height} px at {patch.x}, "
                f"{patch.y}: expected some pixels, all on the canvas of {width}x{height} px"
            )
