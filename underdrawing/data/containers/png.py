"""PNG files. Their chunks are read and written here; Pillow and OpenCV get those of the pixels alone.

So a damaged or enormous text, a missing end or an unknown chunk is no reason to refuse a picture, and every
chunk that stays true is written again as it was.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import Image

from underdrawing.core.errors import PictureError
from underdrawing.data.containers import shared
from underdrawing.data.containers.interface import Item, Written
from underdrawing.data.containers.png_chunks import SIGNATURE, Chunk, parse, serialize
from underdrawing.data.containers.png_metadata import Header, Native, chunks_of, metadata_of
from underdrawing.data.exif import orientation, upright_exif
from underdrawing.data.picture import Picture
from underdrawing.data.xmp import upright_xmp

FORMAT = "PNG"
SUFFIXES = (".png",)
INVENTORY = (
    Item("colour profile", "kept", "iCCP with its name; one for another number of channels is left out"),
    Item("colour: gAMA, cHRM, sRGB, cICP, mDCV, cLLI, sBIT, bKGD", "kept"),
    Item("EXIF", "kept", "eXIf, with orientation 1"),
    Item("XMP", "kept", "iTXt, not compressed"),
    Item("EXIF, XMP and IPTC as hexadecimal text", "converted", "EXIF to eXIf, XMP to iTXt, IPTC stays"),
    Item("texts: tEXt, zTXt, iTXt", "kept", "as they are, in their order"),
    Item("resolution, shape of pixels: pHYs", "kept"),
    Item("time: tIME", "kept"),
    Item("chunks that are safe to copy", "kept", "sPLT, and chunks of programs"),
    Item("other chunks", "left out", "they may describe pixels that are changed"),
    Item("16 bits, gray, alpha", "kept"),
    Item("palette; 1, 2 or 4 bits", "converted", "RGB or gray with 8 bits; the histogram is left out"),
    Item("transparent colour", "converted", "alpha channel"),
    Item("interlacing", "left out"),
    Item("missing end, wrong checksums", "converted", "read all the same; a file that lacks rows is refused"),
    Item("data behind the end marker, second packets of XMP", "left out"),
    Item("animation (APNG)", "left out", "refused as a picture; see data.animations"),
)
CARRIES = ("icc", "exif", "xmp", "iptc", "comments", "resolution", "texts", "cicp", "depth")
_OF_PIXELS = (b"IHDR", b"PLTE", b"IDAT")


def is_this(head: bytes) -> bool:
    return head[:8] == SIGNATURE


def read(data: bytes, max_pixels: int) -> Picture:
    chunks, notes, complete = parse(data)
    header = header_of(chunks)
    _check_still(chunks)
    rows = header.height
    if not complete and header.width * header.height <= max_pixels:
        chunks, rows = _filled(header, chunks)
    if rows < header.height:
        notes.append(f"the file is cut short: {header.height - rows} of {header.height} rows are missing")
    pixels, alpha = decoded(header, chunks, max_pixels)
    found = metadata_of(header, chunks)
    turn = orientation(found.exif, found.xmp)
    pixels = shared.upright(pixels, turn)
    size = (pixels.shape[1], pixels.shape[0])
    resolution = found.resolution
    if resolution and turn >= 5:
        resolution = resolution._replace(x=resolution.y, y=resolution.x)
    exif = upright_exif(found.exif, size, turn)
    if found.exif and not exif:
        notes.append("EXIF is damaged and left out")
    return Picture(
        pixels=pixels,
        alpha=shared.upright(alpha, turn),
        gray=header.gray,
        format=FORMAT,
        icc=found.icc,
        exif=exif,
        xmp=upright_xmp(found.xmp, size),
        iptc=found.iptc,
        resolution=resolution,
        texts=tuple(found.texts),
        cicp=found.cicp,
        native=Native(tuple(found.before), tuple(found.after), found.profile_name, _coding(header, chunks)),
        incomplete=rows < header.height,
        notes=(*notes, *found.notes),
    )


def header_of(chunks: list[Chunk]) -> Header:
    """IHDR. PictureError where it is missing, or the palette that it promises."""
    if not chunks or chunks[0].kind != b"IHDR" or len(chunks[0].body) != 13:
        raise PictureError("damaged: a PNG file without a header")
    width, height, depth, color_type, _, _, interlace = struct.unpack(">IIBBBBB", chunks[0].body)
    if not width or not height:
        raise PictureError("damaged: a PNG file without pixels")
    header = Header(width, height, depth, color_type, interlace == 1)
    if header.palette and not any(chunk.kind == b"PLTE" for chunk in chunks):
        raise PictureError("damaged: a PNG file without its palette")
    return header


def _check_still(chunks: list[Chunk]) -> None:
    frames = sum(chunk.kind == b"fcTL" for chunk in chunks)
    if frames > 1 or any(chunk.kind == b"fdAT" for chunk in chunks):
        raise shared.refused_animation(f"animated, {frames} frames")


def _coding(header: Header, chunks: list[Chunk]) -> tuple[str, ...]:
    notes = []
    if header.palette:
        notes.append("the palette became RGB pixels")
    elif header.depth < 8:
        notes.append(f"gray of {header.depth} bits is written with 8")
    if not header.palette and any(chunk.kind == b"tRNS" for chunk in chunks):
        notes.append("the transparent colour became an alpha channel")
    if header.interlaced:
        notes.append("the pixels are no longer interlaced")
    return tuple(notes)


def _filled(header: Header, chunks: list[Chunk]) -> tuple[list[Chunk], int]:
    """The chunks with zeros for rows that are missing, and the number of rows that are there, as viewers show
    a file that is cut short; unchanged where that cannot be known."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(header.color_type, 1)
    row_bytes = 1 + -(-header.width * samples * header.depth // 8)
    stream, wanted = zlib.decompressobj(), row_bytes * header.height
    try:
        packed = b"".join(chunk.body for chunk in chunks if chunk.kind == b"IDAT")
        rows = stream.decompress(packed, wanted)
    except zlib.error:
        return chunks, header.height
    if header.interlaced or not row_bytes <= len(rows) < wanted:
        return chunks, header.height
    filled = Chunk(b"IDAT", zlib.compress(rows.ljust(wanted, b"\0"), 1))
    others = [chunk for chunk in chunks if chunk.kind != b"IDAT"]
    return [*others, filled], len(rows) // row_bytes


def decoded(header: Header, chunks: list[Chunk], max_pixels: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels (H, W, 3) as stored, alpha (H, W) or None; uint8 or uint16."""
    kinds = (*_OF_PIXELS, b"tRNS") if header.palette else _OF_PIXELS
    file = serialize([chunk for chunk in chunks if chunk.kind in kinds])
    with shared.opened(file, FORMAT, max_pixels) as image:
        image.load()  # of 16 bits, too: Pillow finds the pixels complete; OpenCV accepts truncated files
        pixels, alpha = _deep_pixels(file) if header.depth == 16 else shared.channels(image)[:2]
    key = next((chunk.body for chunk in chunks if chunk.kind == b"tRNS"), b"")
    channels = 1 if header.gray else 3
    if header.palette or alpha is not None or len(key) < 2 * channels:
        return pixels, alpha
    top, stored_top = np.iinfo(pixels.dtype).max, 2**header.depth - 1
    color = np.frombuffer(key, ">u2", channels).astype(np.uint16) & stored_top
    transparent = (pixels == color * (top // stored_top)).all(axis=2)
    return pixels, np.where(transparent, 0, top).astype(pixels.dtype)


def _deep_pixels(file: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels (H, W, 3) uint16 as stored, alpha (H, W) uint16 or None; by OpenCV: Pillow reduces RGB to 8."""
    import cv2

    values = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if values is None or values.dtype != np.uint16:
        raise PictureError("16-bit pixels that cannot be decoded")
    if values.ndim == 2:
        return np.repeat(values[..., None], 3, axis=2), None
    alpha = values[..., 3].copy() if values.shape[2] == 4 else None
    return np.ascontiguousarray(values[..., 2::-1]), alpha


def write(picture: Picture, quality: int | None) -> Written:
    gray = picture.gray
    file = (
        _deep_file(picture)
        if picture.pixels.dtype == np.uint16
        else _file(shared.image_of(picture, alpha=True, gray=gray))
    )
    head, *pixels = (chunk for chunk in parse(file)[0] if chunk.kind in _OF_PIXELS)
    before, after = chunks_of(picture, gray)
    notes = shared.lost(picture, FORMAT, CARRIES)
    if isinstance(picture.native, Native):
        notes += picture.native.coding
    return Written(serialize([head, *before, *pixels, *after]), FORMAT, notes)


def _file(image: Image.Image) -> bytes:
    return shared.written_by_pillow(image, FORMAT, {"compress_level": 4})


def _deep_file(picture: Picture) -> bytes:
    """The file of 16-bit pixels, by OpenCV; gray by Pillow as twice as many channels of 8 bits.

    The filters of PNG work on bytes at the distance of a pixel, so rows of gray with 16 bits are rows of gray
    with alpha in 8 bits, under another header.
    """
    if picture.gray:
        channels = [picture.pixels[..., 0]] + ([] if picture.alpha is None else [picture.alpha])
        values = np.stack(channels, axis=2).astype(">u2").view(np.uint8)
        head, *others = parse(_file(Image.fromarray(values)))[0]
        color_type = 0 if picture.alpha is None else 4
        return serialize([Chunk(b"IHDR", head.body[:8] + bytes([16, color_type, 0, 0, 0])), *others])
    import cv2

    values = picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])
    done, encoded = cv2.imencode(".png", values[..., [2, 1, 0, 3][: values.shape[2]]])
    if not done:
        raise PictureError("the PNG encoder gave up")
    return encoded.tobytes()
