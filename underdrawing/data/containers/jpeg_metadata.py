"""Metadata of JPEG files: segments -> fields of Picture and JpegParts -> segments.

Everything is kept byte for byte but what depends on the pixels: orientation, sizes, thumbnails, positions of
parts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from underdrawing.data.containers import jpeg_segments as jpeg
from underdrawing.data.containers import jpeg_trailer as trailer
from underdrawing.data.containers.jpeg_coding import Coding
from underdrawing.data.containers.jpeg_segments import Parsed, Segment
from underdrawing.data.exif import HEADER
from underdrawing.data.photoshop import without_thumbnails
from underdrawing.data.picture import Picture, Resolution
from underdrawing.data.xmp import EXTENSION, merged, upright_xmp, without_property

_UNITS = ("aspect", "inch", "cm")
_TIFF_STARTS = (b"II*\0", b"MM\0*")
_PER_INCH = {"inch": 1.0, "cm": 2.54}
_JFIF_VERSION = b"\x01\x02"
_LARGEST_DENSITY = 0xFFFF


@dataclass(frozen=True)
class JpegParts:
    """What only a JPEG file can carry."""

    coding: Coding | None
    """None for a file that is not coded again in the same way."""
    jfif: bytes | None
    """Body of the segment behind its name; None where the file has none."""
    others: tuple[Segment, ...]
    """Application segments that no other field holds, in their order."""
    xmp: tuple[bytes, bytes | None] | None
    """Standard and extended packet, with what they promise."""
    plain_xmp: bytes | None
    """Picture.xmp as it was read."""
    index: trailer.Index | None
    """MPF, with positions from the end of the primary picture."""
    parts: tuple[bytes, ...]
    """What stands behind the primary picture."""
    names: tuple[str, ...]


# ---- reading


def exif_of(parsed: Parsed, notes: list[str]) -> bytes | None:
    """The EXIF block, joined where it spans several segments; None without one."""
    bodies = parsed.bodies(jpeg.APP1, HEADER)
    if not bodies:
        return None
    first, *more = bodies
    if any(body.startswith(_TIFF_STARTS) for body in more):
        notes.append("second EXIF block left out: readers take the first")
        more = [body for body in more if not body.startswith(_TIFF_STARTS)]
    return HEADER + first + b"".join(more)


def icc_of(parsed: Parsed) -> bytes | None:
    """The colour profile; None without a whole one."""
    return jpeg.joined_icc(parsed.bodies(jpeg.APP2, jpeg.ICC))


def resources_of(parsed: Parsed, turn: int) -> bytes | None:
    """Photoshop's resources, IPTC among them; without thumbnails where the picture is turned."""
    resources = b"".join(parsed.bodies(jpeg.APP13, jpeg.PHOTOSHOP))
    return (without_thumbnails(resources) if turn != 1 else resources) or None


def xmp_of(parsed: Parsed, size: tuple[int, int], notes: list[str]) -> tuple[bytes, bytes | None] | None:
    """Standard and extended XMP packet for the upright picture."""
    bodies = parsed.bodies(jpeg.APP1, jpeg.XMP)
    standard = upright_xmp(bodies[0], size) if bodies else None
    chunks = parsed.bodies(jpeg.APP1, jpeg.EXTENDED_XMP)
    if len(bodies) > 1:
        notes.append("second XMP packet left out: readers take the first")
    if standard is None:
        notes += ["extended XMP left out: no standard packet names it"] if chunks else []
        return None
    extended = jpeg.joined_extended_xmp(standard, chunks)
    if extended is None:
        if chunks:
            notes.append("extended XMP left out: it is not whole")
        return without_property(standard, EXTENSION), None
    return standard, upright_xmp(extended, size)


def jfif_of(parsed: Parsed, turn: int) -> bytes | None:
    """The JFIF header; with densities exchanged and without thumbnail where the picture is turned."""
    body = next(iter(parsed.bodies(jpeg.APP0, jpeg.JFIF)), None)
    if body is None or len(body) < 9 or turn == 1:
        return body if body is not None and len(body) >= 9 else None
    density = body[5:7] + body[3:5] if turn > 4 else body[3:7]
    return body[:3] + density + b"\0\0"


def resolution_of(jfif: bytes | None) -> Resolution | None:
    """None where a JFIF header states no more than square pixels."""
    if jfif is None:
        return None
    unit, x, y = struct.unpack_from(">BHH", jfif, 2)
    if unit >= len(_UNITS) or not x or not y or (unit == 0 and x == y):
        return None
    return Resolution(x, y, _UNITS[unit])


def others_of(parsed: Parsed, turn: int, coding: Coding | None) -> tuple[Segment, ...]:
    """Application segments that no field of Picture holds; without Content Credentials, without the thumbnail
    of JFIF where the picture is turned, and without Adobe's mark of a coding that is not written again."""
    stores = jpeg.content_credentials(parsed.segments)
    held = {
        jpeg.APP0: (jpeg.JFIF, jpeg.JFXX) if turn != 1 else (jpeg.JFIF,),
        jpeg.APP1: (HEADER, jpeg.XMP, jpeg.EXTENDED_XMP),
        jpeg.APP2: (jpeg.ICC, jpeg.MPF),
        jpeg.APP13: (jpeg.PHOTOSHOP,),
        jpeg.APP14: (jpeg.ADOBE,) if coding is None else (),
    }
    return tuple(
        segment
        for segment in parsed.segments
        if jpeg.APP0 <= segment.marker <= jpeg.APP15
        and not segment.body.startswith(held.get(segment.marker, ()))
        and segment not in stores
    )


def names_of(others: tuple[Segment, ...]) -> tuple[str, ...]:
    """Of segments whose content nothing else repeats."""
    kinds = {segment.marker - jpeg.APP0 for segment in others} - {0, jpeg.APP14 - jpeg.APP0}
    return tuple(f"application segment APP{kind}" for kind in sorted(kinds))


def index_of(parsed: Parsed, old: list[bytes], new: list[bytes]) -> trailer.Index | None:
    """The MPF index, relative to the end of the primary picture; None without one that fits the parts."""
    for (marker, body), place in zip(parsed.segments, parsed.places, strict=True):
        if marker == jpeg.APP2 and body.startswith(jpeg.MPF):
            start = place + len(jpeg.MPF)
            try:
                return trailer.Index(body[len(jpeg.MPF) :]).relative(parsed.end - start, old, new)
            except ValueError:
                return None
    return None


def joined_xmp(xmp: tuple[bytes, bytes | None] | None) -> bytes | None:
    """One packet without promises of what only JPEG carries."""
    if xmp is None:
        return None
    standard, extended = trailer.without_promises(xmp[0]), xmp[1]
    if extended is None:
        return standard
    return merged(standard, extended) or without_property(standard, EXTENSION)


# ---- writing


def segments_of(picture: Picture, parts: JpegParts | None, notes: list[str]) -> Iterator[Segment]:
    """The segments of a file before its tables."""
    jfif = _jfif(picture.resolution) if parts is None else parts.jfif
    if jfif is not None:
        yield Segment(jpeg.APP0, jpeg.JFIF + jfif)
    if picture.exif:
        block = picture.exif.removeprefix(HEADER)
        if len(block) > jpeg.ROOM - len(HEADER):
            notes.append("EXIF is in several segments: many programs read the first 64 KB only")
        yield from jpeg.split(jpeg.APP1, HEADER, block)
    if parts is not None and parts.xmp is not None and picture.xmp == parts.plain_xmp:
        yield from jpeg.split_xmp(*parts.xmp)
    elif picture.xmp:
        xmp = list(jpeg.split_xmp(picture.xmp))
        if len(xmp) > 1:
            notes.append("XMP is extended XMP: it is larger than a segment, and few programs read it")
        yield from xmp
    if parts is not None and parts.index is not None:
        yield Segment(jpeg.APP2, jpeg.MPF + bytes(parts.index.body))
    if picture.iptc:
        yield from jpeg.split(jpeg.APP13, jpeg.PHOTOSHOP, picture.iptc)
    if picture.icc:
        yield from jpeg.split_icc(picture.icc)
    if parts is not None:
        yield from parts.others
    for comment in picture.comments:
        yield from jpeg.split(jpeg.COM, b"", comment)


def placed(data: bytes, index: trailer.Index | None) -> bytes:
    """The primary picture with the positions of its parts behind it."""
    if index is None:
        return data
    parsed = jpeg.parse(data)
    for (marker, body), place in zip(parsed.segments, parsed.places, strict=True):
        if marker == jpeg.APP2 and body.startswith(jpeg.MPF):
            start = place + len(jpeg.MPF)
            return data[:start] + index.placed(len(data), len(data) - start) + data[place + len(body) :]
    return data


def without_parts(parts: JpegParts) -> JpegParts:
    """The same without what stands behind the picture, and without the index to it."""
    standard, extended = parts.xmp or (None, None)
    plain = None if standard is None else (trailer.without_promises(standard), extended)
    return replace(parts, index=None, parts=(), xmp=plain)


def _jfif(resolution: Resolution | None) -> bytes:
    """A JFIF header; densities are integers."""
    x, y, unit = resolution or Resolution(1, 1, "aspect")
    if unit == "cm" and not (float(x).is_integer() and float(y).is_integer()):
        x, y, unit = x * _PER_INCH["cm"], y * _PER_INCH["cm"], "inch"
    if unit == "aspect" and not (float(x).is_integer() and float(y).is_integer()):
        x, y = x * 1000 / max(x, y), y * 1000 / max(x, y)
    numbers = [min(max(1, round(value)), _LARGEST_DENSITY) for value in (x, y)]
    return _JFIF_VERSION + struct.pack(">BHH", _UNITS.index(unit), *numbers) + b"\0\0"
