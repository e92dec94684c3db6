"""Metadata of picture files: colour profiles, and the EXIF of TIFF files."""

from __future__ import annotations

from PIL import Image

_TIFF_TEXT_TAGS = (270, 271, 272, 305, 306, 315, 33432)
"""TIFF tags that describe the photograph, not the storage of its pixels."""
_SUB_IFDS = (0x8769, 0x8825)
_ICC_SIGNATURE = slice(36, 40)
_ICC_SPACE = slice(16, 20)


def tiff_exif(image: Image.Image) -> bytes | None:
    """An EXIF block with the descriptive tags of a TIFF file; None where it has none."""
    source, kept = image.getexif(), Image.Exif()
    for tag in _TIFF_TEXT_TAGS:
        if tag in source:
            kept[tag] = source[tag]
    for tag in _SUB_IFDS:
        if values := source.get_ifd(tag):
            kept.get_ifd(tag).update(values)
    return kept.tobytes() if len(kept) or any(kept.get_ifd(tag) for tag in _SUB_IFDS) else None


def fitting_icc(icc: bytes | None, gray: bool) -> bytes | None:
    """The profile where it describes pixels of one (`gray`) or three channels, else None.

    Readers ignore a profile of another colour space, or refuse the file.
    """
    if icc is None or len(icc) < 128 or icc[_ICC_SIGNATURE] != b"acsp":
        return None
    return icc if icc[_ICC_SPACE] == (b"GRAY" if gray else b"RGB ") else None
