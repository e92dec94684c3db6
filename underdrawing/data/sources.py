"""What people hand in: the path or bytes of a picture file, a picture that is read already, or an array."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from underdrawing.core.errors import ShapeError, UnderdrawingError
from underdrawing.data.pictures import MAX_PIXELS, Picture, load_picture, read_bytes

Source = str | Path | bytes | np.ndarray | Picture

SHORTEST_SIDE_PX = 64
"""Pictures with a shorter side are refused: they hold no readable code."""


def read_source(source: Source, max_pixels: int = MAX_PIXELS) -> tuple[Picture, bytes | None]:
    """The picture, and the bytes of its file, read once; None where there is no file.

    Arrays are (H, W, 3) or (H, W), uint8 or uint16. Errors: those of load_picture; ShapeError for others,
    and for sides below SHORTEST_SIDE_PX.
    """
    data = None
    if isinstance(source, Picture):
        picture = source
    elif isinstance(source, np.ndarray):
        picture = _from_array(source)
    else:
        _, data = read_bytes(source)
        picture = load_picture(data, max_pixels=max_pixels)
    height, width = picture.pixels.shape[:2]
    if min(height, width) < SHORTEST_SIDE_PX:
        raise ShapeError(
            f"expected sides of at least {SHORTEST_SIDE_PX} px, got {width}x{height}; "
            "the picture is too small to carry a code"
        )
    return picture, data


def name_of(source: object) -> str | None:
    """The path that was handed in, or None for anything else."""
    return str(source) if isinstance(source, str | Path) else None


@contextmanager
def named(source: object) -> Iterator[None]:
    """Make sure that the message of an error of ours names the file it is about."""
    try:
        yield
    except UnderdrawingError as error:
        name = name_of(source)
        text = str(error)
        if name and name not in text:
            raise type(error)(f"{name}: {text}") from error
        raise


def _from_array(array: np.ndarray) -> Picture:
    gray = array.ndim == 2
    pixels = np.repeat(array[:, :, None], 3, axis=2) if gray else array
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype not in (np.uint8, np.uint16):
        raise ShapeError(
            f"expected (H, W, 3) or (H, W), uint8 or uint16, got {array.shape} {array.dtype}; "
            "convert the array to RGB first"
        )
    return Picture(pixels, alpha=None, gray=gray, format="PNG", icc=None, exif=None, xmp=None)
