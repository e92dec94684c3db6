"""What the tests of Content Credentials sign."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

IDENTITY = "0123456789abcdef"


def encoded(image: np.ndarray, format: str = "JPEG", **options) -> bytes:
    """The file of a picture (H, W, 3) uint8, without metadata."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format, **({"quality": 92} | options))
    return buffer.getvalue()
