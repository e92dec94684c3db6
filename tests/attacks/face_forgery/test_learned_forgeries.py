"""The kinds of forgery by networks: swap autoencoder and re-synthesis, run without PyTorch."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.attacks.face_forgery import KINDS, Face
from underdrawing.attacks.face_forgery.alignment import is_frontal, to_frame
from underdrawing.attacks.face_forgery.autoencoder import EVERYBODY, AutoencoderSwap
from underdrawing.attacks.face_forgery.resynthesis import PatchAutoencoder, Resynthesis
from underdrawing.core.errors import WeightsError

PICTURE = cv2.resize(data.astronaut()[21:214, 129:322], (256, 256), interpolation=cv2.INTER_AREA)
LANDMARKS = np.array(
    [[100.6, 105.8], [157.0, 109.3], [125.4, 143.6], [97.5, 155.4], [152.8, 158.6]], np.float32
)
FACE = Face(PICTURE, LANDMARKS)
DONOR = FACE.mirrored()
GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.mark.parametrize("kind", ["autoencoder", "resynthesis"])
def test_the_face_is_changed_inside_the_mask_and_no_byte_outside(kind):
    for seed in range(12):
        forged = KINDS[kind](FACE, DONOR, np.random.default_rng(seed))
        assert forged.image.shape == PICTURE.shape and forged.image.dtype == np.uint8
        assert forged.mask.dtype == np.float32 and forged.mask.min() >= 0 and 0.5 < forged.mask.max() <= 1
        outside = forged.mask == 0
        assert np.array_equal(forged.image[outside], PICTURE[outside])
        change = np.abs(forged.image.astype(float) - PICTURE).mean(2)
        assert change[forged.mask > 0.5].mean() > 1.5
        assert abs((forged.image.astype(float) - PICTURE)[forged.mask > 0.5].mean()) < 30, "another colour"


@pytest.mark.parametrize("kind", ["autoencoder", "resynthesis"])
def test_the_seed_decides_every_choice(kind):
    first, again, later = (KINDS[kind](FACE, DONOR, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first.image, again.image) and np.array_equal(first.mask, again.mask)
    assert not np.array_equal(first.image, later.image)


def test_each_identity_has_a_face_of_its_own():
    swap = AutoencoderSwap()
    assert len(swap.identities) == 16 and EVERYBODY not in swap.identities
    faces = [swap.of(name)(FACE, DONOR, np.random.default_rng(3)).image for name in swap.identities]
    inside = swap.of(swap.identities[0])(FACE, DONOR, np.random.default_rng(3)).mask > 0.5
    for row, one in enumerate(faces):
        for other in faces[:row]:
            assert np.abs(one[inside].astype(float) - other[inside]).mean() > 1.0


def test_resynthesis_keeps_the_picture_and_loses_detail():
    coded = PatchAutoencoder()
    planes = np.ascontiguousarray(PICTURE.transpose(2, 0, 1)[None], np.float32) / 255
    latent = coded.encode(planes)
    assert latent.shape == (1, 12, 32, 32)
    error = coded.decode(latent) - planes
    assert 26 < -10 * np.log10((error**2).mean()) < 40


def test_a_donor_enters_the_latent():
    """For some seeds a dark donor darkens the picture, for the others it is not used."""

    class Constant:
        """Latents are pictures of 1/8 of the sides."""

        def encode(self, picture):
            return picture[:, :, ::8, ::8].copy()

        def decode(self, latent):
            return latent.repeat(8, 2).repeat(8, 3)

    dark = Face(np.zeros_like(PICTURE), LANDMARKS)
    found = set()
    for seed in range(40):
        pictures = [
            Resynthesis(Constant())(FACE, donor, np.random.default_rng(seed)) for donor in (FACE, dark)
        ]
        found.add(bool(pictures[1].image.mean() < pictures[0].image.mean() - 0.2))
    assert found == {True, False}


def test_the_frame_puts_landmarks_on_its_template():
    angle, side = 0.4, 64
    template = to_frame(LANDMARKS, side)
    turn = 1.7 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (LANDMARKS @ turn.T + (31, -12)).astype(np.float32)
    placed = [
        points @ m[:, :2].T + m[:, 2] for points, m in ((LANDMARKS, template), (moved, to_frame(moved, side)))
    ]
    assert np.abs(placed[0] - placed[1]).max() < 0.01
    assert np.linalg.det(template[:, :2]) > 0 and 0.3 * side < placed[0][0, 1] < 0.45 * side


def test_profiles_are_not_frontal():
    profile = LANDMARKS.copy()
    profile[:2, 0] = 120, 130
    assert is_frontal(LANDMARKS) and not is_frontal(profile)


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        AutoencoderSwap(tmp_path / "none.safetensors")(FACE, DONOR, np.random.default_rng(0))


@pytest.mark.parametrize("card", ["swap_autoencoder", "resynthesis"])
def test_golden_pictures_of_the_released_weights(card):
    """Written once by the released weights; float rounding differs between machines."""
    swap = AutoencoderSwap()
    forgery = swap.of(swap.identities[4]) if card == "swap_autoencoder" else KINDS[card]
    forged = forgery(FACE, DONOR, np.random.default_rng(1))
    with np.load(GOLDEN / f"{card}.npz") as golden:
        difference = np.abs(forged.image[::2, ::2].astype(int) - golden["picture"])
    assert difference.max() <= 4 and difference.mean() < 0.05
