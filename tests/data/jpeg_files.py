"""JPEG files with all that they can carry around their pixels, put together by hand."""

from __future__ import annotations

import hashlib
import struct

from hostile_files import file_of, photo
from PIL import Image

XMP_START = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION_START = b"http://ns.adobe.com/xmp/extension/\0"
NAMESPACES = (
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    b'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:xmpNote="http://ns.adobe.com/xmp/note/" '
    b'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
    b'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" '
    b'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"'
)
VIDEO = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 8
RESOURCES = b"8BIM\x04\x04\0\0\0\0\0\x08\x1c\x02P\0\x03Ann" + b"8BIM\x04\x09\0\0\0\0\0\x02ab"
"""A byline (IPTC), and a thumbnail."""


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def plain(**options) -> bytes:
    return file_of(photo(), "JPEG", **({"quality": 90} | options))


def inserted(data: bytes, *segments: bytes) -> bytes:
    """The file with further segments behind its JFIF segment."""
    (length,) = struct.unpack_from(">H", data, 4)
    return data[: 4 + length] + b"".join(segments) + data[4 + length :]


def packet(properties: bytes, children: bytes = b"") -> bytes:
    """An XMP packet."""
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF ' + NAMESPACES + b'><rdf:Description rdf:about="" '
        + properties + b">" + children + b"</rdf:Description></rdf:RDF></x:xmpmeta>"
    )  # fmt: skip


def with_extended_xmp() -> bytes:
    """A caption in the standard packet, and a history of 100 KB in two parts of the extended one."""
    extended = packet(b'dc:source="%s"' % (b"history " * 12_500))
    guid = hashlib.md5(extended).hexdigest().upper().encode()
    standard = packet(b'dc:title="caption" xmpNote:HasExtendedXMP="' + guid + b'"')
    parts = [
        segment(
            0xE1, EXTENSION_START + guid + struct.pack(">II", len(extended), at) + extended[at : at + 60_000]
        )
        for at in (60_000, 0)
    ]
    return inserted(plain(), segment(0xE1, XMP_START + standard), *parts)


def ultra_hdr(turn: int = 1) -> bytes:
    """A picture with a gain map of half its size: MPF index, container items, and a video behind both."""
    stored = photo() if turn == 1 else photo().transpose(Image.Transpose.ROTATE_90)
    gain_map = stored.convert("L").resize((stored.width // 2, stored.height // 2))
    second = inserted(
        file_of(gain_map, "JPEG", quality=95), segment(0xE1, XMP_START + packet(b'hdrgm:Version="1.0"'))
    )
    items = (
        b'<Container:Directory><rdf:Seq><rdf:li><Container:Item Item:Semantic="Primary"/></rdf:li>'
        b'<rdf:li><Container:Item Item:Semantic="GainMap" Item:Length="%d"/></rdf:li>'
        b'<rdf:li><Container:Item Item:Semantic="MotionPhoto" Item:Length="%d"/></rdf:li>'
        b"</rdf:Seq></Container:Directory>" % (len(second), len(VIDEO))
    )
    xmp = packet(b'dc:title="caption" hdrgm:Version="1.0" GCamera:MotionPhoto="1"', items)
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, turn, 0, 0)

    def primary(size: int, offset: int) -> bytes:
        head = b"II*\0" + struct.pack("<IHHHIIHHIII", 8, 2, 0xB001, 4, 1, 2, 0xB002, 7, 32, 38, 0)
        entries = struct.pack("<IIIHHIIIHH", 0x030000, size, 0, 0, 0, 0, len(second), offset, 0, 0)
        index = segment(0xE2, b"MPF\0" + head + entries)
        base = file_of(stored, "JPEG", quality=90)
        return inserted(base, segment(0xE1, exif), segment(0xE1, XMP_START + xmp), index)

    size = len(primary(0, 0))
    start = primary(0, 0).find(b"MPF\0") + 4
    return primary(size, size - start) + second + VIDEO


def arithmetic() -> bytes:
    """A gray picture of one block whose coefficients are 0."""
    tables = segment(0xDB, b"\0" + bytes([1] * 64))
    frame = segment(0xC9, b"\x08\0\x08\0\x08\x01\x01\x11\0")
    return b"\xff\xd8" + tables + frame + segment(0xDA, b"\x01\x01\0\0\x3f\0") + b"\0\0\xff\xd9"


def manifest_store() -> bytes:
    """The start of a C2PA manifest store, as in APP11."""
    box = b"\0\0\0\x2ajumb\0\0\0\x22jumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\x03c2pa\0"
    return segment(0xEB, b"JP\0\x01\0\0\0\x01" + box)
