"""WebP: chunks come back, lossless stays lossless, colours below alpha 0 stay."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hostile_files import PHOTO, exif_block, file_of, gray_profile, photo, srgb, stored_turned
from PIL import Image

from underdrawing.core.errors import PictureError
from underdrawing.data.pictures import encode_picture, load_picture

WEBP = Path("a.webp")
XMP = b"<x:xmpmeta>k\xc3\xa4se</x:xmpmeta>"


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def with_chunks(data: bytes, more: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(data) - 8 + len(more)) + data[8:] + more


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_metadata_and_unknown_chunks_come_back(lossless, alpha):
    image = photo().convert("RGBA") if alpha else photo()
    if alpha:
        image.putalpha(100)
    blocks = {"icc_profile": srgb(), "exif": exif_block(1), "xmp": XMP}
    data = with_chunks(file_of(image, "WEBP", lossless=lossless, **blocks), chunk(b"ABCD", b"odd"))
    loaded = load_picture(data)
    again = encode_picture(loaded, WEBP)
    assert not loaded.notes
    assert not again.notes
    back = load_picture(again.data)
    fields = ("icc", "exif", "xmp", "native", "quality", "format")
    assert [getattr(back, name) for name in fields] == [getattr(loaded, name) for name in fields]
    assert back.quality == (100 if lossless else None)
    assert back.icc == srgb()
    assert chunk(b"ABCD", b"odd") in again.data
    with Image.open(io.BytesIO(again.data)) as written:
        assert written.info["xmp"] == XMP
        assert written.getexif()[0x010F] == "abc"
        assert written.mode == ("RGBA" if alpha else "RGB")
    assert any("ABCD" in note for note in encode_picture(loaded, Path("a.png")).notes)


def test_colours_below_alpha_0_stay():
    alpha = np.full((96, 128), 255, np.uint8)
    alpha[16:80, 32:96] = 0
    source = load_picture(file_of(Image.fromarray(np.dstack([PHOTO, alpha])), "PNG"))
    back = load_picture(encode_picture(source, WEBP).data)
    luma = [picture.pixels[alpha == 0] @ np.array([0.299, 0.587, 0.114]) for picture in (source, back)]
    assert np.abs(luma[0] - luma[1]).mean() < 2
    assert np.array_equal(back.alpha, alpha)


def test_animation_is_refused():
    frames = [photo(), photo().rotate(90)]
    with pytest.raises(PictureError, match="2 frames"):
        load_picture(file_of(frames[0], "WEBP", save_all=True, append_images=frames[1:]))


def test_damage_beside_the_pixels_is_named():
    blocks = {"icc_profile": b"no profile", "exif": b"no EXIF"}
    loaded = load_picture(file_of(photo(), "WEBP", lossless=True, **blocks))
    assert len(loaded.notes) == 2
    cut = load_picture(with_chunks(file_of(photo(), "WEBP", lossless=True), chunk(b"ABCD", b"abcdef"))[:-2])
    assert np.array_equal(cut.pixels, PHOTO)
    assert "cut short" in cut.notes[0]


def test_other_spelling_of_xmp():
    data = file_of(stored_turned(6), "WEBP", lossless=True, exif=exif_block(6), xmp=XMP)
    loaded = load_picture(data.replace(b"XMP ", b"XMP\0"))
    assert loaded.xmp == XMP
    assert np.array_equal(loaded.pixels, PHOTO)


def test_gray_profile_is_named():
    gray = load_picture(file_of(photo().convert("L"), "PNG", icc_profile=gray_profile()))
    written = encode_picture(gray, WEBP)
    assert written.notes == ("colour profile left out: it is one for gray, and WebP files hold RGB",)
    assert load_picture(written.data).icc is None
