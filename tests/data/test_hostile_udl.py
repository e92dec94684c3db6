"""Damaged and hostile .udl files: an error in words wherever they are cut or changed."""

import io
import os
from dataclasses import replace

import numpy as np
import pytest
from hostile_files import srgb
from PIL import Image
from skimage import data

from underdrawing import archive_info, load_picture, pack, unpack
from underdrawing.core.errors import PictureError, UnderdrawingError
from underdrawing.data import udl

IMAGE = np.ascontiguousarray(data.astronaut()[:40, 150:206])
MOST = 10_000_000


def written(format: str, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(IMAGE).save(buffer, format, icc_profile=srgb(), **options)
    return buffer.getvalue()


@pytest.fixture(scope="module", params=["pixels", "file", "jxl"])
def archive(request) -> bytes:
    """One that holds pixels, one with a WebP file, and one with a JPEG as JPEG XL."""
    if request.param == "jxl":
        pytest.importorskip("imagecodecs")
    made = {"pixels": ("PNG", {}), "file": ("WEBP", {"quality": 60}), "jxl": ("JPEG", {})}
    format, options = made[request.param]
    packed = pack(written(format, **options), rounds=1, keep="pixels")
    assert packed.kept == request.param
    return packed.data


def test_a_changed_byte_anywhere_is_an_error(archive):
    rng = np.random.default_rng(3)
    for place in {*range(24), *map(int, rng.integers(0, len(archive), 160)), len(archive) - 1}:
        changed = bytearray(archive)
        changed[place] ^= 1 << int(rng.integers(8))
        with pytest.raises(PictureError):
            load_picture(bytes(changed))
        if place % 4 == 0:
            with pytest.raises(UnderdrawingError):
                unpack(bytes(changed))


def test_a_cut_anywhere_is_an_error(archive):
    for length in {0, 1, 7, 8, 9, 16, 17, *range(20, len(archive), max(1, len(archive) // 80))}:
        for read in (load_picture, unpack):
            with pytest.raises(UnderdrawingError):
                read(archive[:length])


def test_salvage_of_any_damage_gives_pixels_or_an_error():
    packed = pack(written("PNG"), rounds=1, keep="pixels").data
    rng, saved = np.random.default_rng(4), 0
    for place in rng.integers(0, len(packed), 60):
        changed = bytearray(packed)
        changed[place] ^= 1 << int(rng.integers(8))
        try:
            report = unpack(bytes(changed), salvage=True)
        except UnderdrawingError:
            continue
        saved += 1
        assert report.picture.pixels.shape == IMAGE.shape
    assert saved > 20


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 1 << 20, "height": 1 << 20}, {"width": 0}, {"width": 2.5}, {"width": True}, {"tile": 1},
        {"channels": 9}, {"depth": 12}, {"rounds": 99}, {"facts": []}, {"facts": {"resolution": [1]}},
        {"facts": {"comments": [3]}}, {"facts": {"texts": 5}}, {"facts": {"cicp": ["a", 1, 1, 1]}},
        {"sha256": None}, {"sha256": 7}, {"weights": 7}, {"facts": {"resolution": [float("nan"), 1, "inch"]}},
    ],
)  # fmt: skip
def test_a_header_under_a_valid_checksum_is_checked(changes, monkeypatch):
    file = udl.read(pack(written("PNG"), rounds=1, keep="pixels").data, MOST)
    header = replace(file.header)
    for name, value in changes.items():
        object.__setattr__(header, name, value)
    monkeypatch.setattr(udl, "dict", lambda facts: facts, raising=False)
    made = udl.write(header, {"weights": file.section("weights")}, [file.tile(0)])
    with pytest.raises(UnderdrawingError):
        unpack(made)
    with pytest.raises(PictureError):
        load_picture(made)


@pytest.mark.parametrize("name", ["../x", "a\x1b[2J", "", "A" * 40])
def test_names_of_sections_are_checked(name):
    file = udl.read(pack(written("WEBP", quality=50)).data, MOST)
    made = udl.write(file.header, {"file": file.section("file"), name: b"x"}, [])
    with pytest.raises(UnderdrawingError):
        archive_info(made)


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "a.webp").write_bytes(written("WEBP", quality=60))

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack(tmp_path / "a.webp", tmp_path / "a.udl")
    assert [path.name for path in tmp_path.iterdir()] == ["a.webp"]
