"""Pictures in and out: nothing of them may be lost, and what comes in upright goes out upright."""

import io

import cv2
import hostile_files as hostile
import numpy as np
import pytest
from hostile_files import PHOTO, exif_block, file_of, photo, srgb, stored_turned
from PIL import Image

from underdrawing.core.errors import MissingExtraError, OutputError, PictureError, ShapeError
from underdrawing.data.containers import tiff
from underdrawing.data.pictures import Picture, encode_picture, load_picture, save_picture

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="1" dc:title="k\xc3\xa4se"/></x:xmpmeta>'
SUFFIXES = (".jpg", ".png", ".webp", ".avif", ".tif", ".heic", ".bmp")


def picture(pixels=PHOTO, **fields) -> Picture:
    values = {"alpha": None, "gray": False, "format": "PNG", "icc": None, "exif": None, "xmp": None}
    return Picture(np.ascontiguousarray(pixels), **(values | fields))


def mean_error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b).mean())


def gray16() -> np.ndarray:
    values = PHOTO[..., :1].astype(np.uint16) * 257 + np.arange(128, dtype=np.uint16)[None, :, None] // 2
    return np.repeat(values, 3, axis=2)


def color16() -> np.ndarray:
    return PHOTO.astype(np.uint16) * 256 + np.arange(128, dtype=np.uint16)[None, :, None]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_goes_out_and_in(tmp_path, suffix):
    path = tmp_path / f"photo{suffix}"
    save_picture(picture(), path)
    back = load_picture(path)
    assert back.pixels.shape == PHOTO.shape
    assert back.pixels.dtype == np.uint8
    assert back.alpha is None
    assert not back.gray
    lossy = suffix in (".jpg", ".webp", ".avif", ".heic")
    assert mean_error(back.pixels, PHOTO) <= (3 if lossy else 0)
    save_picture(back, tmp_path / f"again{suffix}")
    assert load_picture(tmp_path / f"again{suffix}").format == back.format


@pytest.mark.parametrize("suffix", SUFFIXES[:-1])
def test_metadata_is_kept(tmp_path, suffix):
    source = picture(icc=srgb(), exif=exif_block(1), xmp=XMP)
    save_picture(source, tmp_path / f"photo{suffix}")
    back = load_picture(tmp_path / f"photo{suffix}")
    assert back.icc == srgb()
    assert back.xmp == XMP
    exif = Image.Exif()
    exif.load(back.exif)
    assert exif[0x010F] == "abc"
    assert exif.get(0x0112, 1) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_orientation_is_applied_once(tmp_path, format, orientation):
    options = {} if format == "TIFF" else {"exif": exif_block(orientation, ">" if orientation % 2 else "<")}
    if format == "TIFF":
        options["tiffinfo"] = {0x0112: orientation}
    if format in ("JPEG", "AVIF"):
        options["quality"] = 95
    first = load_picture(file_of(stored_turned(orientation), format, **options))
    assert mean_error(first.pixels, PHOTO) < 4
    path = tmp_path / f"again.{format.lower()}"
    save_picture(first, path)
    assert mean_error(load_picture(path).pixels, PHOTO) < 5
    with Image.open(path) as written:  # what another program shows
        assert written.size == (128, 96)
        assert written.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_deep_tiff(orientation):
    turned = np.asarray(stored_turned(orientation)).astype(np.uint16) * 257
    data = tiff.write(picture(turned), None).data
    entry = data.index(b"\x12\x01\x03\0\x01\0\0\0", int.from_bytes(data[4:8], "little"))
    data = data[: entry + 8] + bytes([orientation]) + data[entry + 9 :]
    assert np.array_equal(load_picture(data).image, PHOTO)


def test_orientation_in_xmp_and_the_rest_of_exif():
    xmp = XMP.replace(b'Orientation="1"', b'Orientation="6"')
    block = exif_block(6, extra=b"maker's notes with offsets of their own")
    loaded = load_picture(file_of(stored_turned(6), "JPEG", exif=block, xmp=xmp))
    assert loaded.xmp == XMP
    assert loaded.exif == block.replace(b"\x12\x01\x03\0\x01\0\0\0\x06", b"\x12\x01\x03\0\x01\0\0\0\x01")


def test_exif_too_large_for_a_segment_is_in_several(tmp_path):
    giant = load_picture(hostile.giant_exif_png())
    assert len(giant.exif) > 200_000
    save_picture(giant, tmp_path / "a.jpg")
    save_picture(giant, tmp_path / "a.png")
    assert load_picture(tmp_path / "a.jpg").exif == giant.exif
    assert "EXIF is in several segments" in " ".join(encode_picture(giant, tmp_path / "a.jpg").notes)
    assert load_picture(tmp_path / "a.png").exif == giant.exif


@pytest.mark.parametrize("suffix", [".png", ".webp", ".avif", ".tif", ".heic"])
def test_alpha_is_kept(tmp_path, suffix):
    alpha = np.tile(np.arange(0, 256, 2, dtype=np.uint8), (96, 1))
    save_picture(picture(alpha=alpha), tmp_path / f"a{suffix}")
    back = load_picture(tmp_path / f"a{suffix}")
    assert mean_error(back.alpha, alpha) < 1


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_alpha_is_not_dropped_in_silence(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with pytest.raises(OutputError, match="transparency"):
        save_picture(picture(alpha=np.full((96, 128), 7, np.uint8)), path)
    assert not path.exists()
    save_picture(picture(alpha=np.full((96, 128), 255, np.uint8)), path)
    assert path.exists()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".bmp", ".webp", ".avif"])
def test_gray_stays_gray(tmp_path, suffix):
    source = load_picture(file_of(photo().convert("L"), "PNG", icc_profile=hostile.gray_profile()))
    assert source.gray
    brighter = source.with_image(np.minimum(source.image, 252) + np.uint8(3))
    save_picture(brighter, tmp_path / f"g{suffix}")
    with Image.open(tmp_path / f"g{suffix}") as written:
        if suffix == ".webp":  # it holds three channels, which a profile of one would not describe
            assert "icc_profile" not in written.info
        else:
            assert written.mode == "L"
    back = load_picture(tmp_path / f"g{suffix}")
    assert mean_error(back.image, source.image + 3.0) < 3


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("alpha", [None, np.full((96, 128), 30_000, np.uint16)])
@pytest.mark.parametrize("pixels", [gray16(), color16()])
def test_sixteen_bits_stay(tmp_path, suffix, pixels, alpha):
    gray = bool((pixels[..., 0] == pixels[..., 1]).all())
    source = picture(
        pixels, alpha=alpha, gray=gray, icc=None if gray else srgb(), exif=exif_block(1), xmp=XMP
    )
    save_picture(source, tmp_path / f"deep{suffix}")
    back = load_picture(tmp_path / f"deep{suffix}")
    assert np.array_equal(back.pixels, pixels)
    assert back.gray == (gray and (alpha is None or suffix == ".png"))
    assert alpha is None or np.array_equal(back.alpha, alpha)
    assert back.xmp == XMP
    assert back.icc == source.icc
    decoded = cv2.imread(str(tmp_path / f"deep{suffix}"), cv2.IMREAD_UNCHANGED)
    assert decoded.dtype == np.uint16


def test_sixteen_bits_from_another_program():
    data = cv2.imencode(".png", color16()[..., ::-1])[1].tobytes()
    loaded = load_picture(data)
    assert np.array_equal(loaded.pixels, color16())
    assert mean_error(loaded.image, color16() / 257) <= 0.5


def test_other_content_in_the_same_clothes():
    source = picture(color16(), alpha=np.full((96, 128), 9, np.uint16), icc=srgb())
    changed = source.image.copy()
    changed[:10] = 255
    changed[10:20] ^= 1
    other = source.with_image(changed)
    assert np.array_equal(other.image, changed)
    assert np.array_equal(other.pixels[20:], source.pixels[20:])
    steps = other.pixels[10:20].astype(int) - source.pixels[10:20]
    assert set(np.unique(steps)) == {-257, 257}  # the bits below a level stay
    assert other.icc == srgb()
    assert other.alpha is source.alpha
    assert source.with_image(changed[:50]).alpha is None
    with pytest.raises(ShapeError):
        source.with_image(changed.astype(np.float32))


def test_jpeg_tables_are_those_of_the_input_where_they_keep_the_mark(tmp_path):
    for quality, written in ((60, 88), (92, 92), (98, 98)):
        source = load_picture(file_of(photo(), "JPEG", quality=quality))
        assert source.quality == quality
        save_picture(source, tmp_path / f"{quality}.jpg")
        with Image.open(tmp_path / f"{quality}.jpg") as again:
            assert load_picture(tmp_path / f"{quality}.jpg").quality == written
            assert again.layer[0][1:3] == (2, 2)  # colour at half the size, as in the source
    save_picture(picture(), tmp_path / "q.jpg", quality=40)
    assert load_picture(tmp_path / "q.jpg").quality == 40
    with pytest.raises(OutputError, match="quality"):
        save_picture(picture(), tmp_path / "r.jpg", quality=0)


def test_lossless_webp_stays_lossless(tmp_path):
    source = load_picture(hostile.half_transparent_webp())
    save_picture(source, tmp_path / "a.webp")
    back = load_picture(tmp_path / "a.webp")
    assert np.array_equal(back.pixels, PHOTO)
    assert (back.alpha == 128).all()


def test_cmyk_becomes_srgb_by_its_profile(monkeypatch):
    from PIL import ImageCms

    used = []

    def convert(image, source, target, outputMode):  # no CMYK profile comes with what is installed
        used.append(image.mode)
        return Image.fromarray(PHOTO)

    monkeypatch.setattr(ImageCms, "profileToProfile", convert)
    loaded = load_picture(file_of(photo().convert("CMYK"), "JPEG", icc_profile=srgb(), exif=exif_block(1)))
    assert used == ["CMYK"]
    assert np.array_equal(loaded.pixels, PHOTO)
    assert loaded.exif == exif_block(1)
    assert loaded.icc[16:20] == b"RGB "


def test_limit_of_pixels_holds_before_decoding():
    data = file_of(photo(), "PNG")
    assert load_picture(data, max_pixels=128 * 96).pixels.shape == PHOTO.shape
    with pytest.raises(PictureError, match="128x96"):
        load_picture(data, max_pixels=128 * 96 - 1)


def test_sources_may_be_paths_bytes_or_open_files(tmp_path):
    path = tmp_path / "photo.png"
    photo().save(path)
    with path.open("rb") as file:
        sources = (path, str(path), path.read_bytes(), file, io.BytesIO(path.read_bytes()))
        assert all(np.array_equal(load_picture(source).pixels, PHOTO) for source in sources)


def test_heic_without_its_package(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MissingExtraError, match="formats"):
        save_picture(picture(), tmp_path / "a.heic")
    with pytest.raises(MissingExtraError, match="formats"):
        load_picture(bytes(4) + b"ftypheic" + bytes(100))


def test_unknown_suffix_is_refused_and_none_keeps_the_format(tmp_path):
    with pytest.raises(OutputError, match=r"\.gif"):
        save_picture(picture(), tmp_path / "a.gif")
    save_picture(picture(format="WEBP"), tmp_path / "plain")
    assert load_picture(tmp_path / "plain").format == "WEBP"
    with pytest.raises(OutputError, match="WEBP"):
        save_picture(picture(np.zeros((2, 20_000, 3), np.uint8)), tmp_path / "wide.webp")
    assert not (tmp_path / "wide.webp").exists()
