"""The signed content as a witness: bits that channels keep, edits and other pictures that contradict them."""

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.attacks.channel import Jpeg
from underdrawing.core.errors import WeightsError
from underdrawing.judging.regions import unexplained_regions
from underdrawing.judging.witness.network import BITS
from underdrawing.judging.witness.witness import SILENT, Calibration, SignedContent, Witness, planes

PHOTO = np.ascontiguousarray(data.astronaut()[:, 8:])  # 512 x 504: the last cells are cut
CELLS = 4


@pytest.fixture(scope="module")
def witness() -> Witness:
    return Witness()


@pytest.fixture(scope="module")
def signed(witness) -> SignedContent:
    return SignedContent(64, 63, witness.hash(PHOTO)[:CELLS], None, np.zeros((64, 63), np.float32))


def test_planes_are_colour_and_texture_at_a_quarter():
    found = planes(np.full((64, 96, 3), (10, 20, 30), np.uint8))
    assert found.shape == (16, 24, 4) and (found[3, 3] == (10, 20, 30, 0)).all()
    assert planes(PHOTO[:512, :480])[..., 3].max() > 100


def test_a_channel_keeps_the_bits_and_another_picture_has_others(witness):
    bits = witness.hash(PHOTO)
    assert bits.shape == (BITS, 16, 16) and set(np.unique(bits)) == {0, 1}
    received = Jpeg(70)(np.clip(PHOTO * 1.1, 0, 255).astype(np.uint8), np.random.default_rng(0))
    assert (witness.hash(received) != bits).mean() < 0.1
    assert 0.35 < (witness.hash(np.ascontiguousarray(PHOTO[:, ::-1])) != bits).mean() < 0.65


def test_an_untouched_part_agrees_and_an_edit_is_found_where_it_is(witness, signed):
    part = np.ascontiguousarray(PHOTO[40 : 40 + 8 * 50, 56 : 56 + 8 * 52])
    quiet = witness.compare(part, (5, 7), signed)
    assert not quiet.altered.any() and not quiet.is_other and quiet.logits.shape == (50, 52)
    assert quiet.bits == pytest.approx(CELLS * 16 * 16 * 50 * 52 / (64 * 63))
    edited = part.copy()
    edited[120:280, 160:320] = data.coffee()[100:260, 100:260]
    found = witness.compare(edited, (5, 7), signed)
    inside = found.altered[120:280, 160:320]
    assert found.peak > quiet.peak + 1 and inside.mean() > 0.5
    assert found.altered.sum() < 3 * inside.size


def test_another_picture_is_called_so(witness, signed):
    for other in (PHOTO[:, ::-1], data.coffee()[:, 48:552][:400]):
        view = np.ascontiguousarray(other[: other.shape[0] // 8 * 8])
        found = witness.compare(view, (0, 0), signed)
        assert found.is_other or found.altered.mean() > 0.3


def test_a_sketch_of_few_bits_differs_from_another_picture_and_accuses_no_place(witness):
    sketch, nothing = (
        np.ascontiguousarray(cv2.resize(data.coffee(), (504, 512))),
        np.zeros((0, 16, 16), np.uint8),
    )

    def found(bits):
        density = np.full((64, 63), bits / 4032, np.float32)
        return witness.compare(PHOTO, (0, 0), SignedContent(64, 63, nothing, sketch, density))

    few, many = found(200), found(4000)
    assert few.peak == SILENT and not few.altered.any() and few.is_other
    assert many.peak > SILENT and many.is_other


def test_more_signed_bits_vouch_for_smaller_areas():
    known = Calibration(1.0, 2.0, 0.0, 1.0, (-9.0, 1.5, 1.0, 2.0, 0.0), 0.8, 1000.0)
    areas = [known.least_area(4096, amounts) for amounts in ((1.0, 1.0), (1.0, 2.0), (3.0, 2.0))]
    assert areas[0] > areas[1] > areas[2] > 0
    assert known.least_area(16, (0.0, 0.0)) is None


def test_the_threshold_rises_with_the_number_of_blocks_that_could_pass_it():
    known = Calibration(3.0, 2.0, 0.0, 1.0, (0.0, 1.0, 0.0, 0.0, 0.0), tail=0.8, blocks=1000.0)
    assert known.threshold(1000, hashed=True) == known.threshold(200, hashed=True) == 3.0
    assert known.threshold(8000, hashed=False) == pytest.approx(2.0 + 0.8 * np.log(8))


def test_regions_that_the_mark_delimits_are_left_to_it():
    regions, probability = np.zeros((64, 64), bool), np.zeros((64, 64))
    regions[8:24, 8:24] = regions[40:56, 40:56] = True
    probability[10:20, 10:20] = 0.9
    kept = unexplained_regions(regions, probability)
    assert not kept[8:24, 8:24].any() and kept[40:56, 40:56].all()


def test_a_missing_weight_file_is_an_error(tmp_path):
    with pytest.raises(WeightsError):
        Witness(tmp_path / "none.safetensors").hash(PHOTO)
