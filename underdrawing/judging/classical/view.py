"""What the methods share of one picture: luma and the JPEG grid are computed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from underdrawing.data.containers.jpeg_metadata import JpegParts
from underdrawing.data.picture import Picture
from underdrawing.judging.classical.blocks import Grid, find_grid
from underdrawing.ops.color import luma


@dataclass(frozen=True, eq=False)
class View:
    """A received picture."""

    image: np.ndarray
    """(H, W, 3) uint8, sides of evidence.LEAST_PX or more."""
    luma_steps: np.ndarray | None = None
    """(8, 8) quantization steps of luma of the JPEG file, upright; None for other files."""

    @classmethod
    def of(cls, picture: Picture) -> View:
        """Of a picture as it is shown, with the table of its file where that is a JPEG."""
        coding = picture.native.coding if isinstance(picture.native, JpegParts) else None
        return cls(picture.shown, None if coding is None else np.reshape(coding.tables[0], (8, 8)))

    @cached_property
    def plane(self) -> np.ndarray:
        """(H, W) float32 luma in 0..255."""
        return luma(self.image)

    @cached_property
    def grid(self) -> Grid:
        """The JPEG grid of the picture."""
        return find_grid(self.plane)
