"""PNG: chunks come back, damage beside the pixels is tolerated, what is left out is named."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hostile_files import PHOTO, chunk, exif_block, file_of, photo, srgb, stored_turned
from PIL import Image

from underdrawing.core.errors import PictureError
from underdrawing.data.containers.png_chunks import SIGNATURE, parse
from underdrawing.data.picture import Cicp, Picture, Resolution, Text
from underdrawing.data.pictures import encode_picture, load_picture

PNG = Path("a.png")
GAMA = chunk(b"gAMA", struct.pack(">I", 45455))
KEPT = {
    "gamma": GAMA,
    "chromaticities": chunk(b"cHRM", struct.pack(">8I", *range(1000, 9000, 1000))),
    "srgb": chunk(b"sRGB", b"\1"),
    "cicp": chunk(b"cICP", bytes([9, 16, 0, 1])),
    "mastering": chunk(b"mDCV", bytes(24)),
    "light": chunk(b"cLLI", struct.pack(">II", 10_000_000, 4_000_000)),
    "bits": chunk(b"sBIT", b"\5\6\5"),
    "background": chunk(b"bKGD", struct.pack(">3H", 1, 2, 3)),
    "time": chunk(b"tIME", struct.pack(">HBBBBB", 2020, 2, 29, 12, 30, 59)),
    "size": chunk(b"pHYs", struct.pack(">IIB", 11811, 5906, 1)),
    "aspect": chunk(b"pHYs", struct.pack(">IIB", 4, 3, 0)),
    "palette": chunk(b"sPLT", b"six\0\x08" + bytes(range(6))),
    "program": chunk(b"prVt", b"of a program"),
    "text": chunk(b"tEXt", b"Author\0K\xe4the"),
    "compressed": chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"a cat\nSteps: 20")),
    "language": chunk(b"iTXt", "Title\0\0\0ja\0題\0猫".encode()),
    "packed": chunk(b"iTXt", b"Title\0\1\0de\0Titel\0" + zlib.compress("Käse".encode())),
}


def with_chunks(before: bytes = b"", after: bytes = b"", data: bytes | None = None) -> bytes:
    """A PNG file of the photograph with more chunks."""
    data = data or file_of(photo(), "PNG")
    return data[:33] + before + data[33:-12] + after + data[-12:]


def written(picture: Picture) -> bytes:
    return encode_picture(picture, PNG).data


def kinds(data: bytes) -> list[str]:
    return [kind.decode() for kind, _ in parse(data)[0]]


@pytest.mark.parametrize("name", KEPT)
def test_chunks_come_back_as_they_were(name):
    loaded = load_picture(with_chunks(KEPT[name]))
    assert not loaded.notes
    again = encode_picture(loaded, PNG)
    assert KEPT[name] in again.data
    assert not again.notes
    assert np.array_equal(load_picture(again.data).pixels, PHOTO)


def test_order_and_repetition_of_texts():
    texts = KEPT["text"] + KEPT["language"] + KEPT["text"]
    loaded = load_picture(with_chunks(texts, KEPT["packed"]))
    expected = [Text("Author", "Käthe"), Text("Title", "猫"), Text("Author", "Käthe"), Text("Title", "Käse")]
    assert list(loaded.texts) == expected
    data = written(loaded)
    assert texts in data
    assert data.index(KEPT["packed"]) > data.rindex(b"IDAT")


def test_texts_and_comments_of_other_files_become_texts():
    texts = (Text("Title", "猫"), Text("", "\0no keyword"), Text("k" * 99, "long"))
    picture = Picture(PHOTO, None, False, "JPEG", None, None, None, texts=texts, comments=(b"hello",))
    with Image.open(io.BytesIO(written(picture))) as image:
        assert image.text["Title"] == "猫"
        assert image.text["k" * 79] == "long"
        assert image.text["Comment"] == "hello"


def test_resolution_and_colour_are_fields():
    loaded = load_picture(with_chunks(KEPT["size"] + KEPT["cicp"]))
    assert loaded.resolution == Resolution(118.11, 59.06, "cm")
    assert loaded.cicp == Cicp(9, 16, 0, True)
    inch = Picture(PHOTO, None, False, "TIFF", None, None, None, resolution=Resolution(300, 300, "inch"))
    assert struct.pack(">IIB", 11811, 11811, 1) in written(inch)
    data = with_chunks(KEPT["size"], data=file_of(stored_turned(6), "PNG", exif=exif_block(6)))
    assert load_picture(data).resolution == Resolution(59.06, 118.11, "cm")


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0", b"Exif00", b"Exif\0\0Exif\0\0"])
def test_exif_prefixes(prefix):
    body = prefix + exif_block(6).removeprefix(b"Exif\0\0")
    loaded = load_picture(with_chunks(chunk(b"eXIf", body), data=file_of(stored_turned(6), "PNG")))
    assert np.array_equal(loaded.pixels, PHOTO)
    with Image.open(io.BytesIO(written(loaded))) as image:
        assert image.getexif()[0x0112] == 1
        assert image.getexif()[0x010F] == "abc"
        assert image.info["exif"].count(b"Exif") == 1


def raw_text(kind: str, data: bytes) -> bytes:
    digits = data.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    text = f"\n{kind}\n{len(data):8}\n{lines}\n".encode()
    return chunk(b"zTXt", f"Raw profile type {kind}\0\0".encode() + zlib.compress(text))


def test_profiles_in_texts():
    xmp = b"<x:xmpmeta tiff:Orientation='6'/>"
    iptc = b"\x1c\x02\x78\0\5Title"
    block = raw_text("APP1", exif_block(6)) + raw_text("xmp", xmp) + raw_text("iptc", iptc)
    loaded = load_picture(with_chunks(block, data=file_of(stored_turned(6), "PNG")))
    assert np.array_equal(loaded.pixels, PHOTO)
    assert loaded.xmp == xmp.replace(b"6", b"1")
    assert loaded.iptc == b"8BIM\x04\x04\0\0\0\0\0\x0a" + iptc
    assert not loaded.texts
    data = written(loaded)
    again = load_picture(data)
    assert (again.exif, again.xmp, again.iptc) == (loaded.exif, loaded.xmp, loaded.iptc)
    assert kinds(data).count("zTXt") == 1
    assert kinds(data).count("eXIf") == 1


def test_second_exif_is_named():
    both = chunk(b"eXIf", exif_block(1)[6:]) + raw_text("exif", exif_block(6))
    loaded = load_picture(with_chunks(both))
    assert np.array_equal(loaded.pixels, PHOTO)
    assert "second block of EXIF" in loaded.notes[0]


def test_palettes_bits_and_transparency():
    palette = photo().quantize(16)
    options = {"transparency": 3, "bits": 4}
    data = file_of(palette, "PNG", **options)
    loaded = load_picture(with_chunks(data=data, after=chunk(b"bKGD", b"\5")))
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(np.dstack([loaded.pixels, loaded.alpha]), np.asarray(image.convert("RGBA")))
    again = encode_picture(loaded, PNG)
    assert again.notes == ("the palette became RGB pixels",)
    color = palette.getpalette()[15:18]
    assert chunk(b"bKGD", bytes([0, color[0], 0, color[1], 0, color[2]])) in again.data


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_transparent_gray(depth):
    levels = np.arange(2 ** min(depth, 8), dtype=np.uint8)[None]
    bits = np.unpackbits(levels[..., None], axis=2)[..., -depth:] if depth < 8 else None
    row = np.packbits(bits).tobytes() if depth < 8 else np.repeat(levels, depth // 8).tobytes()
    head = struct.pack(">IIBBBBB", levels.size, 1, depth, 0, 0, 0, 0)
    key = struct.pack(">H", 257 if depth == 16 else 1)
    body = chunk(b"tRNS", key) + chunk(b"bKGD", key) + chunk(b"IDAT", zlib.compress(b"\0" + row))
    loaded = load_picture(SIGNATURE + chunk(b"IHDR", head) + body)
    assert loaded.gray
    assert np.flatnonzero(loaded.alpha[0] == 0).tolist() == [1]
    again = load_picture(written(loaded))
    assert np.array_equal(again.alpha, loaded.alpha)
    background = next(c.body for c in again.native.before if c.kind == b"bKGD")
    assert int.from_bytes(background) == loaded.pixels[0, 1, 0]


def test_gray_with_alpha_of_16_bits():
    gray = PHOTO[..., 1].astype(np.uint16) * 257 - np.arange(128, dtype=np.uint16)
    alpha = gray[::-1].copy()
    source = Picture(np.repeat(gray[..., None], 3, 2), alpha, True, "PNG", None, None, None)
    data = written(source)
    assert data[24:26] == b"\x10\4"
    back = load_picture(data)
    assert back.gray
    assert np.array_equal(back.pixels, source.pixels)
    assert np.array_equal(back.alpha, alpha)


def test_significant_bits_follow_the_channels():
    loaded = load_picture(with_chunks(chunk(b"sBIT", b"\4"), data=file_of(photo().convert("L"), "PNG")))
    assert chunk(b"sBIT", b"\4") in written(loaded)
    assert chunk(b"sBIT", b"\4\4\4") in written(loaded.with_image(PHOTO))


def test_damage_beside_the_pixels_is_tolerated_and_named():
    wrong = KEPT["text"][:-1] + b"\0"
    loaded = load_picture(with_chunks(wrong)[:-12])
    assert np.array_equal(loaded.pixels, PHOTO)
    assert any("tEXt is wrong" in note for note in loaded.notes)
    assert any("no end marker" in note for note in loaded.notes)
    assert KEPT["text"] in written(loaded)
    broken = (
        chunk(b"iCCP", b"icc\0\0no deflate") + chunk(b"zTXt", b"k\0\0no deflate") + chunk(b"eXIf", b"II*")
    )
    loaded = load_picture(with_chunks(broken))
    assert loaded.icc is None
    assert any("iCCP" in note for note in loaded.notes)
    assert any("EXIF" in note for note in loaded.notes)
    assert chunk(b"zTXt", b"k\0\0no deflate") in written(loaded)


def test_big_texts_are_read_and_bombs_are_kept_packed():
    big = "x" * 3_000_000
    loaded = load_picture(with_chunks(chunk(b"zTXt", b"big\0\0" + zlib.compress(big.encode()))))
    assert loaded.texts == (Text("big", big),)
    bombs = 3 * chunk(b"zTXt", b"bomb\0\0" + zlib.compress(bytes(1 << 25)))
    loaded = load_picture(with_chunks(bombs))
    assert len(loaded.texts) == 2
    assert any("could not be unpacked" in note for note in loaded.notes)
    assert bombs in written(loaded)


def test_what_is_left_out_is_named():
    loaded = load_picture(with_chunks(chunk(b"iDOT", bytes(28)) + chunk(b"dSIG", b"1")))
    assert loaded.notes == ("PNG chunks are left out that may describe the old pixels: dSIG, iDOT",)
    gray = load_picture(file_of(photo().convert("L"), "PNG", icc_profile=srgb()))
    assert any("colour profile" in note for note in gray.notes)


def test_what_is_refused():
    with pytest.raises(PictureError, match="CgBI"):
        load_picture(with_chunks(chunk(b"CgBI", bytes(4))))
    frames = [photo(), photo().rotate(90)]
    with pytest.raises(PictureError, match="2 frames"):
        load_picture(file_of(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    data = bytearray(file_of(photo(), "PNG"))
    data[-13] ^= 1  # of the checksum of the chunk
    assert "IDAT" in load_picture(bytes(data)).notes[0]
    data[-17] ^= 1  # of the checksum of the pixels
    with pytest.raises(PictureError, match="damaged"):
        load_picture(bytes(data))
    data[29] ^= 1
    with pytest.raises(PictureError, match="IHDR"):
        load_picture(bytes(data))


def test_name_of_the_profile():
    block = chunk(b"iCCP", b"My profile\0\0" + zlib.compress(srgb()))
    assert block in written(load_picture(with_chunks(block)))


def test_interlacing_is_named():
    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 1)
    data = SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\7"))
    loaded = load_picture(data + chunk(b"IEND", b""))
    assert loaded.pixels.tolist() == [[[7, 7, 7]]]
    assert encode_picture(loaded, PNG).notes == ("the pixels are no longer interlaced",)
