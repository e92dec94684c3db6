"""Hostile animations: each is refused with its reason, or read within the limits, and never costs much."""

from __future__ import annotations

import io
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from animation_files import RED, animation, gif_file, gif_image, photo_frames
from PIL import Image

from underdrawing.core.errors import PictureError
from underdrawing.data.animations import MOST_FRAMES, encode_animation, open_animation, read_animation
from underdrawing.data.containers.png_chunks import Chunk, parse, serialize

DOT = np.full((1, 1), RED)
NAMES = ("a.gif", "a.png", "a.webp")


def file_of(name: str) -> bytes:
    return encode_animation(animation(), Path(name)).data


@pytest.mark.parametrize("zeros", [MOST_FRAMES + 1, 10_000])
def test_too_many_frames(zeros):
    image = gif_image(DOT, hundredths=0)
    start = time.process_time()
    with pytest.raises(PictureError, match=f"more than {MOST_FRAMES} frames"):
        read_animation(gif_file((1, 1), [image] * zeros))
    assert time.process_time() - start < 2


def test_bombs_are_refused_before_any_frame_is_decoded():
    big = b"\x2c" + struct.pack("<HHHHB", 0, 0, 0xFFFF, 0xFFFF, 0) + b"\x02\x01\x00\x00"
    with pytest.raises(PictureError, match="sides of at most"):
        read_animation(gif_file((0xFFFF, 0xFFFF), [big]))
    with pytest.raises(PictureError, match="decompression bomb"):
        read_animation(gif_file((10, 10), [big]))  # a huge frame on a small canvas
    with pytest.raises(PictureError, match="decompression bomb"):
        read_animation(gif_file((4000, 4000), [gif_image(DOT)] * 100))  # many canvases
    with pytest.raises(PictureError, match="decompression bomb"):
        read_animation(file_of("a.webp"), max_pixels=5 * 64 * 64 - 1)
    assert len(read_animation(file_of("a.webp"), max_pixels=5 * 64 * 64).pixels) == 5


def test_frames_come_one_at_a_time():
    """A file is cut short behind its first frames: those are decoded before the error."""
    file = file_of("a.png")
    chunks = parse(file)[0]
    last = max(at for at, chunk in enumerate(chunks) if chunk.kind == b"fdAT")
    chunks[last] = Chunk(b"fdAT", chunks[last].body[:40])
    frames = open_animation(serialize(chunks)).frames()
    assert np.array_equal(next(frames)[..., :3], photo_frames()[0])
    with pytest.raises(PictureError, match="frame 5 of 5 is damaged or cut short"):
        list(frames)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.99])
def test_truncated_files_are_refused(name, share):
    file = file_of(name)
    cut = file[: max(6, int(share * len(file)))]
    with pytest.raises(PictureError):
        read_animation(cut)


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_raise_nothing_else(name):
    rng, file = np.random.default_rng(3), file_of(name)
    for _ in range(60):
        bad = bytearray(file)
        for at in rng.integers(6, len(bad), 6):
            bad[at] = rng.integers(0, 256)
        try:
            read = read_animation(bytes(bad), max_pixels=1_000_000)
        except PictureError:
            continue
        assert read.pixels.size <= 3_000_000


def test_frames_beyond_the_canvas_of_png_and_webp():
    chunks = parse(file_of("a.png"))[0]
    at = max(at for at, chunk in enumerate(chunks) if chunk.kind == b"fcTL")
    body = chunks[at].body
    chunks[at] = Chunk(b"fcTL", body[:12] + struct.pack(">II", 30, 0) + body[20:])
    with pytest.raises(PictureError, match="frame 5 of 5 is 64x64 px at 30, 0"):
        read_animation(serialize(chunks))
    file = bytearray(file_of("a.webp"))
    place = bytes(file).rindex(b"ANMF") + 8
    file[place : place + 3] = (7).to_bytes(3, "little")
    with pytest.raises(PictureError, match="at 14, 0"):
        read_animation(bytes(file))


def test_frames_of_another_size_than_stated():
    with Image.open(io.BytesIO(file_of("a.webp"))) as image:
        small = io.BytesIO()
        image.resize((32, 32)).save(small, "WEBP", lossless=True)
    body = small.getvalue()[12:]
    frame = bytes(6) + b"\x3f\0\0\x3f\0\0" + bytes(4) + body
    head = struct.pack("<4sI", b"VP8X", 10) + bytes([2, 0, 0, 0]) + b"\x3f\0\0\x3f\0\0"
    loop = struct.pack("<4sI", b"ANIM", 6) + bytes(6)
    content = b"WEBP" + head + loop + struct.pack("<4sI", b"ANMF", len(frame)) + frame
    with pytest.raises(PictureError, match="is 32x32 px, but its header says 64x64"):
        read_animation(b"RIFF" + struct.pack("<I", len(content)) + content)


def test_no_frames_no_palette_and_one_frame():
    with pytest.raises(PictureError, match="without frames"):
        read_animation(gif_file((4, 4), []))
    with pytest.raises(PictureError, match="no palette"):
        read_animation(gif_file((1, 1), [gif_image(DOT)], palette=None))
    one = read_animation(gif_file((1, 1), [gif_image(DOT, hundredths=0)]))
    assert (one.pixels.shape, one.durations_ms, one.plays) == ((1, 1, 1, 3), (0,), 1)


def test_a_colour_profile_that_unpacks_without_end_is_left_out():
    chunks = parse(file_of("a.png"))[0]
    chunks.insert(1, Chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(1 << 27))))
    read = read_animation(serialize(chunks))
    assert read.icc is None


def test_the_name_of_the_file_is_in_the_message(tmp_path):
    path = tmp_path / "broken.gif"
    path.write_bytes(file_of("a.gif")[:200])
    with pytest.raises(PictureError, match=r"broken\.gif: "):
        read_animation(path)
