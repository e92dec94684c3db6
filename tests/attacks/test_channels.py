"""Channels keep what the picture shows; their placements map masks and pictures."""

import numpy as np
import pytest
from skimage import data

from underdrawing.attacks.channel import Jpeg, Nothing
from underdrawing.attacks.geometry import SCREENSHOT, Chain, Crop, Flip, Rotate, Scale
from underdrawing.attacks.suites import SUITES, sample_channel

ALL = {channel.name: channel for suite in SUITES.values() for channel in suite}
PHOTO = data.astronaut()[64:320, 100:420]


def psnr_db(first, second):
    error = np.mean((first.astype(np.float64) - second) ** 2)
    return 10 * np.log10(255**2 / max(error, 1e-9))


@pytest.mark.parametrize("channel", ALL.values(), ids=ALL.keys())
def test_a_channel_repeats_itself_for_a_seed_and_leaves_its_input_alone(channel):
    before = PHOTO.copy()
    received, placement = channel.attack(PHOTO, np.random.default_rng(5))
    assert received.dtype == np.uint8 and received.shape == (*placement.size, 3)
    assert np.array_equal(received, channel(PHOTO, np.random.default_rng(5)))
    assert np.array_equal(PHOTO, before)
    assert not np.shares_memory(received, PHOTO) or channel.name == "flip"


@pytest.mark.parametrize(
    "channel",
    [Crop(0.5), Scale(0.5), Scale(1.5), Rotate(3.0), Rotate(-18.0), Flip(), SCREENSHOT],
    ids=lambda channel: channel.name,
)
def test_a_placement_maps_masks_and_originals_to_received_coordinates(channel):
    """A white box on black is its own mask, so the attacked picture shows where the mask must lie."""
    marked = np.zeros_like(PHOTO)
    marked[60:150, 90:210] = 255
    received, placement = channel.attack(marked, np.random.default_rng(2))
    wanted = received[..., 1] > 127
    mapped = placement.warp_mask(marked[..., 0] > 0)
    union = (mapped | wanted).sum()
    assert (mapped & wanted).sum() / union > 0.95
    photo, placement = channel.attack(PHOTO, np.random.default_rng(2))
    inside = placement.inside_source()
    assert psnr_db(placement.warp_image(PHOTO)[inside], photo[inside]) > 29


def test_a_wrong_placement_is_noticed():
    received, placement = Crop(0.5).attack(PHOTO, np.random.default_rng(3))
    other = Crop(0.5).attack(PHOTO, np.random.default_rng(4))[1]
    assert placement.offset != other.offset
    assert np.array_equal(placement.warp_image(PHOTO), received)
    assert psnr_db(other.warp_image(PHOTO), received) < 25


def test_to_source_inverts_the_placement():
    for channel in (Scale(1.5), Flip(), Nothing()):
        received, placement = channel.attack(PHOTO, np.random.default_rng(0))
        assert psnr_db(placement.to_source(received), PHOTO) > 33
    assert Scale(0.5).attack(PHOTO, np.random.default_rng(0))[1].covers_source
    assert not Crop(0.5).attack(PHOTO, np.random.default_rng(0))[1].covers_source
    received, placement = Rotate(3.0).attack(PHOTO, np.random.default_rng(0))
    assert psnr_db(placement.to_source(received)[60:-60, 60:-60], PHOTO[60:-60, 60:-60]) > 28


def test_placements_compose_in_the_order_of_the_chain():
    chain = Chain("both", (Scale(0.5), Crop(0.25)))
    _, placement = chain.attack(PHOTO, np.random.default_rng(1))
    assert placement.source_size == (256, 320) and placement.size == (64, 80)
    assert placement.linear == ((2.0, 0.0), (0.0, 2.0))
    assert 0 <= placement.offset[0] <= 160 and placement.offset[0] % 2 == 0


def test_a_lower_quality_costs_more():
    rng = np.random.default_rng(0)
    scores = [psnr_db(Jpeg(quality)(PHOTO, rng), PHOTO) for quality in (90, 70, 50, 30)]
    assert scores == sorted(scores, reverse=True)


def test_the_benign_list_is_the_one_promised():
    names = [channel.name for channel in SUITES["photo-benign"]]
    assert len(names) == len(set(names)) == 27
    for wanted in ("none", "jpeg30", "webp50", "avif60", "scale0.5", "crop50%", "noise10", "screenshot"):
        assert wanted in names


def test_training_channels_keep_the_size():
    rng = np.random.default_rng(7)
    for _ in range(40):
        received = sample_channel(PHOTO, rng)
        assert received.shape == PHOTO.shape and received.dtype == np.uint8
