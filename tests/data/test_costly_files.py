"""Files made to cost time or memory: each is read, or refused, within seconds, and its notes stay short."""

import resource
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hostile_files import PHOTO, chunk, exif_block, file_of, photo
from PIL import Image

from underdrawing.core.errors import PictureError
from underdrawing.data.containers import isobmff
from underdrawing.data.containers.jpeg_trailer import parts_of, without_promises
from underdrawing.data.containers.tiff import tags
from underdrawing.data.exif import upright_exif
from underdrawing.data.pictures import encode_picture, load_picture
from underdrawing.data.xmp import merged, without_property

SECONDS, MEMORY_MB = 3.0, 300
HDR = b"http://ns.adobe.com/hdr-gain-map/1.0/"


def png(*chunks: bytes, height: int | None = None) -> bytes:
    """The photograph as a PNG with chunks before its pixels; another height in its header."""
    data = file_of(photo(), "PNG")
    if height is not None:
        head = data[16:20] + struct.pack(">I", height) + data[24:29]
        data = data[:8] + chunk(b"IHDR", head) + data[33:]
    return data[:33] + b"".join(chunks) + data[33:]


def raw_profile() -> bytes:
    """A text whose white space can be split in many ways."""
    text = b"\nexif\n 1" + b" " * 2_000_000 + b"z"
    return png(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)))


def wrong_checksums() -> bytes:
    kinds = (bytes([97 + a, 97 + b, 65 + c, 97 + d]) for a in range(26) for b in range(26)
             for c in range(26) for d in range(5))  # fmt: skip
    return png(b"".join(bytes(4) + kind + b"\1\2\3\4" for kind in kinds))


def no_height() -> bytes:
    data = png(height=0)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(400)) + packer.flush()
    return data[: data.index(b"IDAT") - 4] + struct.pack(">I", len(packed)) + b"IDAT" + packed


def long_keywords() -> bytes:
    return png(*(chunk(b"zTXt", b"k" * 100_000 + b"\0\0damaged") for _ in range(60)))


def xmp_png(packet: bytes) -> bytes:
    return png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet))


def trailing_pictures() -> bytes:
    return file_of(photo(), "JPEG") + b"\xff\xd8\xff\xd9" * 200_000


COSTLY = {
    "raw_profile": raw_profile,
    "wrong_checksums": wrong_checksums,
    "no_height": no_height,
    "long_keywords": long_keywords,
    "unclosed_elements": lambda: xmp_png(b"<dcterms:provenance a='" * 50_000),
    "unclosed_elements_with_end": lambda: xmp_png(b"<dcterms:provenance >" * 50_000),
    "trailing_pictures": trailing_pictures,
}


@pytest.fixture(autouse=True)
def cheap():
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    yield
    assert time.process_time() - start < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEMORY_MB


@pytest.mark.parametrize("name", COSTLY)
def test_files_are_read_or_refused_soon(name):
    try:
        loaded = load_picture(COSTLY[name]())
    except PictureError:
        return
    assert sum(map(len, loaded.notes)) < 20_000
    assert np.array_equal(loaded.pixels, PHOTO) or loaded.format == "JPEG"


def test_trailing_pictures_are_kept():
    data = trailing_pictures()
    assert encode_picture(load_picture(data), Path("a.jpg")).data.endswith(b"\xff\xd8\xff\xd9" * 200_000)
    assert b"".join(parts_of(b"\0\0" + data)) == b"\0\0" + data


def iloc_file(extents: int, length: int) -> bytes:
    """A file of one item with many parts of `length` bytes; 0: up to its end."""
    part = struct.pack(">I", length) if length else b""
    place = struct.pack(">HHH", 1, 0, extents) + part * extents
    iloc = isobmff.full_box(b"iloc", 0, 0, bytes([0x04 if length else 0, 0]), struct.pack(">H", 1), place)
    entry = isobmff.full_box(b"infe", 2, 0, struct.pack(">HH4s", 1, 0, b"av01"), b"\0")
    iinf = isobmff.full_box(b"iinf", 0, 0, struct.pack(">H", 1), entry)
    pitm = isobmff.full_box(b"pitm", 0, 0, struct.pack(">H", 1))
    meta = isobmff.full_box(b"meta", 0, 0, pitm, iinf, iloc)
    return isobmff.box(b"ftyp", b"avifmif1avif") + meta + isobmff.box(b"mdat", bytes(1 << 20))


@pytest.mark.parametrize("length", [0, 1 << 20])
def test_items_whose_parts_repeat_the_file(length):
    with pytest.raises(PictureError, match="parts"):
        load_picture(iloc_file(60_000, length))


def test_tiles_that_repeat_one_item():
    """A grid may name an item a thousand times; its bytes are copied once."""
    data = file_of(photo(), "AVIF")
    file = isobmff.parse(data)
    tile = isobmff.Item(
        2, b"av01", data=file.primary.data + bytes(1 << 20), properties=file.primary.properties
    )
    grid = isobmff.Item(1, b"grid", data=bytes(8), references={b"dimg": [2] * 60_000})
    with pytest.raises(PictureError):
        load_picture(isobmff.item_file(file.ftyp, [grid, tile]))


def test_thumbnail_of_a_false_length():
    stored = file_of(photo().resize((32, 24)), "JPEG")
    block = exif_block(6)
    second = len(block) - 6
    start = second + 2 + 24 + 4
    entries = struct.pack("<HHII", 0x0201, 4, 1, start) + struct.pack("<HHII", 0x0202, 4, 1, 0xFFFFFFF0)
    block = block[: 6 + second - 4] + struct.pack("<IH", second, 2) + entries + bytes(4) + stored
    assert len(upright_exif(block, (96, 128), 6)) == len(block)


def test_xmp_with_many_prefixes_and_packets_without_end():
    many = b"".join(b' xmlns:p%d="%b"' % (number, HDR) for number in range(30_000))
    assert without_promises(many)
    assert merged(b"<rdf:RDF >" * 100_000, b"<rdf:RDF >" * 100_000) is None
    packet = b"<a:x >" * 200_000
    assert without_property(packet, b"a:x") == packet


def tiff(own: list[tags.Tag], size: int = 64) -> bytes:
    layout = [
        tags.longs(256, [size]), tags.longs(257, [size]), tags.shorts(258, 8), tags.shorts(259, 1),
        tags.shorts(262, 1), tags.shorts(277, 1), *own,
    ]  # fmt: skip
    return tags.header("<", 8) + tags.directory(layout, 8, "<") + bytes(size * size)


def test_tiles_far_larger_than_the_picture():
    with pytest.raises(PictureError, match="pixels"):
        sides = [tags.longs(322, [16]), tags.longs(323, [1 << 20])]
        load_picture(tiff([*sides, tags.longs(324, [8] * 400), tags.longs(325, [99] * 400)], size=6400))


def test_subdirectories_by_the_thousand():
    big = tags.directory([tags.shorts(1000 + number, 1) for number in range(4000)], 0, "<")
    page = [tags.longs(254, [1]), tags.longs(330, [8] * 64)]
    data = tags.header("<", 8 + len(big)) + big
    for number in range(60):
        own = bytearray(tags.directory(page, len(data), "<"))
        following = len(data) + len(own) if number < 59 else 0
        own[2 + 24 : 2 + 28] = struct.pack("<I", following)
        data += bytes(own)
    with pytest.raises(PictureError):
        load_picture(data)


def test_what_stands_behind_the_end_is_named():
    for format, kind in (("PNG", "PNG"), ("WEBP", "WebP")):
        plain = file_of(Image.fromarray(PHOTO), format)
        assert not load_picture(plain + bytes(9)).notes
        assert load_picture(plain + b"video").notes == (f"data behind the {_END[kind]} left out",)


_END = {"PNG": "end marker of the PNG file", "WebP": "end of the WebP file"}
