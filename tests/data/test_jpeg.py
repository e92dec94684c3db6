"""JPEG files come back whole: every item of the inventory, and what becomes of it."""

import io
import re
import struct

import jpeg_files as files
import numpy as np
import pytest
from hostile_files import PHOTO, exif_block, file_of, photo, srgb
from PIL import Image

from underdrawing.core.errors import PictureError
from underdrawing.data.containers import jpeg
from underdrawing.data.pictures import encode_picture, load_picture

CHECKS = {}
"""By the name of the item."""


def check(name: str):
    def keep(function):
        CHECKS[name] = function
        return function

    return keep


def again(data: bytes, path):
    """The picture, its file written again, and the notes of both."""
    picture = load_picture(data)
    written = encode_picture(picture, path)
    return picture, written.data, " ".join(picture.notes + written.notes)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@check("quantizer")
def quantizer(path):
    for quality, luma in ((92, 92), (88, 88), (70, 88)):
        source = files.plain(quality=quality)
        before, after = opened(source).quantization, opened(again(source, path)[1]).quantization
        expected = opened(files.plain(quality=luma)).quantization[0]
        assert np.abs(np.subtract(after[0], expected)).max() <= (1 if luma != quality else 0)
        assert after[1] == before[1]


@check("chroma samples of 4:2:0")
def chroma_samples(path):
    source = files.plain(quality=90, subsampling=2)
    written = again(source, path)[1]
    planes = [np.asarray(image_of_half(data)).astype(int) for data in (source, written)]
    assert (planes[0] == planes[1])[..., 1:].mean() > 0.97


def image_of_half(data: bytes) -> Image.Image:
    image = opened(data)
    image.draft("YCbCr", (64, 48))
    return image


@check("chroma subsampling 4:4:4, 4:2:2, 4:2:0")
def subsampling(path):
    for number, factors in ((0, (1, 1)), (1, (2, 1)), (2, (2, 2))):
        assert opened(again(files.plain(subsampling=number), path)[1]).layer[0][1:3] == factors


@check("baseline or progressive, restart interval")
def progression(path):
    written = again(files.plain(progressive=True, restart_marker_blocks=3), path)[1]
    assert opened(written).info["progressive"]
    assert b"\xff\xdd\0\x04\0\x03" in written
    assert "progressive" not in opened(again(files.plain(), path)[1]).info


@check("gray")
def gray(path):
    assert opened(again(file_of(photo().convert("L"), "JPEG"), path)[1]).mode == "L"


@check("arithmetic coding")
def arithmetic(path):
    _, written, notes = again(files.arithmetic(), path)
    assert "arithmetic coding became Huffman" in notes
    assert b"\xff\xc0" in written


@check("RGB components")
def rgb(path):
    _, written, notes = again(file_of(photo(), "JPEG", keep_rgb=True, quality=90), path)
    assert "RGB components became YCbCr" in notes
    difference = np.asarray(opened(written)).astype(int) - PHOTO
    assert np.abs(difference).mean() < 3


@check("CMYK")
def cmyk(path):
    with pytest.raises(PictureError, match="CMYK"):
        load_picture(file_of(photo().convert("CMYK"), "JPEG"))


@check("colour profile")
def profile(path):
    long = srgb()[:128].replace(srgb()[:4], struct.pack(">I", 150_000), 1) + bytes(149_872)
    for icc in (srgb(), long):
        assert opened(again(files.plain(icc_profile=icc), path)[1]).info["icc_profile"] == icc
    assert "colour profile left out" in again(files.plain(icc_profile=b"none at all" * 40), path)[2]


@check("EXIF, GPS, maker notes")
def exif(path):
    block = exif_block(1, ">", extra=b"GPS and maker notes")
    assert opened(again(files.plain(exif=block), path)[1]).info["exif"] == block
    parts = [block + bytes(60_000), b"Exif\0\0" + b"more" * 5000]
    long = files.inserted(files.plain(), *(files.segment(0xE1, part) for part in parts))
    _, written, notes = again(long, path)
    assert opened(written).info["exif"] == parts[0] + parts[1][6:]
    assert "EXIF is in several segments" in notes


@check("orientation and recorded sizes")
def orientation(path):
    _, written, _ = again(files.ultra_hdr(6), path)
    assert opened(written).size == (128, 96)
    assert opened(written).getexif()[0x0112] == 1


@check("thumbnail")
def thumbnail(path):
    jfif = b"JFIF\0\x01\x02\x01\0\x48\0\x48\x01\x01abc"  # of one pixel
    source = b"\xff\xd8" + files.segment(0xE0, jfif) + files.plain()[20:]
    assert jfif in again(source, path)[1]
    turned = files.inserted(source, files.segment(0xE1, exif_block(6)))
    assert b"\x48\x01\x01abc" not in again(turned, path)[1]


@check("XMP, extended XMP")
def xmp(path):
    source = files.with_extended_xmp()
    picture, written, notes = again(source, path)
    assert b'dc:title="caption"' in picture.xmp
    assert picture.xmp.count(b"history ") == 12_500
    assert b"HasExtendedXMP" not in picture.xmp
    assert notes == ""
    back = load_picture(written)
    assert back.xmp == picture.xmp
    assert opened(written).info["xmp"] == opened(source).info["xmp"]
    damaged = source.replace(b"history history", b"history mystery", 1)
    assert "extended XMP left out" in again(damaged, path)[2]


@check("IPTC and Photoshop resources")
def iptc(path):
    long = files.RESOURCES + b"8BIM\x04\x0c\0\0" + struct.pack(">I", 100_000) + bytes(100_000)
    start = b"Photoshop 3.0\0"
    parts = [files.segment(0xED, start + long[:60_000]), files.segment(0xED, start + long[60_000:])]
    picture, written, _ = again(files.inserted(files.plain(), *parts), path)
    assert picture.iptc == long
    assert load_picture(written).iptc == long
    turned = files.inserted(files.plain(), *parts, files.segment(0xE1, exif_block(6)))
    assert load_picture(again(turned, path)[1]).iptc == files.RESOURCES[:20]


@check("comments")
def comments(path):
    both = files.segment(0xFE, b"first"), files.segment(0xFE, "zweiter, für später".encode("latin-1"))
    written = again(files.inserted(files.plain(), *both), path)[1]
    assert all(comment in written for comment in both)


@check("JFIF density and pixel aspect")
def density(path):
    for unit, x, y in ((1, 300, 300), (2, 118, 120), (0, 4, 3)):
        head = struct.pack(">BHH", unit, x, y)
        source = files.plain()[:13] + head + files.plain()[18:]
        picture, written, _ = again(source, path)
        assert written[13:18] == head
        assert picture.resolution[:2] == (x, y)
    turned = files.inserted(source, files.segment(0xE1, exif_block(6)))
    assert again(turned, path)[1][13:18] == struct.pack(">BHH", 0, 3, 4)


@check("Adobe segment, unknown application segments")
def segments(path):
    own = [
        files.segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01"),
        files.segment(0xE3, b"Meta"),
        files.segment(0xEF, b""),
    ]
    picture, written, notes = again(files.inserted(files.plain(), *own), path)
    assert all(segment in written for segment in own)
    assert notes == ""
    assert "application segment APP3" in " ".join(encode_picture(picture, path.with_suffix(".png")).notes)


@check("gain map, further pictures (MPF)")
def gain_map(path):
    for turn in (1, 6):
        _, written, notes = again(files.ultra_hdr(turn), path)
        image = opened(written)
        offset, (size, start) = image.info["mpoffset"], struct.unpack("<II", image.info["mp"][-12:-4])
        primary, second = written[: offset + start], written[offset + start :][:size]
        assert struct.unpack("<I", image.info["mp"][-28:-24]) == (len(primary),)
        assert primary.endswith(b"\xff\xd9")
        assert second.endswith(b"\xff\xd9")
        assert opened(second).size == (64, 48)
        assert b"hdrgm:Version" in opened(second).info["xmp"]
        lengths = re.findall(rb'Item:Length="(\d+)"', image.info["xmp"])
        assert [int(length) for length in lengths] == [size, len(files.VIDEO)]
        assert written[offset + start + size :] == files.VIDEO
        assert notes == ""
    assert second != files.ultra_hdr(6)


@check("motion video, other data behind the picture")
def video(path):
    _, written, _ = again(files.plain() + files.VIDEO, path)
    assert written.endswith(b"\xff\xd9" + files.VIDEO)


@check("Content Credentials")
def credentials(path):
    picture, written, notes = again(files.inserted(files.plain(), files.manifest_store()), path)
    assert picture.credentials
    assert b"jumb" not in written
    assert "Content Credentials left out" in notes


@check("missing end marker, bytes before the start")
def end_marker(path):
    whole = files.plain()
    for source in (whole[:-2], whole[:-1], whole[:-2] + b"\0\0\0", b"\r\n" + whole):
        picture, written, notes = again(source, path)
        assert np.array_equal(picture.pixels, load_picture(whole).pixels)
        assert not picture.incomplete
        assert "end marker" in notes or "before the picture" in notes
        assert written.endswith(b"\xff\xd9")


@check("second blocks of EXIF and XMP")
def second_blocks(path):
    head = b"http://ns.adobe.com/xap/1.0/\0"
    packets = [files.segment(0xE1, head + files.packet(name)) for name in (b'a:b="1"', b'a:b="2"')]
    blocks = [files.segment(0xE1, b"Exif\0\0" + exif_block(1)[6:])] * 2
    picture, _, notes = again(files.inserted(files.plain(), *packets, *blocks), path)
    assert b'a:b="1"' in picture.xmp
    assert "second XMP packet left out" in notes
    assert "second EXIF block left out" in notes
    extended = files.segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(60))
    assert "no standard packet names it" in again(files.inserted(files.plain(), extended), path)[2]


@check("missing rows")
def rows(path):
    for options in ({}, {"progressive": True}):
        whole = files.plain(**options)
        picture = load_picture(whole[: len(whole) * 2 // 3])
        assert picture.incomplete
        assert "cut short" in picture.notes[0]


def test_every_item_has_a_check():
    assert set(CHECKS) == {item.name for item in jpeg.INVENTORY}


@pytest.mark.parametrize("name", CHECKS)
def test_inventory(name, tmp_path):
    CHECKS[name](tmp_path / "again.jpg")


def test_other_formats_promise_no_gain_map(tmp_path):
    picture = load_picture(files.ultra_hdr())
    written = encode_picture(picture, tmp_path / "a.png")
    assert "gain map left out" in " ".join(written.notes)
    assert "motion video left out" in " ".join(written.notes)
    xmp = load_picture(written.data).xmp
    assert b'dc:title="caption"' in xmp
    assert not any(word in xmp for word in (b"hdrgm", b"MotionPhoto", b"Container:Directory"))


def test_a_promise_without_its_part_is_removed(tmp_path):
    whole = files.ultra_hdr()
    second = whole.index(b"\xff\xd9") + 2
    _, written, notes = again(whole[:second], tmp_path / "a.jpg")
    assert b"hdrgm" not in written
    assert b"MPF\0" not in written
    assert "promises a gain map or video" in notes


def test_a_gain_map_that_cannot_be_turned_is_left_out(tmp_path):
    whole = files.ultra_hdr(6)
    at = whole.index(b"\xff\xd9") + 2
    broken = whole[:at] + whole[at:].replace(b"\xff\xc0\0\x0b\x08", b"\xff\xc0\0\x0b\x09", 1)
    _, written, notes = again(broken, tmp_path / "a.jpg")
    assert "left out: it cannot be turned" in notes
    assert not any(word in written for word in (b"hdrgm", b"MPF\0", b"ftyp"))


def test_a_link_to_credentials_elsewhere_is_named(tmp_path):
    xmp = files.packet(b'xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="https://a.org/x.c2pa"')
    picture, written, notes = again(
        files.inserted(files.plain(), files.segment(0xE1, files.XMP_START + xmp)), tmp_path / "a.jpg"
    )
    assert picture.credentials
    assert b"dcterms:provenance" not in written
    assert "Content Credentials left out" in notes
