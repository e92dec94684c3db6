"""Metadata of picture files: colour profile, EXIF and XMP, with the orientation reset to 1."""

from __future__ import annotations

import re
import struct

from PIL import Image

_ORIENTATION = 0x0112
_SHORT = 3
_TIFF_TEXT_TAGS = (270, 271, 272, 305, 306, 315, 33432)
"""TIFF tags that describe the photograph, not the storage of its pixels."""
_SUB_IFDS = (0x8769, 0x8825)
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>\s*))[2-8]")
_ICC_SIGNATURE = slice(36, 40)
_ICC_SPACE = slice(16, 20)


def upright_exif(exif: bytes | None) -> bytes | None:
    """The same EXIF bytes with orientation 1.

    Only this value is overwritten: rewriting the block would move the maker notes, whose internal offsets are
    not documented. Bytes that are not EXIF are returned unchanged.
    """
    if not exif:
        return None
    start = 6 if exif.startswith(b"Exif\0\0") else 0
    order = {b"II": "<", b"MM": ">"}.get(exif[start : start + 2])
    if order is None or len(exif) < start + 10:
        return exif
    (offset,) = struct.unpack_from(order + "I", exif, start + 4)
    at = start + offset
    if at + 2 > len(exif):
        return exif
    (count,) = struct.unpack_from(order + "H", exif, at)
    patched = bytearray(exif)
    for entry in range(at + 2, min(at + 2 + 12 * count, len(exif) - 11), 12):
        tag, kind = struct.unpack_from(order + "HH", exif, entry)
        if tag == _ORIENTATION:
            upright = struct.pack(order + "HH", 1, 0) if kind == _SHORT else struct.pack(order + "I", 1)
            patched[entry + 8 : entry + 12] = upright
    return bytes(patched)


def upright_xmp(xmp: bytes | str | None) -> bytes | None:
    """The same XMP packet with orientation 1."""
    if not xmp:
        return None
    data = xmp.encode("utf-8", "surrogateescape") if isinstance(xmp, str) else bytes(xmp)
    return _XMP_ORIENTATION.sub(rb"\g<1>1", data)


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
