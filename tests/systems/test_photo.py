"""The photo system end to end: identity, signature, alteration, copying, private mode."""

from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image
from skimage import data

from underdrawing.attacks.channel import Jpeg
from underdrawing.attacks.geometry import SCREENSHOT
from underdrawing.carriers.lattice import rates
from underdrawing.coding.keys import Owner, PublicKey
from underdrawing.coding.payload import Previous
from underdrawing.core.errors import CapacityError, ShapeError
from underdrawing.core.types import DECODED, UNTOUCHED
from underdrawing.systems.photo import verifying
from underdrawing.systems.photo.model import Photo

IDENTITY = bytes.fromhex("0123456789abcdef")


@pytest.fixture(scope="module")
def system() -> Photo:
    return Photo()


@pytest.fixture(scope="module")
def owner() -> Owner:
    return Owner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))  # the same picture every time


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return data.astronaut()


@pytest.fixture(scope="module")
def protected(system, owner, photo) -> np.ndarray:
    return system.protect(photo, owner=owner, identity=IDENTITY).apply(photo)


def edited(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    result, mask = image.copy(), np.zeros(image.shape[:2], bool)
    mask[40:200, 150:300] = True
    result[mask] = np.asarray(Image.fromarray(data.coffee()).resize(image.shape[1::-1]))[mask]
    return result, mask


def test_an_untouched_picture_is_intact_and_signed(system, owner, protected):
    verdict = system.verify(protected, find_key=lambda short: owner.public)
    assert verdict.status == "intact" and verdict.altered_fraction == 0
    assert verdict.identity == IDENTITY.hex()
    assert verdict.signature.state == "valid" and verdict.signature.trusted
    assert verdict.layers == ("base", "middle", "top")
    mark, content = verdict.assurance.witnesses
    assert (mark.state, mark.binding) == ("agrees", False)
    assert content.state == "agrees" and content.binding and 0 < content.least_area < 0.5
    assert (verdict.recovered == protected).all() and (verdict.source_map == UNTOUCHED).all()


@pytest.mark.parametrize("quality", [90, 50])
def test_an_edit_is_found_after_jpeg_and_shown(system, owner, photo, protected, quality):
    tampered, mask = edited(protected)
    received = Jpeg(quality).attack(tampered, np.random.default_rng(0))[0]
    verdict = system.verify(received, find_key=lambda short: owner.public)
    found = verdict.tampered_prob > 0.5
    assert verdict.status == "altered" and verdict.signature.state == "valid"
    assert 2 * (found & mask).sum() / (found.sum() + mask.sum()) > 0.8
    assert (verdict.source_map[found] == DECODED).all()
    inside = (verdict.recovered.astype(float) - photo)[mask]
    before = (received.astype(float) - photo)[mask]
    assert np.mean(inside**2) < 0.35 * np.mean(before**2)
    assert verdict.confidence.shape == mask.shape and 0 <= verdict.confidence.min() <= 1


def test_a_key_that_is_not_at_hand_is_unknown_or_carried_never_trusted(system, protected):
    verdict = system.verify(protected)
    assert verdict.signature.state in ("unknown", "valid") and not verdict.signature.trusted


def test_another_owners_key_does_not_fit(system, protected):
    other = Owner.create().public
    verdict = system.verify(protected, find_key=lambda short: other)
    assert verdict.signature.state == "invalid"


def test_unsigned_protection_is_never_intact(system, photo):
    verdict = system.verify(system.protect(photo, identity=IDENTITY).apply(photo))
    assert verdict.signature.state == "absent" and verdict.identity == IDENTITY.hex()
    assert verdict.status == "unvouched" and verdict.assurance.witness("signed content").state == "silent"


def test_an_edit_under_a_rewritten_mark_contradicts_the_signed_content(system, owner, photo, protected):
    change = protected.astype(int) - photo
    rewritten = np.clip(edited(photo)[0] + change, 0, 255).astype(np.uint8)
    verdict = system.verify(rewritten, find_key=lambda short: owner.public)
    assert verdict.assurance.witness("signed content").state == "contradicts" and verdict.status == "altered"
    assert verdict.mask[80:160, 190:260].mean() > 0.5


def test_a_mark_of_the_first_layout_is_read(system):
    key = PublicKey(bytes.fromhex("d990ed66d0ca9a11f95f250af5c879c945d98cc4563759c2982cdbf6011b1f89"))
    received = np.asarray(Image.open(Path(__file__).parents[1] / "golden" / "layout1.jpg"))
    verdict = system.verify(received, find_key=lambda short: key)
    assert verdict.layers == ("base", "middle", "top") and verdict.signature.state == "valid"
    assert verdict.status == "unvouched", "a sketch without hash has no measured reach"
    assert verdict.assurance.witness("signed content").state == "silent"


def test_a_mark_of_the_second_layout_is_read(system):
    key = PublicKey(bytes.fromhex("af4ed7424e1b4f616437b22f4b556b02634f97f9f0132fadbdee7f8131549c59"))
    received = np.asarray(Image.open(Path(__file__).parents[1] / "golden" / "layout2.jpg"))
    verdict = system.verify(received, find_key=lambda short: key)
    assert verdict.layers == ("base", "middle", "top") and verdict.signature.state == "valid"
    assert verdict.status == "intact" and verdict.altered_fraction == 0


@pytest.mark.parametrize(
    ("quality", "layers"), [(90, ("top",)), (80, ("top70", "top80")), (70, ("top70",)), (50, ())]
)
def test_parts_of_the_top_layer_survive_the_quality_they_are_made_for(
    system, owner, photo, protected, quality, layers
):
    received = Jpeg(quality)(protected, np.random.default_rng(0))
    verdict = system.read_back(received, find_key=lambda short: owner.public)
    assert verdict.layers == ("base", "middle", *layers) and verdict.signature.state == "valid"


def test_a_second_protection_names_the_first(system, owner, photo, protected):
    first = Previous(IDENTITY, owner.public.short)
    second = Owner.create()
    again = system.protect(protected, owner=second, previous=first).apply(protected)
    verdict = system.verify(again, find_key=lambda short: second.public)
    assert verdict.previous == (IDENTITY.hex(), owner.public.short.hex())
    assert verdict.signature.key == second.public.fingerprint and IDENTITY.hex() in verdict.message


def test_private_mode_is_found_with_the_secret_alone(system, photo):
    small = photo[:256, :256]
    hidden = system.protect(small, secret=b"a secret", identity=IDENTITY).apply(small)
    assert system.identify(hidden, secret=b"a secret") == IDENTITY.hex()
    assert system.identify(hidden) is None
    assert system.identify(hidden, secret=b"A secret") is None


def test_nothing_is_found_in_an_unprotected_photograph(system):
    for image in (data.coffee()[:300, :300], data.chelsea()[:300, :300]):
        verdict = system.verify(image)
        assert verdict.status == "unprotected" and not verdict.present and verdict.identity is None


def test_a_mark_written_into_another_photograph_is_called_a_copy(system, owner, photo, monkeypatch):
    from underdrawing.systems.photo import protecting

    reported = system.sketch

    class Forger:
        def encode(self, image, budgets, importance=None):
            return reported.encode(photo, budgets)

        decode = reported.decode

        def hash(self, image):
            return system.witness.hash(photo)

    other = np.asarray(Image.fromarray(data.coffee()).resize((512, 512)))
    codecs = protecting.Codecs(Forger(), Forger(), system.importance)
    forged = protecting.protect(other, codecs, protecting.Settings(owner), IDENTITY)
    verdict = system.verify(forged.apply(other), find_key=lambda short: owner.public)
    assert verdict.content_matches is False and verdict.status == "altered"
    assert "another" in verdict.message


@pytest.mark.parametrize("quality", [90, 70])
def test_a_deep_red_is_not_taken_for_altered(system, photo, quality):
    red = (photo * np.array([0.9, 0.02, 0.1])).astype(np.uint8)
    marked = system.protect(red, identity=IDENTITY).apply(red)
    verdict = system.verify(Jpeg(quality)(marked, np.random.default_rng(0)))
    assert verdict.status != "altered" and verdict.identity == IDENTITY.hex()


def test_gray_pictures_stay_gray(system, photo):
    gray = np.repeat(photo[:, :, :1], 3, axis=2)
    result = system.protect(gray, identity=IDENTITY).apply(gray)
    assert (result[..., 0] == result[..., 1]).all() and (result != gray).any()
    assert system.identify(result) == IDENTITY.hex()


def test_sixteen_bit_pixels_take_the_same_mark(system, photo):
    protection = system.protect(photo, identity=IDENTITY)
    deep = protection.apply(photo.astype(np.uint16) * 257)
    assert deep.dtype == np.uint16
    assert system.identify((deep / 257).round().astype(np.uint8)) == IDENTITY.hex()


def test_a_part_of_a_large_picture_is_read(system, photo):
    large = np.asarray(Image.fromarray(photo).resize((1800, 1800), Image.Resampling.BICUBIC))
    protected = system.protect(large, identity=IDENTITY).apply(large)
    assert system.identify(protected[101:1608, 57:1564]) == IDENTITY.hex()


def test_a_part_of_a_small_picture_is_read_after_it_was_shrunk(system, photo):
    small = np.asarray(Image.fromarray(photo).resize((256, 256), Image.Resampling.LANCZOS))
    protected = system.protect(small, identity=IDENTITY).apply(small)
    received, _ = SCREENSHOT.attack(protected, np.random.default_rng(0))
    assert max(received.shape) < 200
    assert system.identify(received) == IDENTITY.hex()


def test_a_flat_picture_is_lifted_until_its_signature_fits(system, owner, photo):
    small = np.asarray(Image.fromarray(photo).resize((256, 256), Image.Resampling.LANCZOS))
    flat = (0.25 * small + 96).astype(np.uint8)
    received = Jpeg(70).attack(system.protect(flat, owner=owner).apply(flat), np.random.default_rng(0))[0]
    verdict = system.verify(received, find_key=lambda short: owner.public)
    assert verdict.signature.state == "valid"
    assert verdict.details["lift"] > 1


def test_a_large_picture_is_read_after_it_was_shrunk(system, photo):
    large = np.asarray(Image.fromarray(photo).resize((1800, 1800), Image.Resampling.BICUBIC))
    posted = Image.fromarray(system.protect(large, identity=IDENTITY).apply(large)).resize((1200, 1200))
    assert system.identify(np.asarray(posted)) == IDENTITY.hex()


@pytest.mark.parametrize("side", [64, 100])
def test_the_smallest_pictures_carry_their_identity_through_a_jpeg(system, photo, side):
    small = np.asarray(Image.fromarray(photo).resize((side, side), Image.Resampling.LANCZOS))
    marked = system.protect(small, identity=IDENTITY).apply(small)
    received = Jpeg(80).attack(marked, np.random.default_rng(0))[0]
    assert system.identify(received) == IDENTITY.hex()


@pytest.mark.parametrize("shape", [(1, 1), (63, 400), (400, 63)])
def test_too_small_a_picture_is_refused(system, shape):
    with pytest.raises(ShapeError, match="at least 64 px"):
        system.protect(np.zeros((*shape, 3), np.uint8))
    assert system.verify(np.zeros((*shape, 3), np.uint8)).status == "unprotected"


def test_pictures_as_narrow_as_allowed_are_read_and_narrower_ones_refused(system, photo):
    strip = np.tile(photo, (1, 3, 1))[200:264, :1280]
    protected = system.protect(strip, identity=IDENTITY).apply(strip)
    for received in (protected, protected[:, ::-1]):
        assert system.identify(np.ascontiguousarray(received)) == IDENTITY.hex()
    narrow = np.tile(strip, (1, 5, 1))
    with pytest.raises(ShapeError, match="too narrow"):
        system.protect(narrow)
    for received in (narrow, narrow.swapaxes(0, 1), narrow[:, ::-1]):
        assert system.verify(np.ascontiguousarray(received)).status == "unprotected"


def test_a_picture_that_cannot_carry_an_identity_is_refused_not_marked(system):
    for level in (0, 128, 255):
        flat = np.full((128, 128, 3), level, np.uint8)
        assert system.verify(flat).status == "unprotected"
        with pytest.raises(CapacityError, match="too small or too flat"):
            system.protect(flat)


def test_rates_are_monotone_and_choose_the_largest_that_fits():
    capacity = {"middle": {0: 4000.0, 50: 4000.0, 90: 4800.0, 100: 5000.0}, "top": {90: 8000.0}}
    index = rates.choose(capacity, 32, 64, least_middle=700)
    k_middle, k_top = rates.sizes(index, 32, 64)
    assert 0 < k_middle <= 0.7 * 4000 and 0 < k_top <= 0.7 * 8000
    poor = {"middle": dict.fromkeys((0, 50, 90, 100), 300.0), "top": {90: 100.0}}
    assert rates.sizes(rates.choose(poor, 32, 64, least_middle=700), 32, 64)[0] == 0


def test_no_rule_clears_a_region_where_the_mark_alone_is_proof(system, monkeypatch):
    for rule in ("drop_marked_regions", "drop_palette_regions"):
        monkeypatch.setattr(verifying, rule, lambda probability, *_: np.zeros_like(probability))
    photo = np.ascontiguousarray(data.astronaut()[:320, :320])
    secret = bytes(range(7, 39))
    states = {}
    for key in (None, secret):
        received = system.protect(photo, secret=key, identity=IDENTITY).apply(photo)
        received[100:200, 100:200] = data.coffee()[100:200, 100:200]
        verdict = system.verify(received, secret=key)
        states[key] = verdict.assurance.witness("mark").state
    assert states[secret] == "contradicts"  # the rules are not asked
    assert states[None] != "contradicts"  # they are
