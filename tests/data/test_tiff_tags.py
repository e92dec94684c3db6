"""Tags of TIFF files: what describes the photograph stays, in the file and in other containers."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hostile_files import exif_block, file_of, photo
from PIL import Image
from tiff_files import RESOURCES, described, gray_tags, of_tags, value, written

from underdrawing.data.containers.tiff import tags
from underdrawing.data.containers.tiff.tags import Tag, shorts
from underdrawing.data.picture import Resolution
from underdrawing.data.pictures import encode_picture, load_picture

KEPT = (
    269, 270, 271, 272, 282, 283, 285, 296, 305, 306, 315, 316,
    700, 33432, 33550, 33723, 34377, 34665, 34675, 34853, 42112, 65001,
)  # fmt: skip


@pytest.mark.parametrize("order", ["<", ">"])
def test_tags_that_describe_the_photograph_are_kept(order):
    data = described(order)
    picture = load_picture(data)
    again = written(picture)
    for tag in KEPT:
        before, after = value(data, tag), value(again, tag)
        for directory in (before, after):
            if isinstance(directory, dict):
                directory.pop("InteroperabilityTag", None)  # an offset
        assert after == before, tag
    assert b"R98" in again
    assert value(again, 37724) is None
    assert value(again, 65002) is None
    assert picture.resolution == Resolution(300, 150, "cm")
    assert picture.iptc == RESOURCES
    assert any("Photoshop layers" in note for note in picture.notes)
    assert any("65002" in note for note in picture.notes)


def test_tags_in_other_containers():
    picture = load_picture(described())
    jpeg = load_picture(encode_picture(picture, Path("a.jpg")).data)
    for exif in (picture.exif, jpeg.exif):  # the same in other containers
        block = Image.Exif()
        block.load(exif)
        assert block[315] == "abcd"
        assert block.get_ifd(0x8769)[37500] == b"maker's note"
        assert block.get_ifd(0x8825)[1] == "N"
    lost = encode_picture(picture, Path("a.png")).notes
    assert any("TIFF tags" in note and "65001" in note for note in lost)


@pytest.mark.parametrize("turn", range(2, 9))
def test_a_turned_picture_and_its_tags(turn):
    picture = load_picture(described(turn=turn))
    with Image.open(io.BytesIO(described(turn=turn))) as image:
        image.load()  # Pillow turns it too
        assert np.array_equal(picture.pixels, np.asarray(image))
    again = written(picture)
    assert value(again, 274) == 1
    assert picture.resolution[:2] == ((300, 150) if turn < 5 else (150, 300))
    assert value(again, 282) == ((300, 1) if turn < 5 else (150, 1))
    assert value(again, 33550) is None
    assert any("GeoTIFF" in note for note in picture.notes)


def test_maker_notes_stay_where_their_offsets_expect_them():
    note = b"a note whose offsets count from the header of its block"
    block = exif_block(1, extra=note)
    picture = load_picture(file_of(photo(), "JPEG", exif=block))
    again = written(picture)
    assert again.index(note) == picture.exif.index(note) - len(b"Exif\0\0")
    with Image.open(io.BytesIO(again)) as image:
        assert image.getexif()[0x010F] == "abc"


def test_a_broken_exif_costs_only_itself():
    data = bytearray(described())
    at = data.index(struct.pack("<HHI", 34665, 4, 1)) + 8
    data[at : at + 4] = struct.pack("<I", 1 << 30)
    picture = load_picture(bytes(data))
    assert any("34665" in note and "damaged" in note for note in picture.notes)
    assert value(written(picture), 315) == "abcd"


def test_a_resolution_at_which_readers_fail_is_left_out():
    for wrong in (Tag(282, tags.ASCII, 4, b"300\0"), Tag(282, tags.RATIONAL, 1, bytes(8)), shorts(296, 50)):
        picture = load_picture(of_tags(*gray_tags(4, 4), wrong, strip=bytes(16)))
        assert any(str(wrong.id) in note for note in picture.notes)
        with Image.open(io.BytesIO(written(picture))) as image:
            image.load()
