"""Boxes and items of AVIF and HEIF files (ISO/IEC 14496-12, sec. 8.11, and 23008-12), read and written."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from underdrawing.core.errors import PictureError
from underdrawing.data.picture import Cicp

_MAX_ITEMS = 1 << 14
_MAX_EXTENTS = 1 << 17
"""Parts of all items together."""
_OPENCV_BYTES = 512
"""OpenCV tests the first 500 bytes of an AVIF, and refuses it where the items end but not their data."""
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_CODINGS = (b"av01", b"hvc1", b"hev1", b"avc1", b"jpeg", b"j2k1", b"vvc1", b"unci")
_PICTURES = (*_CODINGS, b"grid", b"iovl", b"iden", b"tmap")
_TOP_PARTS = {b"moov": "image sequence", b"mpvd": "video of a motion photo"}
_CODING = (
    b"ispe",
    b"pixi",
    b"av1C",
    b"hvcC",
    b"a1op",
    b"a1lx",
    b"lsel",
    b"colr",
    b"irot",
    b"imir",
    b"clap",
    b"auxC",
)
"""Properties of which the modules of AVIF and HEIF take care."""
_KNOWN = (*_PICTURES, b"Exif")


class Box(NamedTuple):
    """A box; of a full box the body begins with version and flags."""

    kind: bytes
    body: bytes


@dataclass
class Item:
    """A coded picture or a block of metadata."""

    number: int
    kind: bytes
    """av01, hvc1, grid, Exif, mime ..."""
    content_type: bytes = b""
    data: bytes = b""
    properties: list[Box] = field(default_factory=list)
    references: dict[bytes, list[int]] = field(default_factory=dict)
    """By kind: the items that this one refers to."""

    def property(self, kind: bytes) -> bytes | None:
        return next((box.body for box in self.properties if box.kind == kind), None)


class ItemFile(NamedTuple):
    """The items of a file."""

    items: dict[int, Item]
    primary: Item
    kinds: frozenset[bytes]
    """Of the boxes of the file: moov where there is an image sequence."""
    ftyp: bytes
    """The brands, as the file states them."""

    @property
    def coding(self) -> bytes:
        """The kind of the primary picture, or of its first tile: av01, hvc1 ..."""
        tiles = self.primary.references.get(b"dimg") or [self.primary.number]
        return self.items.get(tiles[0], self.primary).kind

    def describing(self, kind: bytes, content_type: bytes = b"") -> bytes | None:
        """The first block of metadata of a kind that describes the primary picture, or no picture."""
        for item in self.items.values():
            described = item.references.get(b"cdsc", [self.primary.number])
            if (item.kind, item.content_type) == (kind, content_type) and self.primary.number in described:
                return item.data
        return None

    @property
    def alpha(self) -> Item | None:
        """The alpha plane of the primary picture."""
        for item in self.items.values():
            auxiliary = (item.property(b"auxC") or b"")[4:].partition(b"\0")[0]
            if auxiliary in _ALPHA and self.primary.number in item.references.get(b"auxl", []):
                return item
        return None

    @property
    def exif(self) -> bytes | None:
        """The EXIF block; its position in the item may or may not count a header."""
        data = self.describing(b"Exif") or b""
        block = data[4:]
        if not block.startswith((b"Exif", b"II*\0", b"MM\0*")):
            block = block[int.from_bytes(data[:4]) :]
        return block or None

    @property
    def xmp(self) -> bytes | None:
        return self.describing(b"mime", b"application/rdf+xml")

    @property
    def icc(self) -> bytes | None:
        """The colour profile of the primary picture."""
        colours = (body for kind, body in self.primary.properties if kind == b"colr")
        return next((body[4:] for body in colours if body[:4] in (b"prof", b"rICC")), None)

    @property
    def unknown(self) -> list[Item]:
        """Blocks of metadata of the primary picture, other than EXIF and XMP."""
        number, found = self.primary.number, []
        for item in self.items.values():
            of_xmp = (item.kind, item.content_type) == (b"mime", b"application/rdf+xml")
            if item.kind not in _KNOWN and not of_xmp and number in item.references.get(b"cdsc", [number]):
                found.append(item)
        return found

    def left_out(self, kept: Collection[bytes]) -> list[str]:
        """Names of what is in the file beside the primary picture with its tiles, alpha plane and metadata.
        kept: its properties that are written again."""
        kinds = {entry.kind for entry in self.primary.properties} - {*_CODING, *kept}
        return self._companions() + sorted(f"property {kind.decode('latin-1')}" for kind in kinds)

    def _companions(self) -> list[str]:
        parts = set(self.primary.references.get(b"dimg", [])) | {self.primary.number}
        if alpha := self.alpha:
            parts |= {alpha.number, *alpha.references.get(b"dimg", [])}
        names = [name for kind, name in _TOP_PARTS.items() if kind in self.kinds]
        others = [item for item in self.items.values() if item.kind in _PICTURES and item.number not in parts]
        tiles = {number for item in others for number in item.references.get(b"dimg", [])}
        for item in others:
            if item.number in tiles and item.kind != b"tmap":
                continue
            auxiliary = (item.property(b"auxC") or b"")[4:].partition(b"\0")[0].decode("latin-1")
            if b"thmb" in item.references:
                names.append("thumbnail")
            elif item.kind == b"tmap" or "gainmap" in auxiliary.lower():
                names.append("gain map")
            elif "depth" in auxiliary or auxiliary.endswith("auxid:2"):
                names.append("depth map")
            else:
                names.append(f"auxiliary picture {auxiliary}" if auxiliary else "second picture")
        return sorted(set(names))

    @property
    def cicp(self) -> Cicp | None:
        """Colour of the primary picture by code points."""
        for kind, body in self.primary.properties:
            if kind == b"colr" and body[:4] == b"nclx" and len(body) >= 11:
                primaries, transfer, matrix = struct.unpack_from(">3H", body, 4)
                return Cicp(primaries, transfer, matrix, bool(body[10] & 0x80))
        return None


def boxes(data: bytes, start: int = 0) -> Iterator[Box]:
    """The boxes from `start` to the end; the last one may be cut short."""
    while start + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if length == 1 and start + 16 <= len(data):
            (length,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        length = length or len(data) - start
        if length < head:
            return
        yield Box(kind, data[start + head : start + length])
        start += length


def parse(data: bytes) -> ItemFile:
    """The items. PictureError where there is no primary picture."""
    top = list(boxes(data))
    meta = next((box.body for box in top if box.kind == b"meta"), b"")
    parts = {box.kind: box.body for box in boxes(meta, 4)}
    items = _items(parts.get(b"iinf", b""))
    _locate(items, parts.get(b"iloc", b""), data, parts.get(b"idat", b""))
    _refer(items, parts.get(b"iref", b""))
    _describe(items, parts.get(b"iprp", b""))
    pitm = parts.get(b"pitm", b"")
    primary = items.get(int.from_bytes(pitm[4 : 6 if pitm[:1] == b"\0" else 8]))
    kinds = frozenset(entry.kind for entry in top)
    if primary is None and b"moov" in kinds:
        raise PictureError("it is an image sequence: animated pictures are not supported yet")
    if primary is None:
        raise PictureError("damaged, or no picture: it has no primary item")
    ftyp = next((entry.body for entry in top if entry.kind == b"ftyp"), b"")
    return ItemFile(items, primary, kinds, ftyp)


def _items(iinf: bytes) -> dict[int, Item]:
    found: dict[int, Item] = {}
    for kind, body in boxes(iinf, 6 if iinf[:1] == b"\0" else 8):
        if kind == b"infe" and body[:1] in (b"\2", b"\3"):
            wide = body[0] == 3
            number, _, item_kind = struct.unpack_from(">IH4s" if wide else ">HH4s", body, 4)
            texts = body[14 if wide else 12 :].split(b"\0")
            content_type = texts[1] if item_kind == b"mime" and len(texts) > 1 else b""
            found[number] = Item(number, item_kind, content_type)
        if len(found) > _MAX_ITEMS:
            raise PictureError(f"it has more than {_MAX_ITEMS} items")
    return found


class _Numbers:
    """Reads numbers of given sizes one after the other."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def __call__(self, size_bytes: int) -> int:
        self.at += size_bytes
        if self.at > len(self.data):
            raise PictureError("damaged or cut short: a table of items ends early")
        return int.from_bytes(self.data[self.at - size_bytes : self.at])


def _locate(items: dict[int, Item], iloc: bytes, data: bytes, idat: bytes) -> None:
    if len(iloc) < 8:
        return
    version = iloc[0]
    number = _Numbers(iloc, 4)
    sizes = number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    extents_left, bytes_left = _MAX_EXTENTS, 4 * len(data)  # items may share bytes; many that do are a bomb
    for _ in range(number(4 if version == 2 else 2)):
        item = items.get(number(4 if version == 2 else 2))
        method = number(2) & 15 if version else 0
        number(2)  # data reference: this file
        base = number(base_size)
        source = idat if method == 1 else data
        extents = []
        for _ in range(number(2)):
            number(index_size)
            start = base + number(offset_size)
            length = number(length_size)
            extents.append(source[start : start + length] if length else source[start:])
            extents_left, bytes_left = extents_left - 1, bytes_left - len(extents[-1])
            if extents_left < 0 or bytes_left < 0:
                raise PictureError("damaged: the parts of its items are more than the file")
        if item is not None:
            item.data = b"".join(extents)


def _refer(items: dict[int, Item], iref: bytes) -> None:
    size = 4 if iref[:1] == b"\1" else 2
    for kind, body in boxes(iref, 4):
        number = _Numbers(body, 0)
        item, count = items.get(number(size)), number(2)
        if item is not None:
            item.references.setdefault(kind, []).extend(number(size) for _ in range(count))


def _describe(items: dict[int, Item], iprp: bytes) -> None:
    properties: list[Box] = []
    for kind, body in boxes(iprp):
        if kind == b"ipco":
            properties = list(boxes(body))
        elif kind == b"ipma" and len(body) >= 8:
            wide = body[3] & 1
            number = _Numbers(body, 4)
            for _ in range(number(4)):
                item = items.get(number(4 if body[0] else 2))
                for _ in range(number(1)):
                    index = number(2) & 0x7FFF if wide else number(1) & 0x7F
                    if item is not None and 1 <= index <= len(properties):
                        item.properties.append(properties[index - 1])


def turned(entry: Box) -> Box:
    """A property of a picture that is turned by 90 degrees: its pixels' width and height change places."""
    return Box(b"pasp", entry.body[4:8] + entry.body[:4]) if entry.kind == b"pasp" else entry


def box(kind: bytes, *parts: bytes) -> bytes:
    """The bytes of a box."""
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """The bytes of a box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def _entry(item: Item) -> bytes:
    hidden = int(item.kind in (b"Exif", b"mime"))
    content_type = item.content_type + b"\0" if item.content_type else b""
    return full_box(b"infe", 2, hidden, struct.pack(">HH4s", item.number, 0, item.kind), b"\0", content_type)


def item_file(ftyp: bytes, items: list[Item]) -> bytes:
    """A file of items, the first of which is the primary picture. ftyp: the body of that box."""
    pool: list[Box] = []
    for item in items:
        pool += [entry for entry in item.properties if entry not in pool]
    essential = (b"av1C", b"hvcC", b"clap", b"irot", b"imir", b"lsel", b"a1op")
    links = b""
    for item in items:
        places = [
            pool.index(entry) + 1 | (0x80 if entry.kind in essential else 0) for entry in item.properties
        ]
        if places:
            links += struct.pack(">HB", item.number, len(places)) + bytes(places)
    described = sum(bool(item.properties) for item in items)
    entries = [_entry(item) for item in items]
    references = [
        box(kind, struct.pack(">HH", item.number, len(to)), *(struct.pack(">H", number) for number in to))
        for item in items
        for kind, to in item.references.items()
    ]

    def meta(offset: int) -> bytes:
        places = b""
        for item in items:
            places += struct.pack(">HHHII", item.number, 0, 1, offset, len(item.data))
            offset += len(item.data)
        return full_box(
            b"meta", 0, 0,
            full_box(b"hdlr", 0, 0, bytes(4), b"pict", bytes(13)),
            full_box(b"pitm", 0, 0, struct.pack(">H", items[0].number)),
            full_box(b"iloc", 0, 0, b"\x44\0", struct.pack(">H", len(items)), places),
            full_box(b"iinf", 0, 0, struct.pack(">H", len(items)), *entries),
            full_box(b"iref", 0, 0, *references) if references else b"",
            box(b"iprp", box(b"ipco", *(box(*entry) for entry in pool)),
                full_box(b"ipma", 0, 0, struct.pack(">I", described), links)),
        )  # fmt: skip

    head = box(b"ftyp", ftyp)
    missing = _OPENCV_BYTES - len(head) - len(meta(0))
    if missing > 0:
        head += box(b"free", bytes(missing))
    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", *(item.data for item in items))
