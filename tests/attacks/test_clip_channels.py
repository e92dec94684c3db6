"""Channels of clips: real palettes, order of the frames, channels of single frames."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing.attacks import clip_channels as channels
from underdrawing.attacks.channel import Jpeg, Noise, recode
from underdrawing.attacks.clip_channels import (
    EachFrame,
    FrameDrop,
    GifPalette,
    Reorder,
    SentClip,
    Speed,
    Then,
)
from underdrawing.attacks.face_channels import Through

PHOTO = data.coffee()
CLIP = np.stack([PHOTO[40 : 40 + 96, 8 * n : 8 * n + 96] for n in range(6)])
SENT = SentClip(CLIP, CLIP)


def colors(frames):
    return len(np.unique(frames.reshape(-1, 3), axis=0))


def received(channel, seed=1):
    return channel(SENT, np.random.default_rng(seed))


@pytest.mark.parametrize(
    "channel", [*channels.QUANTIZERS, GifPalette(colors=16, shared=True)], ids=lambda c: c.name
)
def test_frames_have_the_colours_of_a_palette(channel):
    found = received(channel)
    most = getattr(channel, "colors", 216)
    assert max(colors(frame) for frame in found.frames) <= most
    shared = getattr(channel, "shared", True)
    assert (colors(found.frames) <= most) == shared
    assert np.array_equal(found.order, np.arange(6)) and found.frames.shape == CLIP.shape
    error = np.abs(found.frames.astype(int) - CLIP).mean()
    assert 0.3 < error < 25


def test_a_palette_is_what_a_gif_file_has(tmp_path):
    """Pillow writes an indexed picture as it is: the channel and the file agree."""
    palette = Image.fromarray(CLIP[0]).quantize(256, dither=Image.Dither.NONE)
    Image.fromarray(CLIP[0]).quantize(palette=palette).save(tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as file:
        assert np.array_equal(np.asarray(file.convert("RGB")), received(channels.GIF).frames[0])


def test_dithering_keeps_the_local_mean():
    def low(frames):
        return frames[0].astype(float).reshape(12, 8, 12, 8, 3).mean((1, 3))

    few = (GifPalette(colors=8, dithered=on) for on in (True, False))
    with_it, without = (np.abs(low(received(one).frames) - low(CLIP)).mean() for one in few)
    assert with_it < 0.7 * without


@pytest.mark.parametrize(
    ("channel", "order"),
    [(Speed(2.0), [0, 2, 4]), (Speed(0.5), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]), (Speed(1.5), [0, 1, 3, 4])],
)
def test_speed_leaves_frames_out_or_repeats_them(channel, order):
    found = received(channel)
    assert found.order.tolist() == order and np.array_equal(found.frames, CLIP[order])


def test_frames_are_dropped_in_order_and_reordered_without_loss():
    dropped = received(FrameDrop(0.3))
    assert len(dropped.order) == 4 and (np.diff(dropped.order) > 0).all()
    assert np.array_equal(dropped.frames, CLIP[dropped.order])
    assert len(received(FrameDrop(1.0)).frames) == 1
    mixed = received(Reorder())
    assert sorted(mixed.order) == list(range(6)) and mixed.order.tolist() != list(range(6))


def test_channels_of_single_frames():
    found = received(EachFrame(Through(Jpeg(50))))
    expected = recode(np.ascontiguousarray(CLIP[2]), "JPEG", quality=50, subsampling=2)
    assert np.array_equal(found.frames[2], expected)
    still = SentClip(CLIP[[0, 0]], CLIP[[0, 0]])
    for steady in (True, False):
        noisy = EachFrame(Through(Noise(5.0)), steady)(still, np.random.default_rng(1)).frames
        assert np.array_equal(*noisy) == steady


def test_one_after_another_keeps_the_order_of_the_sent_frames():
    found = received(Then((Reorder(), FrameDrop(0.5), channels.GIF)))
    assert len(found.order) == 3
    error = np.abs(found.frames.astype(int) - CLIP[found.order]).mean()
    assert error < 6 < np.abs(found.frames.astype(int) - CLIP[np.roll(found.order, 1)]).mean()
    pools = (channels.QUANTIZERS, channels.RETIMED, channels.SIGNAL, channels.FORGED)
    named = [channel.name for pool in pools for channel in pool]
    assert len(named) == len(set(named))
