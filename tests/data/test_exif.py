"""EXIF and XMP of upright pictures: orientation, recorded sizes and thumbnail agree with the pixels."""

import io
import struct

import pytest
from hostile_files import exif_block, file_of, photo, stored_turned
from PIL import Image

from underdrawing.data.exif import TRANSPOSITIONS, orientation, upright_exif
from underdrawing.data.pictures import load_picture, save_picture
from underdrawing.data.xmp import upright_xmp, without_property

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="%d" dc:title="a"/></x:xmpmeta>'
SIZE = (128, 96)


def block(order: str, kind: int, value: int) -> bytes:
    """An EXIF block whose orientation has another type than SHORT."""
    packed = struct.pack(order + {1: "B", 3: "H", 4: "I"}[kind], value).ljust(4, b"\0")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return b"Exif\0\0" + mark + struct.pack(order + "IHHHI", 8, 1, 0x0112, kind, 1) + packed + bytes(4)


def with_thumbnail(turn: int, thumbnail: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = turn
    exif.get_ifd(0x8769).update({0xA002: 96, 0xA003: 128})
    head = exif.tobytes()
    data = file_of(thumbnail, "JPEG", quality=95)
    second = len(head) - 6
    entries = struct.pack(">HHHIIHHII", 2, 0x0201, 4, 1, second + 30, 0x0202, 4, 1, len(data)) + bytes(4)
    assert len(entries) == 30
    (count,) = struct.unpack_from(">H", head, 6 + 8) if head[6:8] == b"MM" else (None,)
    at = 6 + 8 + 2 + 12 * count
    return head[:at] + struct.pack(">I", second) + head[at + 4 :] + entries + data


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [1, 3, 4])
def test_orientation_of_any_integer_type_is_read_and_erased(order, kind):
    exif = block(order, kind, 6)
    assert orientation(exif) == 6
    assert orientation(upright_exif(exif, SIZE)) == 1


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0", b"Exif\0\0Exif\0\0", b"Exif00"])
def test_headers_are_one_header(prefix):
    exif = prefix + exif_block(8).removeprefix(b"Exif\0\0")
    assert orientation(exif) == 8
    assert upright_exif(exif, SIZE) == exif_block(1)


@pytest.mark.parametrize("exif", [None, b"", b"Exif\0\0", b"Exif\0\0II*\0", b"no EXIF at all", exif_block(9)])
def test_no_orientation_is_upright(exif):
    assert orientation(exif) == 1


def test_xmp_decides_where_exif_is_silent():
    assert orientation(None, XMP % 6) == 6
    assert orientation(exif_block(3), XMP % 6) == 3
    assert orientation(None, upright_xmp(XMP % 6)) == 1


def test_maker_notes_keep_their_place():
    exif = exif_block(6, extra=b"maker notes with offsets")
    upright = upright_exif(exif, SIZE, 6)
    assert len(upright) == len(exif)
    assert upright.endswith(b"maker notes with offsets")


@pytest.mark.parametrize("turn", range(1, 9))
def test_thumbnail_and_recorded_sizes_fit(tmp_path, turn):
    stored = stored_turned(turn)
    thumbnail = stored.resize((stored.width // 2, stored.height // 2))
    source = file_of(stored, "JPEG", quality=95, exif=with_thumbnail(turn, thumbnail))
    save_picture(load_picture(source), tmp_path / "upright.jpg")
    with Image.open(tmp_path / "upright.jpg") as image:
        exif, raw = image.getexif(), image.info["exif"]
    assert exif.get(0x0112) == 1
    assert [exif.get_ifd(0x8769)[tag] for tag in (0xA002, 0xA003)] == list(SIZE)
    shown = Image.open(io.BytesIO(raw[raw.find(b"\xff\xd8\xff") :]))
    expected = thumbnail.transpose(TRANSPOSITIONS[turn]) if turn > 1 else thumbnail
    assert shown.size == (64, 48)
    pairs = zip(shown.convert("L").tobytes(), expected.convert("L").tobytes(), strict=True)
    assert sum(abs(a - b) for a, b in pairs) / (64 * 48) < 4


def test_thumbnail_that_cannot_be_turned_is_taken_out():
    broken = with_thumbnail(6, photo())
    start = broken.find(b"\xff\xd8\xff")
    broken = broken[: start + 100] + bytes(len(broken) - start - 100)
    exif = Image.Exif()
    exif.load(upright_exif(broken, SIZE, 6))
    assert not exif.get_ifd(0x0201)
    assert not exif.get_ifd(1)


def test_properties_of_xmp_are_removed_in_both_forms():
    packet = b"<d a:Version='1' a:Other=\"2\"><a:Version>3</a:Version><a:Version rdf:x='y'/><b:Version/></d>"
    assert without_property(packet, b"a:Version") == b'<d a:Other="2"><b:Version/></d>'
