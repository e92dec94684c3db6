"""What only a TIFF carries of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from underdrawing.data.containers.tiff.tags import Tag


@dataclass(frozen=True)
class TiffNative:
    """Layout of the file and what it holds beside colours and alpha; written again in a TIFF."""

    order: str = "<"
    """Byte order as struct writes it."""
    compression: int = 8
    predictor: bool = True
    planar: bool = False
    """One plane a sample; written interleaved, which more readers take."""
    tile: tuple[int, int] | None = None
    """Height and width; None for strips."""
    white_is_zero: bool = False
    extra_kinds: tuple[int, ...] = ()
    """ExtraSamples; the first 1 (the colours are multiplied by it) or 2 is alpha."""
    extras: np.ndarray | None = None
    """(H, W, n): the other samples, of the pixels' type."""
    iptc_tags: tuple[int, ...] = (33723, 34377)
    """That hold IPTC, alone and among Photoshop's image resources."""
    tags: tuple[Tag, ...] = ()
    """That EXIF has no place for: of GeoTIFF, and private ones."""

    @property
    def names(self) -> tuple[str, ...]:
        names = []
        if self.extras is not None:
            names.append(f"{self.extras.shape[2]} samples a pixel beside colours and alpha")
        if self.tags:
            names.append(f"TIFF tags {', '.join(str(tag.id) for tag in self.tags)}")
        return tuple(names)
