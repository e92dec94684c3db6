"""BMP: resolution comes back, what cannot is named."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hostile_files import PHOTO, file_of, photo
from PIL import Image

from underdrawing.core.errors import OutputError
from underdrawing.data.pictures import encode_picture, load_picture

BMP = Path("a.bmp")


def bmp_of(bits: int, compression: int, rows: bytes, size: tuple[int, int], masks: bytes = b"") -> bytes:
    """A BMP file with a header of 40 bytes; height may be negative."""
    head = struct.pack("<IiiHHIIiiII", 40, *size, 1, bits, compression, len(rows), 3780, 1890, 0, 0)
    start = 14 + len(head) + len(masks)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head + masks + rows


def again(data: bytes):
    written = encode_picture(load_picture(data), BMP)
    return load_picture(written.data), written.notes


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pixels_and_resolution_come_back(mode):
    data = file_of(photo().convert(mode), "BMP", dpi=(300, 150))
    first = load_picture(data)
    back, notes = again(data)
    assert not notes
    assert not first.notes
    assert np.array_equal(back.pixels, first.pixels)
    assert back.gray == (mode == "L")
    assert back.resolution == first.resolution
    assert first.resolution[:2] == pytest.approx((300, 150), rel=1e-3)
    without = load_picture(encode_picture(load_picture(file_of(photo(), "PNG")), BMP).data)
    assert without.resolution is None


def test_palettes_and_run_lengths_are_named():
    back, notes = again(file_of(photo().quantize(16), "BMP"))
    assert notes == ("a palette of 8 bits became 24 bits a pixel",)
    assert np.array_equal(back.pixels, np.asarray(photo().quantize(16).convert("RGB")))
    _, notes = again(file_of(photo().convert("1"), "BMP"))
    assert notes == ("a palette of 1 bits became 8 bits a pixel",)
    palette = bytes([0, 0, 0, 0, 255, 0, 0, 0]) + bytes(4 * 254)
    run = bmp_of(8, 1, bytes([3, 1, 0, 0, 3, 0, 0, 1]), (3, 2), palette)
    loaded = load_picture(run)
    assert loaded.pixels.tolist() == [[[0, 0, 0]] * 3, [[0, 0, 255]] * 3]
    assert len(encode_picture(loaded, BMP).notes) == 2


def test_sixteen_bits_a_pixel_and_rows_from_the_top():
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    data = bmp_of(16, 3, struct.pack("<HHHH", 0xF800, 0x07E0, 0x001F, 0xFFFF), (2, -2), masks)
    back, notes = again(data)
    assert back.pixels.tolist() == [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]]
    assert notes == ("16 bits a pixel became 24",)


def test_transparency_is_refused():
    image = photo().convert("RGBA")
    image.putalpha(7)
    loaded = load_picture(file_of(image, "PNG"))
    with pytest.raises(OutputError, match="transparency"):
        encode_picture(loaded, BMP)


def test_colour_space_is_named():
    data = bytearray(file_of(photo(), "BMP"))
    head = struct.pack("<I", 108) + bytes(data[18:54]) + bytes(16) + b"MBED" + bytes(48)
    longer = b"BM" + struct.pack("<IHHI", len(data) + 68, 0, 0, 122) + head + bytes(data[54:])
    loaded = load_picture(longer)
    assert np.array_equal(loaded.pixels, PHOTO)
    assert "colour space" in loaded.notes[0]
    with Image.open(io.BytesIO(encode_picture(loaded, BMP).data)) as image:
        assert image.mode == "RGB"
