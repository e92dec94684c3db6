"""TIFF in all its kinds: the same picture before and after, for us and for other readers."""

import io
import struct
import time
from pathlib import Path

import numpy as np
import pytest
import tiff_files
import tifffile
from hostile_files import PHOTO, file_of, photo, srgb
from PIL import Image, ImageCms
from tiff_files import DEEP, RAMP, by_tifffile, gray_tags, of_tags, page_of, value, written

from underdrawing.core.errors import PictureError
from underdrawing.data.containers.tiff import codec
from underdrawing.data.containers.tiff.tags import longs, shorts
from underdrawing.data.pictures import encode_picture, load_picture

KINDS = tiff_files.kinds()


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_read_right_and_written_again(name):
    data, shown = KINDS[name]
    picture = load_picture(data)
    assert picture.pixels.dtype == shown.dtype
    assert np.array_equal(picture.pixels, shown)
    again = written(picture)
    back = load_picture(again)
    assert np.array_equal(back.pixels, shown)
    assert back.gray == picture.gray
    if value(again, 259) in (1, 8):  # what tifffile decodes by itself
        stored = page_of(again).asarray()
        stored = np.iinfo(stored.dtype).max - stored if value(again, 262) == 0 else stored
        assert np.array_equal(stored, shown[..., 0] if picture.gray else shown)
    if shown.dtype == np.uint8:
        with Image.open(io.BytesIO(again)) as image:
            assert np.array_equal(np.asarray(image.convert("RGB")), shown)


@pytest.mark.parametrize("name", [name for name in KINDS if "bits" in name and "planar" not in name])
def test_the_arrangement_is_kept(name):
    data = KINDS[name][0]
    again = written(load_picture(data))
    assert again[:2] == data[:2]
    for tag in (258, 259, 262, 277, 317, 322, 323):
        assert value(again, tag) == value(data, tag)


def test_what_becomes_of_the_arrangement_otherwise_is_named():
    notes = {}
    for name in ("planar 8 bits < ", "JPEG", "1 bit group4", "palette", "RGB 16 bits > tile"):
        picture = load_picture(KINDS[name][0])
        notes[name] = " ".join((*picture.notes, *encode_picture(picture, Path("a.tif")).notes))
    assert "interleaved" in notes["planar 8 bits < "]
    assert "JPEG compression became Deflate" in notes["JPEG"]
    assert "1-bit samples became 8-bit" in notes["1 bit group4"]
    assert "Group 4 compression" in notes["1 bit group4"]
    assert "palette" in notes["palette"]
    assert not notes["RGB 16 bits > tile"]


@pytest.mark.parametrize("pixels", [PHOTO, DEEP])
@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha", "unspecified"])
def test_the_fourth_sample_keeps_its_kind(pixels, kind):
    data = tiff_files.with_extra_samples(pixels, kind)
    picture = load_picture(data)
    again = written(picture)
    assert np.array_equal(page_of(again).asarray(), page_of(data).asarray())
    assert value(again, 338) == value(data, 338)
    assert (picture.alpha is None) == (kind == "unspecified")
    if kind == "assocalpha":  # straight colours in memory, as exact as the stored ones
        opaque = RAMP > 128
        assert np.abs(picture.pixels[opaque].astype(int) - pixels[opaque]).max() <= 1
        darker = picture.with_image(picture.image // 2)
        ratio = page_of(written(darker)).asarray()[..., :3].sum() / page_of(data).asarray()[..., :3].sum()
        assert 0.49 < ratio < 0.51
    if kind == "unspecified":
        other = encode_picture(picture, Path("a.png"))
        assert any("samples a pixel" in note for note in other.notes)


def test_several_extra_samples_stay_in_their_order():
    data = tiff_files.with_extra_samples(DEEP, "unspecified", "unassalpha", "unspecified")
    picture = load_picture(data)
    assert np.array_equal(picture.alpha, DEEP[..., 0])
    again = written(picture)
    assert np.array_equal(page_of(again).asarray(), page_of(data).asarray())
    smaller = encode_picture(picture.with_image(picture.image[:50]), Path("a.tif"))
    assert any("size changed" in note for note in smaller.notes)
    assert load_picture(smaller.data).pixels.shape == (50, 128, 3)


def test_colours_brighter_than_their_alpha_are_named():
    values = np.dstack([PHOTO, np.zeros_like(RAMP)])
    glowing = by_tifffile(values, photometric="rgb", extrasamples=["assocalpha"])
    assert any("premultiplied" in note for note in load_picture(glowing).notes)


@pytest.mark.parametrize("bits", [2, 4, 6, 10, 12, 14])
def test_odd_depths_fill_the_range(bits):
    levels = np.arange(16).reshape(4, 4) * ((1 << bits) - 1) // 15
    digits = "".join(f"{level:0{bits}b}" for row in levels for level in row)
    strip = int(digits, 2).to_bytes(2 * bits, "big")
    picture = load_picture(of_tags(*gray_tags(4, 4, bits), strip=strip))
    limit = 255 if bits < 8 else 65535
    expected = np.rint(levels * limit / ((1 << bits) - 1))
    assert np.abs(picture.pixels[..., 0] - expected).max() <= (0 if bits < 8 else 1)
    assert f"{bits}-bit samples became" in " ".join(picture.notes)


def test_bits_in_reversed_order():
    values = PHOTO[..., 0]
    strip = np.packbits(np.unpackbits(values), bitorder="little").tobytes()
    data = of_tags(*gray_tags(128, 96), shorts(266, 2), strip=strip)
    assert np.array_equal(load_picture(data).pixels[..., 0], values)


@pytest.mark.parametrize("width", [128, 127, 125])
def test_strips_larger_than_pillow_takes_at_once(monkeypatch, width):
    monkeypatch.setattr(codec, "_PILLOW_PIXELS", 1000)
    for shown in (PHOTO[:, :width], DEEP[:, :width], PHOTO[:, :width, 0]):
        data = by_tifffile(shown, compression="zlib")
        pixels = load_picture(data).pixels
        assert np.array_equal(pixels if shown.ndim == 3 else pixels[..., 0], shown)


def test_absent_tags_have_defaults():
    strip = PHOTO.tobytes()
    bare = of_tags(longs(256, [128]), longs(257, [96]), shorts(258, 8, 8, 8), shorts(277, 3), strip=strip)
    assert np.array_equal(load_picture(bare).pixels, PHOTO)
    uncounted = of_tags(*gray_tags(128, 96), longs(279, []), strip=PHOTO[..., 0].tobytes())
    assert np.array_equal(load_picture(uncounted).pixels[..., 0], PHOTO[..., 0])
    four = by_tifffile(np.dstack([PHOTO, RAMP]), photometric="rgb", extrasamples=["unspecified"])
    four = four.replace(struct.pack("<HHI", 338, 3, 1), struct.pack("<HHI", 65000, 3, 1))
    assert np.array_equal(load_picture(four).alpha, RAMP)  # as most readers take it


@pytest.mark.parametrize("depth", [8, 16])
def test_lab_becomes_srgb(depth):
    image = photo()
    white = ImageCms.createProfile("LAB", 5000)
    lab = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), white, outputMode="LAB")
    stored = np.asarray(lab)  # L and signed a and b
    if depth == 16:
        signed = stored[..., 1:].astype(np.int8).astype(np.int16) * 256
        stored = np.dstack([stored[..., 0] * np.uint16(257), signed.astype(np.uint16)])
    data = by_tifffile(stored, photometric="cielab")
    picture = load_picture(data)
    assert picture.pixels.dtype == stored.dtype
    assert np.abs(picture.image.astype(int) - PHOTO).mean() < 2.5
    assert "L*a*b*" in picture.notes[0]
    assert picture.icc
    icc_lab = data.replace(struct.pack("<HHIH", 262, 3, 1, 8), struct.pack("<HHIH", 262, 3, 1, 9))
    assert not np.array_equal(load_picture(icc_lab).pixels, picture.pixels)


@pytest.mark.parametrize("depth", [8, 16])
def test_cmyk_becomes_srgb_by_its_profile(monkeypatch, depth):
    def convert(image, source, target, outputMode):  # no CMYK profile comes with what is installed
        assert image.mode == "CMYK"
        return image.convert(outputMode)

    monkeypatch.setattr(ImageCms, "profileToProfile", convert)
    inks = np.asarray(photo().convert("CMYK"))
    stored = inks if depth == 8 else inks.astype(np.uint16) * 257
    profile = [(34675, 7, len(srgb()), srgb(), True)]
    samples = np.dstack([stored, stored[..., 0]])
    data = by_tifffile(samples, photometric="separated", extrasamples=["unassalpha"], extratags=profile)
    picture = load_picture(data)
    assert np.array_equal(picture.pixels, np.asarray(photo().convert("CMYK").convert("RGB")))
    assert np.array_equal(picture.alpha, inks[..., 0])
    assert picture.icc and "CMYK" in picture.notes[0]


def test_reduced_copies_are_left_out_and_named():
    buffer = io.BytesIO()
    half = np.ascontiguousarray(PHOTO[::2, ::2])
    with tifffile.TiffWriter(buffer) as file:
        file.write(PHOTO, photometric="rgb", subifds=1)
        file.write(half, photometric="rgb", subfiletype=1)
        file.write(half, photometric="rgb", subfiletype=1)
    picture = load_picture(buffer.getvalue())
    assert np.array_equal(picture.pixels, PHOTO)
    assert picture.notes == ("2 reduced copies of the picture left out",)
    assert len(tifffile.TiffFile(io.BytesIO(written(picture))).pages) == 1
    unmarked = file_of(photo(), "TIFF", save_all=True, append_images=[Image.fromarray(half)])
    assert "reduced" in load_picture(unmarked).notes[0]
    thumbnail_first = io.BytesIO()
    with tifffile.TiffWriter(thumbnail_first) as file:
        file.write(half, photometric="rgb", subfiletype=1, subifds=1)
        file.write(PHOTO, photometric="rgb")
    assert np.array_equal(load_picture(thumbnail_first.getvalue()).pixels, PHOTO)


@pytest.mark.parametrize("name", tiff_files.HOSTILE | tiff_files.REFUSED)
def test_other_files_are_refused_in_words(name):
    make, words = (tiff_files.HOSTILE | tiff_files.REFUSED)[name]
    data = make()
    start = time.process_time()
    with pytest.raises(PictureError, match=words):
        load_picture(data)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("name", tiff_files.READ_ANYWAY)
def test_damage_beside_the_picture_is_tolerated(name):
    assert np.array_equal(load_picture(tiff_files.READ_ANYWAY[name]()).pixels[..., 0], PHOTO[..., 0])
