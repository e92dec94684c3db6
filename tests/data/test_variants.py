"""Files come back whole: of some 300 variants nothing changes but for the luma of a mark; what is left out is
named. The pixels and the metadata are compared with those that other readers find, too."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import skimage.data
from hostile_files import exif_block, srgb
from PIL import ExifTags, Image
from variants import Variant, variants

from underdrawing import protect, verify
from underdrawing.data.containers import CONTAINERS
from underdrawing.data.picture import Picture, Resolution
from underdrawing.data.pictures import encode_picture, load_picture

pillow_heif.register_heif_opener()
VARIANTS = {variant.name: variant for variant in variants()}
FIELDS = ("icc", "exif", "xmp", "iptc", "comments", "resolution", "texts", "cicp")
LUMA = np.array([0.299, 0.587, 0.114])
STORAGE_TAGS = {
    0x0112,
    0x0100,
    0x0101,
    0x0102,
    0x0103,
    0x0106,
    0x0111,
    0x0115,
    0x0116,
    0x0117,
    0x011C,
    *range(0x0142, 0x0146),
}
"""EXIF and TIFF tags of how pixels are stored, which no picture is described by."""


def residual(height: int, width: int) -> np.ndarray:
    """A change of luma as a mark makes it: (H, W, 1), at most 4 levels, without a mean."""
    noise = np.random.default_rng(5).normal(size=(height // 4 + 1, width // 4 + 1))
    smooth = np.kron(noise, np.ones((4, 4)))[:height, :width]
    return np.clip(np.round(2 * smooth), -4, 4).astype(int)[..., None]


def marked(picture: Picture) -> Picture:
    top = np.iinfo(picture.pixels.dtype).max
    step = top // 255
    pixels = picture.pixels.astype(int) + step * residual(*picture.pixels.shape[:2])
    return replace(picture, pixels=np.clip(pixels, 0, top).astype(picture.pixels.dtype))


def levels(array: np.ndarray) -> np.ndarray:
    return array / (257 if array.dtype == np.uint16 else 1)


def others_inventory(data: bytes) -> dict[str, object]:
    """What Pillow finds in a file; nothing where it does not read it, as BigTIFF of Motorola order."""
    if data[:4] == b"MM\0\x2b":
        return {}
    with Image.open(io.BytesIO(data)) as image:
        names = ("icc_profile", "xmp", "comment", "dpi", "gamma", "chromaticity", "srgb", "photoshop")
        found = {name: image.info[name] for name in names if name in image.info}
        found |= {f"text {key}": value for key, value in getattr(image, "text", {}).items()}
        exif = image.getexif()
        for directory in (exif, exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)):
            found |= {f"tag {tag:x}": value for tag, value in directory.items() if tag not in STORAGE_TAGS}
        if "dpi" in found:
            found["dpi"] = sorted(found["dpi"])  # the axes change places where the picture is turned
        found["progressive"] = image.info.get("progressive", 0)
        found["sampling"] = [entry[1:3] for entry in getattr(image, "layer", ())]
    return found


@pytest.mark.parametrize("name", VARIANTS)
def test_only_luma_changes(name):
    variant: Variant = VARIANTS[name]
    data = variant.make()
    first = load_picture(data)
    shown = np.broadcast_to(variant.pixels, (*variant.pixels.shape[:2], 3))
    assert np.abs(levels(first.pixels) - levels(shown)).mean() <= variant.error
    if variant.alpha is not None:
        assert np.abs(levels(first.alpha) - levels(variant.alpha)).mean() <= (0.5 if variant.error else 0)
    source = marked(first)
    written = encode_picture(source, Path("a" + variant.suffix))
    back = load_picture(written.data)
    assert back.pixels.dtype == first.pixels.dtype
    if variant.error == 0:
        assert np.array_equal(back.pixels, source.pixels)
        assert np.array_equal(back.alpha, source.alpha) or source.alpha is None
    else:
        assert np.abs(levels(back.pixels) - levels(source.pixels)).mean() <= 4
        change = (levels(back.pixels) - levels(first.pixels)) @ LUMA
        wanted = (levels(source.pixels) - levels(first.pixels)) @ LUMA
        assert 0.6 < (change * wanted).sum() / (wanted**2).sum() < 1.4
    for field in (*FIELDS, "gray"):
        assert getattr(back, field) == getattr(first, field), field
    assert not first.notes
    before, after = others_inventory(data), others_inventory(written.data)
    assert {key for key in before if before[key] != after.get(key)} == set()


NAMES = {
    "icc": "profile",
    "exif": "EXIF",
    "xmp": "XMP",
    "iptc": "IPTC",
    "comments": "comment",
    "resolution": "resolution",
    "texts": "text",
    "cicp": "CICP",
}
RICH = (
    "png-3-opaque-8-1-full",
    "png-3-opaque-16-1-full",
    "png-cicp-early",
    "png-time-early",
    "webp-lossless-opaque-full",
    "avif-4:2:0-opaque-full",
    "heif-pq",
    "heif-10-RGB-420",
    "bmp-RGB-dpi",
    "jpeg-0-baseline-80-full",
    "tiff-RGB-None",
)


@pytest.mark.parametrize("suffix", [container.SUFFIXES[0] for container in CONTAINERS])
@pytest.mark.parametrize("name", RICH)
def test_what_another_format_lacks_is_named(name, suffix):
    source = load_picture(VARIANTS[name].make())
    written = encode_picture(source, Path("a" + suffix))
    back = load_picture(written.data)
    missing = {field for field in NAMES if getattr(source, field) and not getattr(back, field)}
    if source.cicp and source.cicp.is_srgb:
        missing.discard("cicp")
    if "comments" in missing and suffix == ".png":
        missing.remove("comments")
        assert back.texts[0].text == "hello"
    notes = " ".join(written.notes)
    assert {field for field in missing if NAMES[field] not in notes} == set()
    named = {field for field, word in NAMES.items() if f"{word} left out" in notes}
    assert named <= missing
    if source.pixels.dtype != back.pixels.dtype:
        assert "became 8" in notes
    if source.resolution and back.resolution:
        assert inches(back.resolution) == pytest.approx(inches(source.resolution), rel=0.005)
    if source.native and source.native.names and source.format != back.format:
        assert source.native.names[0] in notes


def inches(resolution: Resolution) -> tuple[float, float]:
    scale = {"inch": 1, "cm": 2.54}[resolution.unit]
    return resolution.x * scale, resolution.y * scale


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif", ".heic", ".png"])
def test_a_protected_file_of_each_format_is_verified(suffix):
    photo = Picture(skimage.data.astronaut(), None, False, "PNG", srgb(), exif_block(1), None)
    pixels = photo.pixels
    if suffix in (".png", ".avif", ".heic"):  # 16, 12 and 10 bits
        pixels = pixels.astype(np.uint16) * 257
    report = protect(encode_picture(replace(photo, pixels=pixels), Path("a" + suffix)).data)
    written = encode_picture(report.protected, Path("a" + suffix))
    back = load_picture(written.data)
    assert (back.icc, back.exif, back.pixels.dtype) == (photo.icc, photo.exif, pixels.dtype)
    found = verify(written.data).verdict
    assert found.identity == report.identity
    assert found.altered_fraction in (None, 0)
