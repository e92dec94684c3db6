"""Animations: frames, timing, transparency and disposal survive reading and writing, in all three formats."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from animation_files import BLUE, GREEN, NO_COLOR, PALETTE, RED, animation, gif_file, gif_image, photo_frames
from PIL import Image, ImageCms

from underdrawing.core.errors import OutputError, ShapeError
from underdrawing.data.animations import Animation, encode_animation, is_animation, read_animation
from underdrawing.data.animations.palette import indexed
from underdrawing.metrics.quality import psnr_db

COLORS = np.frombuffer(PALETTE, np.uint8).reshape(4, 3)
NAMES = ("a.gif", "a.apng", "a.webp")
LEAST_DB = {"GIF": 32.0, "PNG": 100.0, "WEBP": 32.0}


def written(value: Animation, name: str) -> Animation:
    return read_animation(encode_animation(value, Path(name)).data)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_frames_timing_and_transparency_survive(name, alpha):
    own = animation(alpha=alpha)
    read = written(own, name)
    assert read.pixels.shape == own.pixels.shape  # equal frames are not merged
    assert read.durations_ms == own.durations_ms
    assert read.plays == own.plays
    assert (read.alpha is None) if not alpha else np.array_equal(read.alpha, own.alpha)
    shown = np.ones(own.pixels.shape[:3], bool) if own.alpha is None else own.alpha > 0
    assert psnr_db(own.pixels[shown][None], read.pixels[shown][None]) >= LEAST_DB[read.format]


@pytest.mark.parametrize("name", NAMES)
def test_pillow_reads_the_same_frames_of_what_is_written(name):
    file = encode_animation(animation(alpha=True), Path(name)).data
    own = read_animation(file)
    with Image.open(io.BytesIO(file)) as image:
        assert image.n_frames == len(own.pixels)
        for number in range(image.n_frames):
            image.seek(number)
            values = np.asarray(image.convert("RGBA"))
            assert image.info["duration"] == own.durations_ms[number]
            assert np.array_equal(values[..., 3], own.alpha[number])
            visible = values[..., 3] > 0
            assert np.array_equal(values[visible][:, :3], own.pixels[number][visible])


@pytest.mark.parametrize(("plays", "name"), [(p, n) for p in (0, 1, 2, 7) for n in NAMES])
def test_number_of_plays_is_kept(plays, name):
    assert written(animation(plays=plays), name).plays == plays


def test_frames_of_pillow_are_read_as_pillow_wrote_them():
    frames = [Image.fromarray(frame) for frame in photo_frames()[[0, 1, 3]]]
    for format in ("PNG", "WEBP"):
        buffer = io.BytesIO()
        options = {"lossless": True} if format == "WEBP" else {}
        frames[0].save(
            buffer, format, save_all=True, append_images=frames[1:], duration=[50, 0, 70], loop=3, **options
        )
        read = read_animation(buffer.getvalue())
        assert np.array_equal(read.pixels, photo_frames()[[0, 1, 3]])
        assert (read.durations_ms, read.plays) == ((50, 0, 70), 3)


def test_disposal_and_transparency_of_gif():
    small = np.full((2, 2), GREEN)
    read = read_animation(
        gif_file(
            (4, 4),
            [
                gif_image(np.full((4, 4), RED), disposal=1),
                gif_image(small, (1, 1), disposal=3),  # set back
                gif_image(np.array([[BLUE, NO_COLOR]]), (0, 0), transparent=NO_COLOR, disposal=2),  # cleared
                gif_image(small, (2, 2)),
            ],
        )
    )
    expected = np.full((4, 4, 4), RED)
    expected[1, 1:3, 1:3] = GREEN
    expected[2, 0, 0] = BLUE
    expected[3, 2:, 2:] = GREEN
    assert np.array_equal(read.alpha[3][0], [0, 0, 255, 255])
    assert (read.alpha[:3] == 255).all()
    visible = read.alpha > 0
    assert np.array_equal(read.pixels[visible], COLORS[expected[visible]])


def test_uncovered_areas_of_gif_are_transparent_and_frames_are_cut_at_the_canvas():
    read = read_animation(gif_file((4, 4), [gif_image(np.full((3, 3), RED), (2, 2))]))
    expected = np.zeros((4, 4), np.uint8)
    expected[2:, 2:] = 255
    assert np.array_equal(read.alpha[0], expected)


def test_local_palettes_interlacing_and_a_screen_without_size():
    indices = np.arange(400).reshape(20, 20) % 4  # Pillow interlaces from 16 px on
    own = bytes(range(12))
    read = read_animation(
        gif_file((0, 0), [gif_image(indices, interlaced=True), gif_image(indices, palette=own)])
    )
    assert np.array_equal(read.pixels[0], COLORS[indices])
    assert np.array_equal(read.pixels[1], np.frombuffer(own, np.uint8).reshape(4, 3)[indices])


def test_loops_comments_and_a_missing_end_of_gif():
    before = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x04\x00\x00" + b"\x21\xfe\x02hi\x00"
    read = read_animation(gif_file((2, 2), [gif_image(np.full((2, 2), RED))], before=before, end=b""))
    assert read.plays == 5
    assert any("comments" in note for note in read.notes)
    assert any("no end marker" in note for note in read.notes)


def test_half_transparent_frames_blend_as_in_pillow():
    below, above = np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 4), np.uint8)
    below[...] = (200, 20, 60, 255)
    above[..., 0], above[..., 3] = 10, np.arange(64).reshape(8, 8) * 4
    buffer = io.BytesIO()
    Image.fromarray(below).save(
        buffer, "PNG", save_all=True, append_images=[Image.fromarray(above)], blend=[0, 1], disposal=0
    )
    read = read_animation(buffer.getvalue())
    with Image.open(buffer) as image:
        image.seek(1)
        pillow = np.asarray(image.convert("RGBA")).astype(int)
    assert read.alpha is None
    assert np.abs(pillow[..., :3] - read.pixels[1]).max() <= 1


def test_colour_profile_is_kept_or_named():
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name in ("a.png", "a.webp"):
        assert written(animation(icc=icc), name).icc == icc
    assert any("profile" in n for n in encode_animation(animation(icc=icc), Path("a.gif")).notes)


def test_what_a_format_cannot_hold_is_named():
    file = encode_animation(animation(durations_ms=(33.4, 15, 10, 10, 1e9)), Path("a.gif"))
    assert any("hundredths" in note for note in file.notes)
    assert read_animation(file.data).durations_ms == (30, 20, 10, 10, 655350)
    third = animation(durations_ms=(1000 / 3,) * 5)
    assert written(third, "a.png").durations_ms == third.durations_ms
    assert any("milliseconds" in note for note in encode_animation(third, Path("a.webp")).notes)
    with pytest.raises(OutputError, match="no format of animations"):
        encode_animation(third, Path("a.jpg"))


def test_few_colours_stay_exact_and_many_are_dithered_well():
    few = np.random.default_rng(0).integers(0, 5, (40, 40, 3)).astype(np.uint8) * 60
    found = indexed(few)
    assert np.array_equal(found.palette[found.indices], few)
    photo = photo_frames(side=96)[0]
    found = indexed(photo)
    image = found.palette[found.indices]
    assert psnr_db(photo, image) > 33
    means = [a.astype(float).reshape(12, 8, 12, 8, 3).mean((1, 3)) for a in (photo, image)]
    assert np.abs(means[0] - means[1]).mean() < 1.0  # dithering keeps the colour of areas


def test_stills_are_no_animations():
    for format in ("PNG", "WEBP", "JPEG"):
        buffer = io.BytesIO()
        Image.fromarray(photo_frames()[0]).save(buffer, format)
        assert not is_animation(buffer.getvalue())
    assert is_animation(gif_file((2, 2), [gif_image(np.full((2, 2), RED))]))


def test_other_shapes_are_refused():
    with pytest.raises(ShapeError):
        animation(durations_ms=(1.0,))
    with pytest.raises(ShapeError):
        animation(pixels=photo_frames()[..., :2])
