"""What the chunks of a PNG hold beside the pixels: sorted into the fields of Picture, and written again."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from underdrawing.core.errors import PictureError
from underdrawing.data.containers.png_chunks import (
    COMMENT_KEYWORD,
    TEXT_KINDS,
    Chunk,
    Inflater,
    iptc_chunk,
    keyword_of,
    raw_profile,
    text_chunk,
    text_of,
)
from underdrawing.data.metadata import fitting_icc
from underdrawing.data.picture import Cicp, Picture, Resolution, Text

_XMP_KEYWORD = "XML:com.adobe.xmp"
_OF_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"tRNS")
_KEPT = (
    b"gAMA",
    b"cHRM",
    b"sRGB",
    b"sBIT",
    b"bKGD",
    b"mDCV",
    b"cLLI",
    b"tIME",
    b"sPLT",
    b"sTER",
    b"sCAL",
    b"pCAL",
)
"""Not safe to copy in general, but the change of luma by a mark leaves them true."""
_CREDENTIALS = b"caBX"
"""Content Credentials; Picture.credentials says that they were there."""
_EXIF_PREFIXES = (b"Exif\0\0", b"Exif00")
_CM_PER_METRE = 100


class Header(NamedTuple):
    """IHDR."""

    width: int
    height: int
    depth: int
    color_type: int
    interlaced: bool

    @property
    def gray(self) -> bool:
        return not self.color_type & 2

    @property
    def palette(self) -> bool:
        return bool(self.color_type & 1)


class Native(NamedTuple):
    """What only a PNG can carry."""

    before: tuple[Chunk, ...]
    """Chunks in front of the pixels, in their order, texts among them."""
    after: tuple[Chunk, ...]
    """Chunks behind the pixels."""
    profile_name: bytes
    coding: tuple[str, ...]
    """What of the pixels' coding does not come again in a PNG, a sentence each."""

    @property
    def names(self) -> tuple[str, ...]:
        kinds = {chunk.kind.decode() for chunk in self.before + self.after if chunk.kind not in TEXT_KINDS}
        return (f"PNG chunks {_list(kinds)}",) if kinds else ()


@dataclass
class Metadata:
    """What is beside the pixels."""

    before: list[Chunk] = field(default_factory=list)
    after: list[Chunk] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    profile_name: bytes = b""
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    cicp: Cicp | None = None
    resolution: Resolution | None = None
    notes: list[str] = field(default_factory=list)


def metadata_of(header: Header, chunks: list[Chunk]) -> Metadata:
    """PictureError for a critical chunk that is not known: without it the pixels are not what they seem."""
    found, inflate = Metadata(), Inflater()
    kept, left_out, damaged = found.before, set(), set()
    palette = next((chunk.body for chunk in chunks if chunk.kind == b"PLTE"), b"")
    for chunk in sorted(chunks, key=lambda chunk: chunk.kind in TEXT_KINDS and _is_profile(chunk)):
        if chunk.kind == b"IDAT":
            kept = found.after
        elif chunk.kind in _OF_PIXELS:
            continue
        elif chunk.critical:
            raise PictureError(f"it has a PNG chunk {chunk.kind.decode()}, which is not supported")
        elif chunk.kind in TEXT_KINDS:
            if not _take_text(found, chunk, inflate):
                kept.append(chunk)
        elif chunk.kind in _TAKERS:
            if not _TAKERS[chunk.kind](found, chunk.body, header, inflate):
                damaged.add(chunk.kind.decode())
        elif chunk.kind in _KEPT or chunk.safe_to_copy:
            kept.append(_deepened(chunk, header, palette))
        elif chunk.kind != _CREDENTIALS:
            left_out.add(chunk.kind.decode())
    if left_out:
        found.notes.append(f"PNG chunks are left out that may describe the old pixels: {_list(left_out)}")
    if damaged:
        found.notes.append(f"damaged PNG chunks are left out: {_list(damaged)}")
    return found


def _list(kinds: Iterable[str]) -> str:
    return ", ".join(sorted(kinds))


def _is_profile(chunk: Chunk) -> bool:
    return keyword_of(chunk).startswith("Raw profile type ")


def _take_text(found: Metadata, chunk: Chunk, inflate: Inflater) -> bool:
    """Add a text to what was found. False where the chunk is to be kept as it is."""
    keyword, text = keyword_of(chunk), text_of(chunk, inflate)
    if text is None:
        found.notes.append(f"the text {keyword!r} could not be unpacked; it is kept as it is")
        return False
    if keyword == _XMP_KEYWORD:
        if found.xmp:
            found.notes.append("a second packet of XMP is left out")
        found.xmp = found.xmp or text.encode("utf-8" if chunk.kind == b"iTXt" else "latin-1")
        return True
    kind, profile = raw_profile(keyword, text) or ("", b"")
    if kind in ("exif", "xmp", "iptc"):
        if getattr(found, kind) in (None, profile):
            setattr(found, kind, b"Exif\0\0" + _tiff(profile) if kind == "exif" else profile)
        else:
            found.notes.append(f"a second block of {kind.upper()} in the text {keyword!r} is left out")
        return True
    found.texts.append(Text(keyword, text))
    return False


def _tiff(exif: bytes) -> bytes:
    """EXIF without the prefixes that do not belong into a PNG."""
    while exif.startswith(_EXIF_PREFIXES):
        exif = exif[6:]
    return exif


def _take_icc(found: Metadata, body: bytes, header: Header, inflate: Inflater) -> bool:
    found.profile_name, _, packed = body.partition(b"\0")
    profile = inflate(packed[1:])
    found.icc = fitting_icc(profile, header.gray)
    if profile and not found.icc:
        found.notes.append("the colour profile is left out: it is not one for these channels")
    return profile is not None


def _take_exif(found: Metadata, body: bytes, header: Header, inflate: Inflater) -> bool:
    found.exif = b"Exif\0\0" + _tiff(body)
    return True


def _take_cicp(found: Metadata, body: bytes, header: Header, inflate: Inflater) -> bool:
    if len(body) == 4:
        found.cicp = Cicp(body[0], body[1], body[2], bool(body[3]))
    return len(body) == 4


def _take_resolution(found: Metadata, body: bytes, header: Header, inflate: Inflater) -> bool:
    if len(body) != 9:
        return False
    x, y, metre = struct.unpack(">IIB", body)
    if not x or not y:
        return False
    if not metre:
        found.resolution = Resolution(x, y, "aspect")
    else:
        found.resolution = Resolution(x / _CM_PER_METRE, y / _CM_PER_METRE, "cm")
    return True


_TAKERS = {b"iCCP": _take_icc, b"eXIf": _take_exif, b"cICP": _take_cicp, b"pHYs": _take_resolution}


def _deepened(chunk: Chunk, header: Header, palette: bytes) -> Chunk:
    """A background colour by palette or by fewer than 8 bits as one for the pixels that are written."""
    if chunk.kind != b"bKGD" or (header.depth >= 8 and not header.palette):
        return chunk
    if header.palette:
        color = palette[3 * chunk.body[0] :][:3] if chunk.body else b""
        return Chunk(b"bKGD", b"".join(bytes([0, level]) for level in color))
    level = int.from_bytes(chunk.body[:2]) & (2**header.depth - 1)
    return Chunk(b"bKGD", struct.pack(">H", level * 255 // (2**header.depth - 1)))


def chunks_of(picture: Picture, gray: bool) -> tuple[list[Chunk], list[Chunk]]:
    """The chunks to write before and behind pixels of one (`gray`) or three colour channels."""
    native = picture.native if isinstance(picture.native, Native) else None
    chunks = []
    if picture.cicp and 2 not in picture.cicp[:2]:  # unspecified
        # RGB is stored, so the matrix is 0
        chunks.append(Chunk(b"cICP", bytes([*picture.cicp[:2], 0, picture.cicp.full_range])))
    if icc := fitting_icc(picture.icc, gray):
        name = (native and native.profile_name) or b"icc"
        chunks.append(Chunk(b"iCCP", name + b"\0\0" + zlib.compress(icc)))
    if picture.resolution:
        chunks.append(_resolution_chunk(picture.resolution))
    if picture.exif:
        chunks.append(Chunk(b"eXIf", _tiff(picture.exif)))
    if picture.xmp:
        chunks.append(Chunk(b"iTXt", _XMP_KEYWORD.encode() + b"\0\0\0\0\0" + picture.xmp))
    if picture.iptc:
        chunks.append(iptc_chunk(picture.iptc))
    if native is None:
        comments = [Text(COMMENT_KEYWORD, comment.decode("utf-8", "replace")) for comment in picture.comments]
        return chunks + [text_chunk(text) for text in (*picture.texts, *comments)], []
    alpha, top = picture.alpha is not None, 8 * picture.pixels.dtype.itemsize
    fitted = [_fitted(chunk, gray, alpha, top) for chunk in native.before]
    return chunks + fitted, list(native.after)


def _resolution_chunk(resolution: Resolution) -> Chunk:
    per_metre = {"cm": _CM_PER_METRE, "inch": _CM_PER_METRE / 2.54, "aspect": 1}[resolution.unit]
    x, y = (min(max(round(value * per_metre), 0), 2**31 - 1) for value in resolution[:2])
    return Chunk(b"pHYs", struct.pack(">IIB", x, y, resolution.unit != "aspect"))


def _fitted(chunk: Chunk, gray: bool, alpha: bool, depth: int) -> Chunk:
    """sBIT and bKGD with as many values as the pixels that are written have channels."""
    if chunk.kind == b"sBIT":
        colors = chunk.body[:3] if len(chunk.body) >= 3 else chunk.body[:1] * 3
        significant = colors[: 1 if gray else 3]
        last = chunk.body[-1:] if len(chunk.body) in (2, 4) else bytes([depth])
        return Chunk(b"sBIT", significant + (last if alpha else b""))
    if chunk.kind == b"bKGD" and not gray and len(chunk.body) == 2:
        return Chunk(b"bKGD", 3 * chunk.body)
    return chunk
