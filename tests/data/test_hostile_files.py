"""Hostile files: each is refused by name or read; none crashes, hangs or fills the memory."""

import resource

import numpy as np
import pytest
from hostile_files import BROKEN, CUT, NARROW, ODD, file_of, photo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from underdrawing.api import Session
from underdrawing.core.errors import PictureError, ShapeError
from underdrawing.data.pictures import Picture, load_picture, save_picture
from underdrawing.data.sources import read_source

SEEDS = {
    "JPEG": file_of(photo(), "JPEG"),
    "PNG": file_of(photo().quantize(8), "PNG"),
    "WEBP": file_of(photo(), "WEBP"),
    "AVIF": file_of(photo(), "AVIF"),
    "TIFF": file_of(photo(), "TIFF", compression="tiff_lzw"),
    "BMP": file_of(photo(), "BMP"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused_by_name(tmp_path, name):
    path = tmp_path / f"{name}.jpg"
    path.write_bytes(BROKEN[name]())
    with pytest.raises(PictureError, match=name) as refusal:
        load_picture(path)
    assert "\n" not in str(refusal.value)
    with pytest.raises(PictureError):
        load_picture(path.read_bytes())


@pytest.mark.parametrize("name", CUT)
def test_files_that_lack_rows_are_decoded_and_not_judged(name):
    loaded = load_picture(CUT[name]())
    assert loaded.incomplete
    assert "cut short" in " ".join(loaded.notes)
    with pytest.raises(PictureError, match="cut short"), Session() as session:
        session.embed(CUT[name]())
    with pytest.raises(PictureError, match="cut short"), Session() as session:
        session.judge(CUT[name]())


@pytest.mark.parametrize("name", ODD)
def test_odd_files_are_read_and_written_again(tmp_path, name):
    loaded = load_picture(ODD[name]())
    assert loaded.pixels.dtype == np.uint8
    save_picture(loaded, tmp_path / "again.png")
    again = load_picture(tmp_path / "again.png")
    assert np.array_equal(again.pixels, loaded.pixels)
    assert again.gray == loaded.gray
    assert (again.alpha is None) == (loaded.alpha is None)


@pytest.mark.parametrize("name", NARROW)
def test_pictures_too_narrow_for_a_code_are_refused(name):
    with pytest.raises(ShapeError, match="at most 20 times"):
        read_source(NARROW[name]())


def test_bombs_cost_no_memory():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in ("huge_header_png", "zero_bomb_png", "huge_header_bmp"):
        with pytest.raises(PictureError, match="megapixels"):
            load_picture(BROKEN[name]())
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mb < 200


@pytest.mark.parametrize("path", ["/dev/zero", "/", "/no/such/photo.jpg", "null\0byte.jpg"])
def test_what_is_no_file_is_refused(path):
    with pytest.raises(PictureError):
        load_picture(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP"]), st.data())
def test_mutated_files_give_a_picture_or_a_refusal(name, data):
    mutated = bytearray(SEEDS[name])
    for _ in range(data.draw(st.integers(1, 8))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(mutated)))
    try:
        loaded = load_picture(bytes(mutated if data.draw(st.booleans()) else mutated[:cut]), max_pixels=10**6)
    except PictureError:
        return
    assert isinstance(loaded, Picture)
    assert loaded.pixels.ndim == 3
    assert loaded.pixels.shape[2] == 3
