"""Sources of pictures: paths, file contents, open files, PIL images, arrays; all become a SourcePicture."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from underdrawing.core.errors import PictureError, ShapeError, UnderdrawingError
from underdrawing.data.animations import Animation, is_animation, read_animation
from underdrawing.data.arrays import ArrayLike, picture_from_array
from underdrawing.data.containers.shared import check_size
from underdrawing.data.pictures import (
    MAX_PIXELS,
    FileSource,
    Picture,
    load_picture,
    own_file,
    picture_of,
    read_bytes,
)


@dataclass(frozen=True)
class SourcePicture:
    """A decoded picture with the bytes of its file: decoded once, it can be given to several functions."""

    picture: Picture
    data: bytes | None = None
    """Of the file, of the original where an archive keeps its file; None where there is none."""
    name: str | None = None
    """Path or file name, for reports and error messages."""
    path: Path | None = None
    """Absolute; None where the source was not a path."""
    animation: Animation | None = None
    """All frames, where the source is an animated file; `picture` is its first one."""


Source = FileSource | Image.Image | ArrayLike | Picture | SourcePicture
"""What is read as a picture; see read_source."""
_CONTENTS = (str, os.PathLike, bytes, bytearray, memoryview)
_LEFT_IN_PIL = {
    "dpi": "resolution", "comment": "comment", "photoshop": "IPTC and Photoshop resources", "text": "texts",
}  # fmt: skip
"""By their names in PIL: what a PIL image of a file has, and a Picture made of it lacks."""

SHORTEST_SIDE_PX = 64
"""Pictures with a shorter side are refused: they cannot carry a code."""
LONGEST_ASPECT = 20
"""Pictures whose long side is more than so many times the short one are refused: on the grid of a mark they
are too narrow to carry a code."""


def read_source(source: Source, max_pixels: int = MAX_PIXELS, *, animated: bool = False) -> SourcePicture:
    """Read and decode a source once.

    Arrays and tensors: see arrays.picture_from_array. PIL images are turned upright by their EXIF.
    Larger files than `max_pixels`, in all frames together, are refused before they are decoded.
    animated: whether animated files are read, too.
    Errors: those of load_picture and read_animation; PictureError for a file that lacks rows and for another
    type of source;
    ShapeError for arrays of another shape or range, and for sides below SHORTEST_SIDE_PX or beyond
    LONGEST_ASPECT.
    """
    read = decode_source(source, max_pixels, animated=animated)
    height, width = read.picture.pixels.shape[:2]
    if min(height, width) < SHORTEST_SIDE_PX:
        raise ShapeError(
            f"expected sides of at least {SHORTEST_SIDE_PX} px, got {width}x{height}; "
            "the picture is too small to carry a code"
        )
    if max(height, width) > LONGEST_ASPECT * min(height, width):
        raise ShapeError(
            f"expected a long side of at most {LONGEST_ASPECT} times the short one, got {width}x{height}; "
            "the picture is too narrow to carry a code"
        )
    return read


def decode_source(source: Source, max_pixels: int = MAX_PIXELS, *, animated: bool = False) -> SourcePicture:
    """As `read_source`, whatever the sides of the picture."""
    read = source if isinstance(source, SourcePicture) else _read(source, max_pixels, animated)
    if read.picture.incomplete:
        raise PictureError("the file is cut short: rows are missing, and only whole pictures are judged")
    return read


def name_of(source: object) -> str | None:
    """The path or file name of a source; None where it has none."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    name = None if isinstance(source, Image.Image) else getattr(source, "name", None)
    return name if isinstance(name, str) and name else None


@contextmanager
def named(source: object) -> Iterator[None]:
    """Put the name of the source into the message of an UnderdrawingError that lacks it."""
    try:
        yield
    except UnderdrawingError as error:
        name = name_of(source)
        text = str(error)
        if name and name not in text:
            raise type(error)(f"{name}: {text}") from error
        raise


def _read(source: Source, max_pixels: int, animated: bool) -> SourcePicture:
    if isinstance(source, Picture):
        return SourcePicture(source)
    if isinstance(source, Image.Image):
        return SourcePicture(_from_pil(source))
    if hasattr(source, "__array__"):
        return SourcePicture(picture_from_array(source))
    if not isinstance(source, _CONTENTS) and not hasattr(source, "read"):
        raise PictureError(
            "expected a path, the bytes of a picture file, an open binary file, a PIL image, an array or a "
            f"tensor, got {type(source).__name__}"
        )
    _, data = read_bytes(source)
    if not isinstance(data, bytes):
        raise PictureError("expected a file opened in binary mode; open it with mode 'rb'")
    data = own_file(data, max_pixels)
    animation = read_animation(data, max_pixels=max_pixels) if animated and is_animation(data) else None
    picture = load_picture(data, max_pixels=max_pixels) if animation is None else _first_frame(animation)
    path = Path(source).absolute() if isinstance(source, str | os.PathLike) else None
    return SourcePicture(picture, data, name_of(source), path, animation)


def _first_frame(animation: Animation) -> Picture:
    alpha = None if animation.alpha is None else animation.alpha[0]
    return Picture(
        animation.pixels[0], alpha, False, animation.format, animation.icc, None, None, notes=animation.notes
    )


def _from_pil(image: Image.Image) -> Picture:
    try:
        check_size(image, image.width * image.height)  # one frame
        image.load()
        upright = ImageOps.exif_transpose(image)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise PictureError(f"the PIL image cannot be decoded ({error})") from error
    if upright.mode.startswith("I;16"):
        return picture_from_array(np.asarray(upright).astype(np.uint16))
    lost = [name for key, name in _LEFT_IN_PIL.items() if image.info.get(key) or getattr(image, key, None)]
    notes = (f"{', '.join(lost)} of the PIL image left out; give its file to keep that",) if lost else ()
    return replace(picture_of(upright, image.format), notes=notes)
