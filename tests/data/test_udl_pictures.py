"""Pictures in .udl files: read as pictures everywhere, kept files as those files, JPEG by JPEG XL."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from hostile_files import srgb
from PIL import Image
from skimage import data
from variants import variants

from underdrawing import load_picture, pack, protect, unpack, verify
from underdrawing.core.errors import CodeError, MissingExtraError, PictureError
from underdrawing.data import jpeg_xl, udl
from underdrawing.data.pictures import encode_picture
from underdrawing.data.sources import read_source

IMAGE = np.ascontiguousarray(data.astronaut()[:128, 150:310])
FIELDS = ("gray", "icc", "exif", "xmp", "iptc", "comments", "resolution", "texts", "cicp")
RICH = {
    "png-3-opaque-8-1-full", "png-3-opaque-16-1-full", "png-cicp-early", "webp-lossless-opaque-full",
    "avif-4:2:0-opaque-full", "jpeg-0-baseline-80-full", "tiff-RGB-None", "bmp-RGB-dpi",
}  # fmt: skip
MADE = {variant.name: variant for variant in variants() if variant.name in RICH}


def jpeg(**options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(IMAGE).save(buffer, "JPEG", quality=90, icc_profile=srgb(), **options)
    return buffer.getvalue()


@pytest.mark.parametrize("name", sorted(RICH))
def test_every_field_of_a_picture_comes_back(name):
    first = load_picture(MADE[name].make())
    back = load_picture(encode_picture(first, Path("a.udl")).data)
    assert (back.format, back.pixels.dtype) == ("UDL", first.pixels.dtype)
    assert np.array_equal(back.pixels, first.pixels)
    assert back.alpha is first.alpha is None or np.array_equal(back.alpha, first.alpha)
    assert [getattr(back, field) for field in FIELDS] == [getattr(first, field) for field in FIELDS]


def test_a_kept_file_is_read_as_that_file():
    original = jpeg()
    packed = pack(original).data
    assert repr(load_picture(packed)) == repr(load_picture(original))
    assert read_source(packed).data == original
    with pytest.raises(PictureError, match="archive already"):
        pack(packed)
    twice = udl.keep_file(packed, (160, 128), {})
    with pytest.raises(PictureError, match="archive that keeps an archive"):
        load_picture(twice)


def test_a_protected_picture_is_verified_in_its_archive(tmp_path):
    Image.fromarray(data.astronaut()).save(tmp_path / "a.png")
    pack(tmp_path / "a.png", tmp_path / "a.udl", rounds=2)
    report = protect(tmp_path / "a.udl", tmp_path / "b.udl")
    assert verify(tmp_path / "b.udl").verdict.identity == report.identity
    assert load_picture(tmp_path / "b.udl").format == "UDL"
    unpack(tmp_path / "b.udl", tmp_path / "b.png")
    assert verify(tmp_path / "b.png").verdict.altered_fraction in (None, 0)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"comment": b"hello"}])
def test_a_jpeg_comes_back_byte_for_byte_from_jpeg_xl(options):
    pytest.importorskip("imagecodecs")
    original = jpeg(**options) + b"behind the end"
    packed = pack(original)
    assert packed.kept == "jxl" and len(packed.data) < 0.95 * len(original)
    assert unpack(packed.data).data == original


def test_without_the_extra_a_jpeg_is_stored_and_jpeg_xl_is_refused_in_words(monkeypatch):
    pytest.importorskip("imagecodecs")
    original, packed = jpeg(), pack(jpeg()).data
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    stored = pack(original)
    assert stored.kept == "file" and unpack(stored.data).data == original
    for read in (unpack, load_picture, read_source):
        with pytest.raises(MissingExtraError, match=r"imagecodecs.*underdrawing\[jxl\]"):
            read(packed)


def test_jpeg_xl_that_states_an_enormous_size_is_refused():
    pytest.importorskip("imagecodecs")
    sizes = 0 | (3 << 1) | ((2**30 - 1) << 3) | (0 << 33) | (3 << 36) | ((2**30 - 1) << 38)
    with pytest.raises(CodeError, match=r"1073741824x1073741824 px.*bomb"):
        jpeg_xl.restored(b"\xff\x0a" + sizes.to_bytes(12, "little"), 10**8)
    for damaged in (b"", b"\xff\x0a", jpeg()[:40], jpeg_xl.transcoded(jpeg())[:-40]):
        with pytest.raises(CodeError, match="damaged"):
            jpeg_xl.restored(damaged, 10**8)
    assert jpeg_xl._size(jpeg_xl.transcoded(jpeg())) == (160, 128)
