"""What all tiles of a picture share, and planes of their pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from underdrawing.core.errors import CodeError
from underdrawing.nets.masked_context import Tile
from underdrawing.nets.masked_order import ORDER
from underdrawing.nets.masked_schedule import Step, rounds, stride_of
from underdrawing.ops.block_base import BLOCK, Base
from underdrawing.ops.reversible_color import from_ycocg, to_ycocg


@dataclass(frozen=True)
class Format:
    """What all tiles of a picture share."""

    channels: int
    """1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha."""
    depth: int
    """8 or 16 bits."""
    rounds: int
    """T."""
    order: str = ORDER
    """Of the pixels within a mask; one of masked_order.ORDERS."""

    @property
    def steps(self) -> list[Step]:
        """In coding order."""
        return [step for part in rounds(self.rounds) for step in part]

    @property
    def kind(self) -> type:
        """Floating-point type whose integers hold every sum."""
        return np.float32 if self.depth == 8 else np.float64

    @property
    def alone(self) -> tuple[bool, ...]:
        """Whether each channel is predicted without those before it: alpha."""
        return tuple(self.channels in (2, 4) and c == self.channels - 1 for c in range(self.channels))

    @property
    def base(self) -> Base:
        """Of all tiles."""
        return Base.of(stride_of(self.rounds), self.depth)

    def empty_tile(self, planes: list[np.ndarray], base: list[np.ndarray]) -> Tile:
        """A tile of which nothing but the base is known."""
        return Tile([np.zeros_like(plane, self.kind) for plane in planes], base, self.depth, self.alone)

    def limits(self, channel: int) -> tuple[int, int]:
        """Lowest and highest value of a plane."""
        top = (1 << self.depth) - 1
        return (-top, top) if self.is_chroma(channel) else (0, top)

    def reconstructed(self, levels: np.ndarray, channel: int) -> np.ndarray:
        """The base (H, W) of a channel, within its limits."""
        base = self.base.reconstructed(levels, self.is_chroma(channel))
        return np.clip(base, *self.limits(channel)).astype(self.kind)

    def is_chroma(self, channel: int) -> bool:
        """Whether a plane is Co or Cg."""
        return self.channels >= 3 and channel in (1, 2)

    def weights_of(self, channel: int) -> int:
        """Number of the channel in the names of the weights."""
        return 0 if self.alone[channel] else channel

    def planes(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Planes (H, W) int32 of pixels (h, w, channels), with repeated last row and column."""
        unit = max(BLOCK, stride_of(self.rounds))
        pad = [(0, -side % unit) for side in pixels.shape[:2]]
        padded = np.pad(pixels, [*pad, (0, 0)], mode="edge")
        color = to_ycocg(padded) if self.channels >= 3 else [padded[..., 0].astype(np.int32)]
        return color + [padded[..., -1].astype(np.int32)] * any(self.alone)

    def pixels(self, planes: list[np.ndarray], size: tuple[int, int], *, clip: bool) -> np.ndarray:
        """The inverse of `planes`, (h, w, channels). CodeError for values out of range, or clipped."""
        whole = [plane[: size[0], : size[1]].astype(np.int32) for plane in planes]
        color = from_ycocg(whole[:3]) if self.channels >= 3 else whole[0][..., None]
        values = np.concatenate([color, whole[-1][..., None]], -1) if any(self.alone) else color
        if clip:
            values = np.clip(values, 0, (1 << self.depth) - 1)
        if values.size and (values.min() < 0 or values.max() >> self.depth):
            raise CodeError("decoded values are out of range: the tile is damaged")
        return values.astype(np.uint8 if self.depth == 8 else np.uint16)
