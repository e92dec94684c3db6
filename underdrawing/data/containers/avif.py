"""AVIF files. Pillow codes 8 bits and OpenCV 10 and 12; the boxes around the pixels are written here."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np

from underdrawing.core.errors import PictureError
from underdrawing.data.containers import isobmff, shared
from underdrawing.data.containers.interface import Item, Written
from underdrawing.data.containers.jpeg_trailer import without_promises
from underdrawing.data.exif import orientation, upright_exif
from underdrawing.data.metadata import fitting_icc
from underdrawing.data.picture import Cicp, Picture
from underdrawing.data.xmp import upright_xmp

FORMAT = "AVIF"
SUFFIXES = (".avif",)
INVENTORY = (
    Item("colour profile", "kept"),
    Item(
        "colour code points (nclx)",
        "kept",
        "primaries and transfer; the matrix becomes the encoder's, BT.601",
    ),
    Item("10 or 12 bits", "kept"),
    Item("lossless coding of RGB (matrix 0)", "kept"),
    Item("chroma subsampling", "kept", "10 and 12 bits are written as 4:2:0"),
    Item("gray", "kept"),
    Item("alpha", "kept", "premultiplied colours are divided by it"),
    Item("EXIF", "kept", "with orientation 1"),
    Item("XMP, other blocks of metadata", "kept"),
    Item("rotation and mirroring (irot, imir)", "converted", "upright pixels"),
    Item(
        "light levels, mastering display, shape of pixels, descriptions, times",
        "kept",
        "clli, mdcv, pasp, udes",
    ),
    Item("other properties of the picture", "left out"),
    Item("clean aperture (clap)", "left out", "the whole picture is read"),
    Item("grid of tiles", "converted", "one picture"),
    Item("thumbnail, depth map, gain map, second pictures", "left out", "with what XMP says of them"),
    Item("animation (avis)", "left out", "refused"),
)
CARRIES = ("icc", "exif", "xmp", "cicp", "depth")
_DEFAULT_QUALITY = 90
_LOSSLESS = 100
"""OpenCV then codes RGB with matrix 0."""
_MOST_BITS = 12
_KEPT = (b"clli", b"mdcv", b"pasp", b"amve", b"ndwt", b"cclv", b"udes", b"altt", b"crtt", b"mdft")
_CODED = (b"ispe", b"pixi", b"av1C", b"auxC")
_SUBSAMPLING = {(0, 0): "4:4:4", (1, 0): "4:2:2", (1, 1): "4:2:0"}


class Native(NamedTuple):
    """What only an AVIF can carry."""

    depth: int
    """8, 10 or 12 bits a channel."""
    subsampling: str
    properties: tuple[isobmff.Box, ...]
    metadata: tuple[tuple[bytes, bytes, bytes], ...]
    """Kind, content type and bytes of blocks other than EXIF and XMP."""

    @property
    def names(self) -> tuple[str, ...]:
        kinds = [entry.kind.decode() for entry in self.properties] + [
            kind.decode() for kind, _, _ in self.metadata
        ]
        return (f"AVIF boxes {', '.join(kinds)}",) if kinds else ()


class Metadata(NamedTuple):
    """Blocks of metadata that a picture keeps, and notes on what they lack."""

    icc: bytes | None
    exif: bytes | None
    xmp: bytes | None
    notes: list[str]


def is_this(head: bytes) -> bool:
    brands = head[8 : max(16, min(int.from_bytes(head[:4]), len(head)))]
    return head[4:8] == b"ftyp" and (b"avif" in brands or b"avis" in brands)


def read(data: bytes, max_pixels: int) -> Picture:
    file = isobmff.parse(data)
    plain = data if b"moov" in file.kinds else _without_metadata(file)
    with shared.opened(plain, FORMAT, max_pixels) as image:
        image.load()
        turn = orientation(image.info.get("exif"))  # made by Pillow of irot and imir
        pixels, alpha, gray, _ = shared.channels(image)
    depth, subsampling = _coding(file)
    notes = [f"{name} left out" for name in file.left_out(_KEPT)]
    if depth > 8 and not _opencv_codes():
        notes.append(f"{depth} bits a channel became 8: this build of OpenCV has no AVIF")
    elif depth > 8:
        pixels, alpha = _deep_pixels(plain, depth)
    if file.primary.property(b"clap"):
        notes.append("the clean aperture is not applied: the whole picture is read")
    pixels = shared.upright(pixels, turn)
    size = (pixels.shape[1], pixels.shape[0])
    described = metadata_of(file, gray, size, turn)
    properties = [entry for entry in file.primary.properties if entry.kind in _KEPT]
    if turn >= 5:
        properties = [isobmff.turned(entry) for entry in properties]
    metadata = tuple((item.kind, item.content_type, item.data) for item in file.unknown)
    return Picture(
        pixels=pixels,
        alpha=shared.upright(alpha, turn),
        gray=gray,
        format=FORMAT,
        icc=described.icc,
        exif=described.exif,
        xmp=described.xmp,
        cicp=file.cicp,
        native=Native(depth, subsampling, tuple(properties), metadata),
        notes=(*notes, *described.notes),
    )


def metadata_of(file: isobmff.ItemFile, gray: bool, size: tuple[int, int], turn: int = 1) -> Metadata:
    """Of an AVIF or HEIF, for the upright picture of this size. turn: orientation of the stored one."""
    exif, icc, xmp = upright_exif(file.exif, size, turn), fitting_icc(file.icc, gray), file.xmp or b""
    notes = []
    if file.exif and not exif:
        notes.append("EXIF is damaged and left out")
    kept = without_promises(xmp)
    if kept != xmp:
        notes.append("XMP that promises a gain map or video left out: the file lacks it")
    if file.icc and not icc:
        notes.append("the colour profile is damaged, or one for other channels, and left out")
    return Metadata(icc, exif, upright_xmp(kept, size), notes)


def _coding(file: isobmff.ItemFile) -> tuple[int, str]:
    """Bits a channel, and subsampling, by the configuration record (AV1-ISOBMFF, sec. 2.3)."""
    item = file.primary
    if tiles := item.references.get(b"dimg"):
        item = file.items.get(tiles[0], item)
    record = item.property(b"av1C") or bytes(4)
    high, twelve, _, x, y = (record[2] >> bit & 1 for bit in (6, 5, 4, 3, 2))
    return (8, 10, 12)[high + (high & twelve)], _SUBSAMPLING.get((x, y), "4:2:0")


def _without_metadata(file: isobmff.ItemFile) -> bytes:
    """The file of the pixels alone: OpenCV and Pillow refuse some blocks of metadata."""
    coded = [file.primary] + ([file.alpha] if file.alpha else [])
    coded += [file.items[tile] for item in coded for tile in item.references.get(b"dimg", [])]
    return isobmff.item_file(file.ftyp, list({item.number: item for item in coded}.values()))


def _deep_pixels(data: bytes, depth: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels (H, W, 3) and alpha (H, W) or None, uint16, as stored."""
    import cv2

    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if values is None or values.dtype != np.uint16:
        raise PictureError(f"{depth}-bit pixels that cannot be decoded")
    values = shared.from_codes(values.reshape(*values.shape[:2], -1), depth)
    alpha = values[..., 3].copy() if values.shape[2] == 4 else None
    return np.ascontiguousarray(values[..., [2, 1, 0] if values.shape[2] > 1 else [0, 0, 0]]), alpha


def write(picture: Picture, quality: int | None) -> Written:
    native = picture.native if isinstance(picture.native, Native) else None
    notes = list(shared.lost(picture, FORMAT, CARRIES))
    lossless = (
        quality is None and native is not None and picture.cicp is not None and picture.cicp.matrix == 0
    )
    quality = _DEFAULT_QUALITY if quality is None else shared.checked_quality(quality)
    depth = 8 if picture.pixels.dtype == np.uint8 else native.depth if native else _MOST_BITS
    if _opencv_codes() and (depth > 8 or lossless):
        coded = isobmff.parse(_coded_by_opencv(picture, _LOSSLESS if lossless else quality, depth))
    else:
        limited = picture.cicp is not None and not picture.cicp.full_range
        subsampling = native.subsampling if native else "4:4:4"
        coded = isobmff.parse(_coded_by_pillow(picture, quality, subsampling, limited))
    notes += _changes(picture, native, _coding(coded))
    color, stored = coded.cicp or Cicp(1, 13, 6, True), picture.cicp
    if picture.icc and not stored:
        color = color._replace(primaries=2, transfer=2)  # unspecified: the profile says it
    if stored:
        color = color._replace(primaries=stored.primaries, transfer=stored.transfer)
        if native and color != stored and stored.matrix != 2:
            notes.append(f"the colours are coded by matrix {color.matrix} and full range, not as the input")
    if picture.icc and not fitting_icc(picture.icc, _is_gray(coded.primary)):
        notes.append("colour profile left out: it is one for gray, and the file holds RGB")
    items = _items(picture, coded, color, native)
    return Written(isobmff.item_file(coded.ftyp, items), FORMAT, tuple(notes))


def _changes(picture: Picture, native: Native | None, coding: tuple[int, str]) -> list[str]:
    """What the encoder codes otherwise, a sentence each."""
    depth, subsampling = coding
    if native and not picture.gray and native.subsampling != subsampling:
        return [f"chroma of {native.subsampling} is written as {subsampling}"]
    if picture.pixels.dtype == np.uint16 and (native is None or native.depth != depth):
        return [f"{native.depth if native else 16} bits a channel became {depth}"]
    return []


def _coded_by_pillow(picture: Picture, quality: int, subsampling: str, limited: bool) -> bytes:
    options: dict[str, Any] = {"quality": quality, "speed": 7, "range": "limited" if limited else "full"}
    options["subsampling"] = "4:0:0" if picture.gray else subsampling
    return shared.written_by_pillow(shared.image_of(picture, alpha=True, gray=picture.gray), FORMAT, options)


def _coded_by_opencv(picture: Picture, quality: int, depth: int) -> bytes:
    import cv2

    channels = [picture.pixels[..., :1] if picture.gray else picture.pixels[..., ::-1]]
    if picture.alpha is not None:  # the encoder knows no gray with alpha
        channels = [picture.pixels[..., ::-1], picture.alpha[..., None]]
    values = np.concatenate(channels, axis=2)
    values = shared.to_codes(values, depth) if values.dtype == np.uint16 else values
    options = [cv2.IMWRITE_AVIF_DEPTH, depth, cv2.IMWRITE_AVIF_QUALITY, quality, cv2.IMWRITE_AVIF_SPEED, 7]
    done, encoded = cv2.imencode(".avif", values, options)
    if not done:
        raise PictureError("the AVIF encoder gave up")
    return encoded.tobytes()


def _opencv_codes() -> bool:
    """Whether this build of OpenCV has an AVIF encoder."""
    import cv2

    return cv2.haveImageWriter("a.avif")


def _is_gray(item: isobmff.Item) -> bool:
    return bool((item.property(b"av1C") or bytes(4))[2] & 0x10)


def _items(
    picture: Picture, coded: isobmff.ItemFile, color: Cicp, native: Native | None
) -> list[isobmff.Item]:
    """The items of the file to write: the encoder's pictures, and the metadata around them."""

    def properties(item: isobmff.Item) -> list[isobmff.Box]:
        return [entry for entry in item.properties if entry.kind in _CODED]

    nclx = struct.pack(">4s3HB", b"nclx", *color[:3], 0x80 * color.full_range)
    first = isobmff.Item(1, b"av01", data=coded.primary.data, properties=properties(coded.primary))
    first.properties.append(isobmff.Box(b"colr", nclx))
    if icc := fitting_icc(picture.icc, _is_gray(coded.primary)):
        first.properties.append(isobmff.Box(b"colr", b"prof" + icc))
    first.properties += native.properties if native else ()
    items = [first]
    if coded.alpha:
        alpha = coded.alpha
        items.append(isobmff.Item(2, b"av01", b"", alpha.data, properties(alpha), {b"auxl": [1]}))
    blocks = list(native.metadata) if native else []
    if picture.xmp:
        blocks.insert(0, (b"mime", b"application/rdf+xml", picture.xmp))
    if picture.exif:
        blocks.insert(0, (b"Exif", b"", bytes(4) + picture.exif.removeprefix(b"Exif\0\0")))
    for kind, content_type, data in blocks:
        items.append(isobmff.Item(len(items) + 1, kind, content_type, data, [], {b"cdsc": [1]}))
    return items
