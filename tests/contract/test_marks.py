"""What every carrier that serves as a protector has to keep: an identity, and never "intact"."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing import zoo
from underdrawing.attacks.channel import Jpeg
from underdrawing.coding.short_identity import SHORT_IDENTITIES
from underdrawing.core.errors import CapacityError, ShapeError, UsageError, WeightsError
from underdrawing.core.interfaces import Protector
from underdrawing.judging.marked_bits import MarkedBits
from underdrawing.metrics.quality import psnr_db

NAMES = [name for name in zoo.protectors() if zoo.card(name).kind == "carrier"]
RELEASED = [name for name in NAMES if zoo.card(name).own_weights]
FIRST = bytes.fromhex("a540000000000000")
released = pytest.mark.parametrize("name", RELEASED)


def face():
    """A photograph with a face, and one without."""
    return np.ascontiguousarray(data.astronaut()[:400, 40:440])


def other():
    return np.asarray(Image.fromarray(data.coffee()).resize((420, 280)))


@pytest.mark.parametrize("name", NAMES)
def test_its_card_names_what_a_mark_does_and_nothing_else(name):
    abilities = set(zoo.card(name).abilities)
    assert {"embed", "read", "protect", "verify", "identify"} <= abilities
    assert not {"sign", "recover"} & abilities


@pytest.mark.parametrize("name", NAMES)
def test_without_weights_the_message_names_it(name):
    if name in RELEASED:
        pytest.skip("has released weights")
    with pytest.raises(WeightsError, match=name):
        zoo.protector(name)


def test_what_does_not_protect_is_refused_with_the_names_of_those_that_do():
    with pytest.raises(UsageError, match="photo"):
        zoo.protector("gocnet")
    assert not isinstance(zoo.protector("photo"), MarkedBits)


@released
def test_a_face_and_a_picture_without_one_carry_an_identity(name):
    protector = zoo.protector(name)
    assert isinstance(protector, Protector)
    for image in (face(), other()):
        protection = protector.protect(image, identity=FIRST)
        protected = protection.apply(image)
        assert protected.shape == image.shape and psnr_db(image, protected) > 30
        for received in (protected, Jpeg(75)(protected, np.random.default_rng(0))):
            verdict = protector.verify(received)
            assert verdict.identity == FIRST.hex() and verdict.present
            assert verdict.status == "unvouched", "a mark alone never says intact"
            assert all(not witness.binding for witness in verdict.assurance.witnesses)


@released
def test_nothing_is_read_from_pictures_without_a_mark(name):
    protector = zoo.protector(name)
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (300, 300, 3), np.uint8)
    flat, black = np.full((300, 300, 3), 128, np.uint8), np.zeros((300, 300, 3), np.uint8)
    for image in (face(), other(), noise, flat, black, face()[:, ::-1]):
        verdict = protector.verify(np.ascontiguousarray(image))
        assert verdict.identity is None and verdict.status != "intact"


@released
def test_its_bits_hold_a_code_and_pictures_without_room_are_refused(name):
    carrier = zoo.load(name)
    assert carrier.capacity_bits(face()) in SHORT_IDENTITIES
    tiny = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises((CapacityError, ShapeError)):
        zoo.protector(name).protect(tiny)
    assert zoo.protector(name).verify(tiny).identity is None


@pytest.mark.parametrize("name", ["waveguard", "diffmark"])
def test_a_carrier_that_leaves_marks_refuses_a_marked_picture(name):
    leaving, plain = zoo.protector(f"{name}:ais"), zoo.protector(name)
    other_identity = bytes.fromhex("5a00000000000000")
    for protector in (leaving, plain):
        marked = protector.protect(face(), identity=FIRST).apply(face())
        with pytest.raises(CapacityError, match=f"{FIRST.hex()} already"):
            leaving.protect(marked, identity=other_identity)
        assert leaving.protect(marked, identity=FIRST).identity == FIRST.hex()
    overwritten = plain.protect(marked, identity=other_identity).apply(marked)
    assert plain.verify(overwritten).identity == other_identity.hex()
