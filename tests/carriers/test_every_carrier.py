"""What every carrier keeps: its capacity, its errors, and the bits that it was given."""

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing import zoo
from underdrawing.attacks.channel import Jpeg
from underdrawing.carriers.extras import optional
from underdrawing.carriers.lattice.carrier import LatticeCarrier
from underdrawing.carriers.repeating import gathered, repeated
from underdrawing.core.errors import (
    CapacityError,
    CodeError,
    MissingExtraError,
    ShapeError,
    UsageError,
    WeightsError,
)
from underdrawing.core.interfaces import CERTAIN, Carrier, Reading
from underdrawing.metrics.quality import psnr_db

PHOTO = cv2.resize(data.astronaut(), (288, 288), interpolation=cv2.INTER_AREA)
LEAST_DB = 33.0


NAMES = [
    full_name
    for name in zoo.names("carrier")
    for full_name in (name, *(f"{name}:{variant}" for variant in zoo.card(name).variants))
]
SLOW = ("diffmark:guided",)
"""A minute a face; tests/systems has one of a small network."""


@pytest.fixture(scope="module", params=[name for name in NAMES if name not in SLOW])
def carrier(request) -> Carrier:
    try:
        return zoo.load(request.param)
    except (MissingExtraError, WeightsError) as error:
        if zoo.card(request.param.split(":")[0]).own_weights:  # those are in this repository
            raise
        pytest.skip(f"{request.param}: {error}")


@pytest.fixture(scope="module")
def sent(carrier) -> tuple[np.ndarray, np.ndarray]:
    """A message of all that fits, and the photograph that carries it."""
    bits = np.random.default_rng(3).integers(0, 2, carrier.capacity_bits(PHOTO), dtype=np.uint8)
    return bits, carrier.embed(PHOTO, bits).apply(PHOTO)


def test_what_is_embedded_is_read(carrier, sent):
    bits, protected = sent
    assert isinstance(carrier, Carrier)
    assert protected.shape == PHOTO.shape and protected.dtype == np.uint8
    reading = carrier.read(protected, len(bits))
    assert reading.soft_bits.dtype == np.float32
    assert np.array_equal(reading.bits, bits)
    assert reading.present in (True, None) and reading.checked in (True, None)


def test_a_mark_that_tells_its_length_is_read_without_it(carrier, sent):
    bits, protected = sent
    if carrier.tells_length:
        assert np.array_equal(carrier.read(protected, None).bits, bits)
        assert len(carrier.read(PHOTO[:64, :64], None).soft_bits) == 0
        return
    with pytest.raises(UsageError, match="number of its bits"):
        carrier.read(protected, None)


def test_it_hardly_shows(carrier, sent):
    assert LEAST_DB < psnr_db(PHOTO, sent[1]) < 60


def test_it_survives_jpeg_90(carrier, sent):
    received = Jpeg(90)(sent[1], np.random.default_rng(0))
    assert np.mean(carrier.read(received, len(sent[0])).bits == sent[0]) == 1


def test_a_short_message_is_read_too(carrier):
    bits = np.array([1, 0, 1], np.uint8)
    reading = carrier.read(carrier.embed(PHOTO, bits).apply(PHOTO), 3)
    assert np.array_equal(reading.bits, bits)


def test_too_many_bits_are_refused_with_both_numbers(carrier):
    room = carrier.capacity_bits(PHOTO)
    with pytest.raises(CapacityError, match=rf"to {room} bits.* got {room + 1}"):
        carrier.embed(PHOTO, np.zeros(room + 1, np.uint8))
    with pytest.raises(CapacityError, match="got 0"):
        carrier.embed(PHOTO, np.zeros(0, np.uint8))
    with pytest.raises(CapacityError, match="got 0"):
        carrier.read(PHOTO, 0)


def test_a_picture_without_room_reports_it(carrier):
    tiny = PHOTO[:40, :40]
    assert carrier.capacity_bits(tiny) == 0
    with pytest.raises(CapacityError, match="to 0 bits"):
        carrier.embed(tiny, np.ones(1, np.uint8))


def test_other_arrays_are_refused(carrier):
    with pytest.raises(ShapeError, match="uint8"):
        carrier.capacity_bits(PHOTO[..., 0])
    with pytest.raises(ShapeError, match="float"):
        carrier.read(PHOTO / 255, 1)
    with pytest.raises(CodeError, match="0 and 1"):
        carrier.embed(PHOTO, np.array([2], np.uint8))


def test_evidence_points_at_the_edit(carrier, sent):
    bits, protected = sent
    edited = protected.copy()
    edited[96:192, 96:192] = PHOTO[150:246, 20:116]
    reading = carrier.read(edited, len(bits))
    if reading.evidence is None or carrier.name == "dawf":  # which maps the pixels of faces alone
        pytest.skip("tells nothing of this place")
    assert reading.evidence.shape == PHOTO.shape[:2]
    outside = np.ones(PHOTO.shape[:2], bool)
    outside[88:200, 88:200] = False
    assert reading.evidence[104:184, 104:184].mean() < 0 < reading.evidence[outside].mean()


def test_the_lattice_tells_an_unmarked_picture_and_another_length():
    carrier = LatticeCarrier(moved=False)
    nothing = carrier.read(PHOTO, 8)
    assert nothing.present is False and nothing.checked is False and not nothing.soft_bits.any()
    marked = carrier.embed(PHOTO, np.ones(8, np.uint8)).apply(PHOTO)
    other = carrier.read(marked, 9)
    assert other.present is True and other.checked is False and not other.soft_bits.any()
    assert LatticeCarrier(secret=b"another", moved=False).read(marked, 8).present is False


def test_the_front_of_a_message_on_the_lattice_outlives_its_end():
    carrier = LatticeCarrier("jpeg90", moved=False)
    sturdy = LatticeCarrier(moved=False).capacity_bits(PHOTO)
    bits = np.random.default_rng(4).integers(0, 2, carrier.capacity_bits(PHOTO), dtype=np.uint8)
    assert len(bits) > 2 * sturdy
    received = Jpeg(70)(carrier.embed(PHOTO, bits).apply(PHOTO), np.random.default_rng(0))
    reading = carrier.read(received, len(bits))
    assert reading.checked is False
    assert np.array_equal(reading.bits[:sturdy], bits[:sturdy])
    assert (np.abs(reading.soft_bits[:sturdy]) == CERTAIN).all()
    end = reading.bits[sturdy:] == bits[sturdy:]
    assert 0.52 < end.mean() < 0.99


def test_the_whole_frame_of_a_part_is_known():
    carrier = LatticeCarrier("jpeg70", strength=2.1)
    bits = np.random.default_rng(4).integers(0, 2, 400, dtype=np.uint8)
    part = carrier.embed(PHOTO, bits).apply(PHOTO)[16:, 24:]
    reading = carrier.read(part, None)
    assert np.array_equal(reading.bits, bits) and reading.frame.size == PHOTO.shape[:2]
    whole = reading.frame.whole(part)
    assert not whole[:16].any() and not whole[:, :24].any()
    assert np.array_equal(whole[16:, 24:], part)
    assert np.abs(reading.frame.to_received(whole) - part).max() < 1


@pytest.mark.parametrize("strength", [1.0, 1.45, 2.1])
@pytest.mark.parametrize("part", [0.0, 0.12])
def test_every_strength_is_read_through_the_codec_it_reaches(strength, part):
    carrier = LatticeCarrier("jpeg70", strength, moved=False)
    bits = np.random.default_rng(4).integers(0, 2, carrier.capacity_bits(PHOTO), dtype=np.uint8)
    marked = carrier.embed(PHOTO, bits).apply(PHOTO)
    side = int(PHOTO.shape[0] * part**0.5)
    marked[40 : 40 + side, 60 : 60 + side] = cv2.GaussianBlur(PHOTO, (0, 0), 9)[:side, :side]
    reading = carrier.read(Jpeg(70)(marked, np.random.default_rng(0)), None)
    assert reading.checked
    assert ((reading.soft_bits < 0) == bits).all()
    untouched = np.ones(PHOTO.shape[:2], bool)
    untouched[24 : 56 + side, 44 : 76 + side] = not part
    assert (reading.evidence[untouched] < 0).mean() < 0.003


def scene_with_object(blur: float, contrast: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A sharp disc before soft surroundings, where it is, and something soft to paint over it."""
    soft = 128 + contrast * (cv2.GaussianBlur(PHOTO, (0, 0), blur).astype(np.float32) - 128)
    y, x = np.mgrid[: PHOTO.shape[0], : PHOTO.shape[1]]
    disc = (y - 144) ** 2 + (x - 144) ** 2 < 100**2
    soft = soft.astype(np.uint8)
    return np.where(disc[..., None], PHOTO, soft), disc, soft[::-1]


def test_there_is_room_for_an_edit_of_what_carries_most():
    scene, disc, soft = scene_with_object(12, 0.4)
    read = {}
    for edit in (0.4, 0.1):
        carrier = LatticeCarrier("jpeg70", 2.1, moved=False, edit=edit)
        bits = np.random.default_rng(4).integers(0, 2, carrier.capacity_bits(scene), dtype=np.uint8)
        altered = np.where(disc[..., None], soft, carrier.embed(scene, bits).apply(scene))
        read[edit] = carrier.read(Jpeg(70)(altered, np.random.default_rng(0)), None).checked
    assert 0.3 < disc.mean() < 0.4
    assert read == {0.4: True, 0.1: False}


def test_a_deep_red_is_read_through_the_codec():
    red = (PHOTO * np.array([0.9, 0.02, 0.1])).astype(np.uint8)
    carrier = LatticeCarrier("jpeg70", 2.1, moved=False)
    bits = np.random.default_rng(4).integers(0, 2, carrier.capacity_bits(red), dtype=np.uint8)
    reading = carrier.read(Jpeg(70)(carrier.embed(red, bits).apply(red), np.random.default_rng(0)), None)
    assert len(bits) > 3000 and reading.checked and np.array_equal(reading.bits, bits)
    assert (reading.evidence < 0).mean() < 0.01


def test_the_reach_decides_what_is_lost():
    through = {}
    for reach, quality in (("jpeg70", 70), ("jpeg90", 70)):
        carrier = LatticeCarrier(reach, moved=False)
        bits = np.random.default_rng(4).integers(0, 2, carrier.capacity_bits(PHOTO), dtype=np.uint8)
        received = Jpeg(quality)(carrier.embed(PHOTO, bits).apply(PHOTO), np.random.default_rng(0))
        through[reach] = carrier.read(received, None).checked
    assert through == {"jpeg70": True, "jpeg90": False}


def test_repeats_are_balanced_and_add_up():
    one = np.ones(1, np.uint8)
    assert repeated(one, 32).sum() == 16
    whole = np.random.default_rng(0).integers(0, 2, 32, dtype=np.uint8)
    assert np.array_equal(repeated(whole, 32), whole)
    bits = whole[:5]
    soft = gathered(1.0 - 2.0 * repeated(bits, 32), 5)
    assert np.array_equal(Reading(soft, None).bits, bits) and np.abs(soft).tolist() == [7, 7, 6, 6, 6]


def test_unknown_names_and_absent_packages_are_said_clearly():
    with pytest.raises(WeightsError, match="no variant 'jpeg10'; there are: jpeg70, jpeg90"):
        zoo.load("lattice:jpeg10")
    with pytest.raises(MissingExtraError, match=r"underdrawing\[generation\]"):
        optional("no_such_package_of_carriers", "generation")
    found, absent = zoo.available("carrier")
    assert "lattice" in found and not set(found) & set(absent)
    assert set(found) | set(absent) == set(NAMES)
