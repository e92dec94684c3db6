"""WebP files (RFC 9649): Pillow codes the pixels; the chunks around them are read and written here."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from underdrawing.core.errors import PictureError
from underdrawing.data.containers import shared
from underdrawing.data.containers.interface import Item, Written
from underdrawing.data.exif import orientation, upright_exif
from underdrawing.data.metadata import fitting_icc
from underdrawing.data.picture import Picture
from underdrawing.data.xmp import upright_xmp

FORMAT = "WEBP"
SUFFIXES = (".webp",)
INVENTORY = (
    Item("colour profile", "kept", "ICCP; one for gray or CMYK is left out"),
    Item("EXIF", "kept", "with orientation 1"),
    Item("XMP", "kept"),
    Item("unknown chunks", "kept", "behind the pixels, in their order"),
    Item("lossless coding", "kept", "lossy files stay lossy"),
    Item("alpha", "kept", "with the colours below alpha 0"),
    Item("data behind the end", "left out"),
    Item("animation", "left out", "refused as a picture; see data.animations"),
)
CARRIES: tuple[str, ...] = ("icc", "exif", "xmp")
_DEFAULT_QUALITY = 98  # at 95 a quarter of photographs lose their top layer
_PIXELS = (b"VP8X", b"VP8 ", b"VP8L", b"ALPH")
_ANIMATION = (b"ANIM", b"ANMF")
_XMP = (b"XMP ", b"XMP\0")
_CREDENTIALS = b"C2PA"
"""Picture.credentials says that they were there."""
_WITH_ICC, _WITH_ALPHA, _WITH_EXIF, _WITH_XMP = 0x20, 0x10, 0x08, 0x04
"""Flags of VP8X."""


class Chunk(NamedTuple):
    kind: bytes
    body: bytes


class Native(NamedTuple):
    """What only a WebP can carry."""

    unknown: tuple[Chunk, ...]

    @property
    def names(self) -> tuple[str, ...]:
        kinds = sorted({chunk.kind.decode("latin-1") for chunk in self.unknown})
        return (f"WebP chunks {', '.join(kinds)}",) if kinds else ()


def is_this(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def read(data: bytes, max_pixels: int) -> Picture:
    chunks, notes = chunks_of(data)
    blocks: dict[bytes, bytes] = {}
    for chunk in chunks:
        blocks.setdefault(b"XMP " if chunk.kind in _XMP else chunk.kind, chunk.body)
    exif, xmp = blocks.get(b"EXIF"), blocks.get(b"XMP ")
    turn = orientation(exif, xmp)
    with shared.opened(_without_metadata(data, chunks), FORMAT, max_pixels) as image:
        image.load()
        pixels, alpha, gray, _ = shared.channels(image)
    pixels = shared.upright(pixels, turn)
    size = (pixels.shape[1], pixels.shape[0])
    icc, upright = fitting_icc(blocks.get(b"ICCP"), False), upright_exif(exif, size, turn)
    if b"ICCP" in blocks and not icc:
        notes.append("the colour profile is damaged, or not one for RGB, and left out")
    if exif and not upright:
        notes.append("EXIF is damaged and left out")
    known = (*_PIXELS, *_ANIMATION, *_XMP, _CREDENTIALS, b"ICCP", b"EXIF")
    return Picture(
        pixels=pixels,
        alpha=shared.upright(alpha, turn),
        gray=gray,
        format=FORMAT,
        icc=icc,
        exif=upright,
        xmp=upright_xmp(xmp, size),
        quality=100 if b"VP8L" in blocks else None,
        native=Native(tuple(chunk for chunk in chunks if chunk.kind not in known)),
        notes=tuple(notes),
    )


def chunks_of(data: bytes) -> tuple[list[Chunk], list[str]]:
    """The chunks, and what is wrong with the file but tolerated, a sentence each."""
    chunks, notes, at = [], [], 12
    end = 8 + int.from_bytes(data[4:8], "little")
    while at + 8 <= min(end, len(data)):
        kind, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + length]
        if len(body) < length and kind not in _PIXELS:
            notes.append(f"the WebP chunk {kind.decode('latin-1')} is cut short and left out")
            break
        chunks.append(Chunk(kind, body))
        at += 8 + length + length % 2
    if data[end + end % 2 :].strip(b"\0"):
        notes.append("data behind the end of the WebP file left out")
    return chunks, notes


def _without_metadata(data: bytes, chunks: list[Chunk]) -> bytes:
    """The file of the pixels alone, as decoders refuse files whose other chunks are damaged."""
    if any(chunk.kind in _ANIMATION for chunk in chunks):
        return data
    pixels = [chunk for chunk in chunks if chunk.kind in _PIXELS]
    if pixels and pixels[0].kind == b"VP8X":
        body = pixels[0].body
        pixels[0] = Chunk(b"VP8X", bytes([body[0] & _WITH_ALPHA]) + body[1:] if body else b"")
    return assembled(pixels)


def write(picture: Picture, quality: int | None) -> Written:
    notes = shared.lost(picture, FORMAT, CARRIES)
    # `exact` keeps the colours of transparent pixels, which contain the mark, too; of lossy files as well
    options: dict[str, Any] = {"method": 4, "quality": _DEFAULT_QUALITY, "exact": True}
    if quality is not None:
        options["quality"] = shared.checked_quality(quality)
    elif picture.format == FORMAT and picture.quality == 100:
        options |= {"lossless": True, "quality": 50}
    image = shared.image_of(picture, alpha=True, gray=False)
    plain, _ = chunks_of(shared.written_by_pillow(image, FORMAT, options))
    unknown = picture.native.unknown if isinstance(picture.native, Native) else ()
    icc = fitting_icc(picture.icc, False)
    if picture.icc and not icc:
        notes += ("colour profile left out: it is one for gray, and WebP files hold RGB",)
    flags = _WITH_ALPHA * (image.mode == "RGBA") | _WITH_ICC * bool(icc)
    flags |= _WITH_EXIF * bool(picture.exif) | _WITH_XMP * bool(picture.xmp)
    sizes = b"".join((side - 1).to_bytes(3, "little") for side in image.size)
    chunks = [Chunk(b"VP8X", bytes([flags, 0, 0, 0]) + sizes)] if flags or unknown else []
    if icc:
        chunks.append(Chunk(b"ICCP", icc))
    chunks += [chunk for chunk in plain if chunk.kind in _PIXELS and chunk.kind != b"VP8X"]
    if picture.exif:
        chunks.append(Chunk(b"EXIF", picture.exif.removeprefix(b"Exif\0\0")))
    if picture.xmp:
        chunks.append(Chunk(b"XMP ", picture.xmp))
    return Written(assembled([*chunks, *unknown]), FORMAT, notes)


def assembled(chunks: list[Chunk]) -> bytes:
    """The WebP file of the chunks."""
    parts = [kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2) for kind, body in chunks]
    content = b"WEBP" + b"".join(parts)
    if len(content) >= 1 << 32:
        raise PictureError("WebP files hold at most 4 GiB")
    return b"RIFF" + struct.pack("<I", len(content)) + content
