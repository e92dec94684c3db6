"""JPEG files: pixels by Pillow's encoder in the coding of the input, segments put together here.

file -> segments -> fields of Picture, JpegParts (what only JPEG carries) -> segments -> file
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast

import numpy as np
from PIL import Image

from underdrawing.core.errors import PictureError
from underdrawing.data.containers import jpeg_coding, jpeg_segments, shared
from underdrawing.data.containers import jpeg_metadata as metadata
from underdrawing.data.containers import jpeg_trailer as trailer
from underdrawing.data.containers.interface import Item, Written
from underdrawing.data.exif import orientation, upright_exif
from underdrawing.data.metadata import fitting_icc
from underdrawing.data.picture import Picture

FORMAT = "JPEG"
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")
INVENTORY = (
    Item("quantizer", "kept", "luma steps at least as fine as quality 88, so that the mark is read back"),
    Item("chroma samples of 4:2:0", "kept", "where the picture is not turned"),
    Item("chroma subsampling 4:4:4, 4:2:2, 4:2:0", "kept", "others, and 4:2:2 turned, become 4:4:4"),
    Item("baseline or progressive, restart interval", "kept"),
    Item("gray", "kept"),
    Item("arithmetic coding", "converted", "Huffman coding"),
    Item("RGB components", "converted", "YCbCr"),
    Item("CMYK", "converted", "sRGB by the colour profile of the file; refused without one"),
    Item("colour profile", "kept", "also over several segments; one of another colour space is left out"),
    Item("EXIF, GPS, maker notes", "kept", "in place, also over several segments"),
    Item("orientation and recorded sizes", "converted", "of the upright picture, in EXIF and XMP"),
    Item("thumbnail", "kept", "turned with the picture; taken out where that fails"),
    Item("XMP, extended XMP", "kept"),
    Item("IPTC and Photoshop resources", "kept", "thumbnails of turned pictures are left out"),
    Item("comments", "kept"),
    Item("JFIF density and pixel aspect", "kept"),
    Item("Adobe segment, unknown application segments", "kept"),
    Item("gain map, further pictures (MPF)", "kept", "turned with the picture; index and lengths follow"),
    Item("motion video, other data behind the picture", "kept"),
    Item("Content Credentials", "left out", "with --credentials they are an ingredient of the new ones"),
    Item("missing end marker, bytes before the start", "converted", "read all the same, written right"),
    Item("second blocks of EXIF and XMP", "left out", "readers take the first"),
    Item("missing rows", "left out", "the last 16 are noted; a file that lacks more is refused"),
)
CARRIES = ("icc", "exif", "xmp", "iptc", "comments", "resolution")
_DEFAULT_QUALITY = 95
_MOST_PIXELS_OF_PARTS = 120_000_000
_START = re.compile(rb"[\s\0\xef\xbb\xbf]*(?=\xff\xd8\xff)")
"""White space that scripts put before a file."""


def is_this(head: bytes) -> bool:
    return _START.match(head) is not None


def read(data: bytes, max_pixels: int) -> Picture:
    picture = _read(data, max_pixels, None)
    native = cast(metadata.JpegParts, picture.native)
    if native.parts:
        return picture
    plain, notes = metadata.without_parts(native), picture.notes
    if plain.xmp != native.xmp:
        notes += ("XMP that promises a gain map or video left out: the file lacks it",)
    return replace(picture, native=plain, notes=notes)


def _read(data: bytes, max_pixels: int, turn: int | None) -> Picture:
    """turn: orientation of the stored pixels; None takes that of the metadata."""
    found = _START.match(data)
    start = found.end() if found else 0
    parsed = jpeg_segments.parse(data, start)
    notes = ["bytes before the picture left out"] if start else []
    exif = metadata.exif_of(parsed, notes)
    if turn is None:
        turn = orientation(exif, next(iter(parsed.bodies(jpeg_segments.APP1, jpeg_segments.XMP)), None))
    plain = jpeg_segments.pixels_only(data, parsed)
    with shared.opened(plain, FORMAT, max_pixels) as image:
        image.load()
        cut = jpeg_coding.cut_at(data, parsed, image)
        pixels, _, gray, icc = shared.channels(image)
        coding = jpeg_coding.coding_of(image, parsed, plain)
        quality = jpeg_coding.quality_of(getattr(image, "quantization", None))
        notes += _coding_notes(image, parsed, cut)
    pixels = shared.upright(pixels, turn)
    size = (pixels.shape[1], pixels.shape[0])
    coding = coding and jpeg_coding.turned_coding(coding, turn)
    icc = icc if image.mode == "CMYK" else metadata.icc_of(parsed)
    if fitting_icc(icc, gray) is None and parsed.bodies(jpeg_segments.APP2, jpeg_segments.ICC):
        notes.append("colour profile left out: it is damaged, or of another colour space")
    upright = upright_exif(exif, size, turn)
    if exif is not None and upright is None:
        notes.append("EXIF left out: it is damaged")
    parts = _parts(data, parsed, (size, turn), coding, notes)
    return Picture(
        pixels=pixels,
        alpha=None,
        gray=gray,
        format=FORMAT,
        icc=fitting_icc(icc, gray),
        exif=upright,
        xmp=parts.plain_xmp,
        quality=quality,
        iptc=metadata.resources_of(parsed, turn),
        comments=tuple(body for marker, body in parsed.segments if marker == jpeg_segments.COM and body),
        resolution=metadata.resolution_of(parts.jfif),
        native=parts,
        notes=tuple(notes),
        incomplete=cut is not None and cut < image.height - jpeg_coding.BLOCK_ROWS,
    )


def _coding_notes(image: Image.Image, parsed: jpeg_segments.Parsed, cut: int | None) -> list[str]:
    notes = []
    if not parsed.complete:
        missing = "" if cut is None else f", and pixels or their refinement from row {cut} on"
        notes.append(f"the file is cut short: it lacks its end marker{missing}")
    if parsed.frame is not None and parsed.frame.marker in jpeg_segments.ARITHMETIC:
        notes.append("arithmetic coding became Huffman coding, which more programs read")
    if image.mode == "CMYK":
        notes.append("CMYK became sRGB by the colour profile of the file")
    if jpeg_coding.is_rgb(parsed):
        notes.append("RGB components became YCbCr")
    return notes


def _parts(
    data: bytes,
    parsed: jpeg_segments.Parsed,
    upright: tuple[tuple[int, int], int],
    coding: jpeg_coding.Coding | None,
    notes: list[str],
) -> metadata.JpegParts:
    """What only JPEG carries. upright: size of the upright picture, orientation of the stored one."""
    size, turn = upright
    xmp = metadata.xmp_of(parsed, size, notes)
    head = b"".join(body for _, body in parsed.segments)
    old = trailer.parts_of(data[parsed.end :])
    names = trailer.names_of(old, head)
    try:
        new = old if turn == 1 else [_turned(part, turn) for part in old]
    except (PictureError, OSError, ValueError, SyntaxError) as error:
        notes.append(f"{', '.join(names)} left out: it cannot be turned with the picture ({error})")
        new, old, names = [], [], ()
    if xmp is not None:
        xmp = (trailer.with_lengths(xmp[0], old, new), xmp[1])
    others = metadata.others_of(parsed, turn, coding)
    found = metadata.JpegParts(
        coding=coding,
        jfif=metadata.jfif_of(parsed, turn),
        others=others,
        xmp=xmp,
        plain_xmp=metadata.joined_xmp(xmp),
        index=metadata.index_of(parsed, old, new),
        parts=tuple(new),
        names=names + metadata.names_of(others),
    )
    if found.index is None and parsed.bodies(jpeg_segments.APP2, jpeg_segments.MPF):
        notes.append("index of further pictures (MPF) left out: they are not where it says")
    return found


def _turned(part: bytes, turn: int) -> bytes:
    """A picture behind the primary one, turned like that; other parts as they are."""
    if not trailer.is_picture(part):
        return part
    return write(_read(part, _MOST_PIXELS_OF_PARTS, turn), None).data


def write(picture: Picture, quality: int | None) -> Written:
    shared.opaque(picture, FORMAT)
    notes = list(shared.lost(picture, FORMAT, CARRIES))
    parts = picture.native if isinstance(picture.native, metadata.JpegParts) else None
    coding = None if parts is None else parts.coding
    options: dict[str, Any] = {}
    if quality is not None:
        options["quality"] = shared.checked_quality(quality)
    elif coding is None:
        options["quality"] = max(_DEFAULT_QUALITY, picture.quality or 0)
    least = max(jpeg_coding.LEAST_QUALITY, picture.quality or 0)
    image = picture.image
    pixels = np.ascontiguousarray(image[..., 0] if picture.gray else image)
    own = replace(picture, icc=fitting_icc(picture.icc, picture.gray))
    segments = list(metadata.segments_of(own, parts, notes))
    data = jpeg_segments.with_segments(jpeg_coding.encoded(pixels, coding, least, options), segments)
    if parts is not None:
        data = metadata.placed(data, parts.index) + b"".join(parts.parts)
    return Written(data, FORMAT, tuple(dict.fromkeys(notes)))
