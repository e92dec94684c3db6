"""A protection: the change that a system or a carrier makes to one picture."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from underdrawing.ops.color import with_luma_changed

_STRIP_ROWS = 64  # rows changed at a time, to bound the memory of large pictures


@dataclass(frozen=True)
class Protection:
    """Residual of one picture, and what a protector reports about it."""

    residual: np.ndarray
    """Change in 8-bit levels: (H, W) of luma, or (H, W, 3) of RGB."""
    direction: np.ndarray | None = None
    """(3,) change of R, G and B per unit of luma; None for a residual of three channels."""
    identity: str | None = None
    """16 hex digits; None where none is embedded."""
    bits: dict[str, int] = field(default_factory=dict)
    """Number of embedded bits by kind."""
    code: bytes = b""
    """Content code as a registry stores it; see coding.bits.pack_code."""
    signed: bool = True
    """Whether the owner's signature, where there is an owner, had room."""
    notes: tuple[str, ...] = ()
    """What the mark of this picture cannot do; a sentence each."""
    signature: bytes | None = None
    """The owner's signature over the mark, 64 bytes, where a registry is to keep it in place of the mark."""

    @classmethod
    def between(cls, original: np.ndarray, protected: np.ndarray) -> Protection:
        """The change from one picture (H, W, 3) uint8 to another."""
        return cls(protected.astype(np.int16) - original)

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Protected pixels of the picture (H, W, 3) uint8 or uint16, same type."""
        limit = np.iinfo(pixels.dtype).max
        unit = np.float32(limit // 255)
        result = np.empty_like(pixels)
        for top in range(0, len(pixels), _STRIP_ROWS):
            rows = slice(top, top + _STRIP_ROWS)
            change = self.residual[rows] * unit
            if self.direction is None:
                result[rows] = np.clip(np.rint(pixels[rows] + change), 0, limit)
            else:
                result[rows] = with_luma_changed(pixels[rows], change, self.direction)
        return result
