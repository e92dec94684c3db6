"""SSIMULACRA2 (Sneyers 2022): perceptual quality relative to the original; 90 is visually lossless.

Computed by the package `ssimulacra2` (pure Python, extra "bench"); 70 is high quality, 80 very high.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from underdrawing.core.errors import MissingExtraError


def ssimulacra2(image: np.ndarray, other: np.ndarray) -> float:
    """Score of `other` beside the original `image`, both (H, W, 3) uint8 sRGB; 100 is identical.

    About half a second and 150 MB for 512x512, growing with the area. MissingExtraError without the package.
    """
    try:
        from ssimulacra2 import compute_ssimulacra2
    except ImportError as error:
        raise MissingExtraError(
            'SSIMULACRA2 needs the package "ssimulacra2": pip install "underdrawing[bench]"'
        ) from error
    return float(compute_ssimulacra2(_file(image), _file(other)))


def _file(image: np.ndarray) -> io.BytesIO:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "BMP")  # lossless and quick to write
    buffer.seek(0)
    return buffer
