"""Blocks of a picture at its own size, and the samples in which each block carries bits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from underdrawing.coding.keystream import permutation

CONTENT_SIDE = 8
"""Pixels along a side of the content of a block."""
MOST_BLOCKS = 1 << 14
"""A larger picture has larger blocks, whose content is reduced; so the cost is bounded."""
TAG_BITS = 24
GROUPS = 56
"""Pixels of a block that carry two bits each."""


@dataclass(frozen=True)
class BlockGrid:
    """Blocks from the upper left corner; a rim of less than a block at the right and below has none."""

    height: int
    """Of the picture, px."""
    width: int

    @cached_property
    def scale(self) -> int:
        """Pixels of the picture along a pixel of the content."""
        scale = 1
        while (self.height // (8 * scale)) * (self.width // (8 * scale)) > MOST_BLOCKS:
            scale += 1
        return scale

    @property
    def side(self) -> int:
        """Of a block, px."""
        return CONTENT_SIDE * self.scale

    @property
    def rows(self) -> int:
        return self.height // self.side

    @property
    def cols(self) -> int:
        return self.width // self.side

    @property
    def count(self) -> int:
        return self.rows * self.cols

    def split(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) -> (count, side, side, 3), a copy."""
        side = self.side
        whole = image[: self.rows * side, : self.cols * side]
        parts = whole.reshape(self.rows, side, self.cols, side, 3).swapaxes(1, 2)
        return np.ascontiguousarray(parts).reshape(self.count, side, side, 3)

    def join(self, blocks: np.ndarray, image: np.ndarray) -> np.ndarray:
        """A copy of the image (H, W, 3) with these blocks in it."""
        side, result = self.side, image.copy()
        parts = blocks.reshape(self.rows, self.cols, side, side, 3).swapaxes(1, 2)
        result[: self.rows * side, : self.cols * side] = parts.reshape(self.rows * side, self.cols * side, 3)
        return result

    def content(self, blocks: np.ndarray) -> np.ndarray:
        """(n, side, side, 3) uint8 -> (n, 8, 8, 3) uint8, means of all bits but the last one; exact."""
        if self.scale == 1:
            return blocks
        shape = (len(blocks), CONTENT_SIDE, self.scale, CONTENT_SIDE, self.scale, 3)
        sums = (blocks & np.uint8(254)).reshape(shape).sum(2, dtype=np.uint32).sum(3, dtype=np.uint32)
        return (sums // self.scale**2).astype(np.uint8)

    def to_pixels(self, values: np.ndarray) -> np.ndarray:
        """A value (count,) of each block in the pixels of the picture (H, W); zero in the rim."""
        side = self.side
        spread = values.reshape(self.rows, self.cols).repeat(side, 0).repeat(side, 1)
        result = np.zeros((self.height, self.width), spread.dtype)
        result[: spread.shape[0], : spread.shape[1]] = spread
        return result


@dataclass(frozen=True)
class Places:
    """Pixels of a block that carry bits, and the indices of their samples in the flattened block."""

    pixels: np.ndarray
    """(GROUPS,) of the groups."""
    groups: np.ndarray
    """(GROUPS, 3): a group has the three samples of one pixel, and shows whether that one was changed."""
    tag: np.ndarray
    """(TAG_BITS,) samples of other pixels."""

    @classmethod
    def of(cls, grid: BlockGrid, key: bytes) -> Places:
        """Those of a picture, keyed."""
        order = permutation(key, f"fragile places {grid.side}", grid.side**2)
        samples = 3 * order[: GROUPS + TAG_BITS // 3, None] + np.arange(3)
        return cls(order[:GROUPS], samples[:GROUPS], samples[GROUPS:].ravel())
