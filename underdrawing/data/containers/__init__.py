"""Containers of pictures, one module each: JPEG, PNG, WebP, AVIF, TIFF, HEIF, BMP, UDL.

    file -> container_of(head).read -> Picture (upright, with all that can be written again) -> write -> file

A module holds FORMAT, SUFFIXES, INVENTORY, is_this, read and write as in interface.Container. What other
containers can carry too is a field of Picture (icc, exif, xmp, iptc, comments, resolution, texts, cicp); what
only this one can carry is Picture.native. Whatever is not in the output is named in the notes.
"""

from __future__ import annotations

from pathlib import Path

from underdrawing.core.errors import PictureError
from underdrawing.data.containers import avif, bmp, heif, jpeg, png, tiff, udl, webp
from underdrawing.data.containers.interface import Container
from underdrawing.data.containers.shared import refused_animation

CONTAINERS: tuple[Container, ...] = (jpeg, png, webp, avif, tiff, heif, bmp, udl)
FORMATS = {container.FORMAT: container for container in CONTAINERS}
SUFFIXES = {suffix: container.FORMAT for container in CONTAINERS for suffix in container.SUFFIXES}
HEAD_BYTES = 64
"""By which a container is known."""
_GIF = (b"GIF87a", b"GIF89a")


def container_of(data: bytes) -> Container:
    """The container of a file, by its first HEAD_BYTES. PictureError where it is none of ours."""
    head = data[:HEAD_BYTES]
    for container in CONTAINERS:
        if container.is_this(head):
            return container
    if head[:6] in _GIF:
        raise refused_animation("GIF is read as an animation")
    raise PictureError(f"no picture of a known type, or a damaged one ({', '.join(FORMATS)})")


def format_of(path: Path) -> str | None:
    """The format of a path's suffix; None without a suffix. PictureError for unsupported suffixes."""
    suffix = path.suffix.lower()
    if not suffix:
        return None
    if suffix not in SUFFIXES:
        raise PictureError(f"{suffix} is no format written here; expected {', '.join(SUFFIXES)}")
    return SUFFIXES[suffix]


def suffix_of(data: bytes) -> str:
    """The usual suffix of a picture file, by its first HEAD_BYTES. PictureError where it is none of ours."""
    return ".gif" if data[:6] in _GIF else container_of(data).SUFFIXES[0]
