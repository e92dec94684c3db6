"""A codec of faces as a carrier for whole pictures, with a simple codec."""

import numpy as np
import pytest
from skimage import data

from underdrawing.attacks.channel import Jpeg
from underdrawing.attacks.geometry import SCREENSHOT, Crop, Scale
from underdrawing.carriers.face_bits import FEATHER, FaceBits, Square, certainty, placed
from underdrawing.core.errors import CapacityError, CodeError, ShapeError, UsageError
from underdrawing.core.interfaces import Carrier
from underdrawing.faces import detect

PHOTO = data.astronaut()
BITS = np.random.default_rng(1).integers(0, 2, 16, dtype=np.uint8)


class SpreadSpectrum:
    """Checkers of 4 px in blocks of 8, with a sign for each bit; their correlation is set to +-3 levels."""

    bits, side = 16, 128

    def __init__(self):
        signs = np.linalg.qr(np.random.default_rng(2).standard_normal((256, self.bits)))[0].T
        checker = np.kron([[1, -1], [-1, 1]], np.ones((4, 4)))
        self.patterns = np.kron(16 * signs.reshape(-1, 16, 16), checker).astype(np.float32)

    def encode(self, face_u8, bits):
        assert face_u8.shape == (128, 128, 3) and bits.shape == (16,)
        wanted = 3 * (2.0 * bits - 1) - self._correlation(face_u8)
        return np.tensordot(wanted, self.patterns, 1)[..., None].repeat(3, 2)

    def decode(self, face_u8):
        return (-3 * self._correlation(face_u8)).astype(np.float32)

    def _correlation(self, face_u8):
        return np.tensordot(self.patterns, face_u8.mean(2), 2) / 128**2


CARRIER = FaceBits("toy", SpreadSpectrum())


def marked(image, carrier=CARRIER):
    return carrier.embed(image, BITS).apply(image)


def test_it_is_a_carrier():
    assert isinstance(CARRIER, Carrier) and CARRIER.capacity_bits(PHOTO) == 16


def test_a_picture_of_the_size_of_the_codec_is_one_square_as_it_is():
    face = np.ascontiguousarray(PHOTO[:128, 160:288])
    change = CARRIER.codec.encode(face, BITS)
    assert np.array_equal(marked(face), np.clip(np.rint(face + change), 0, 255))
    assert np.array_equal(CARRIER.read(marked(face), 16).bits, BITS)


def test_only_the_square_of_the_face_is_changed():
    before = PHOTO.copy()
    changed = (marked(PHOTO) != PHOTO).any(2)
    x, y, width, height = detect(PHOTO)[0].box
    rows, columns = changed.any(1).nonzero()[0], changed.any(0).nonzero()[0]
    centre = (columns[0] + columns[-1]) / 2, (rows[0] + rows[-1]) / 2
    assert np.abs(np.subtract(centre, (x + width / 2, y + height / 2))).max() < 2
    assert len(columns) == pytest.approx(1.3 * max(width, height), abs=2)
    assert np.array_equal(PHOTO, before)


@pytest.mark.parametrize("channel", [Jpeg(50), Scale(0.7), Crop(0.9), SCREENSHOT], ids=lambda c: c.name)
def test_bits_are_read_from_the_received_picture(channel):
    received = channel(marked(PHOTO), np.random.default_rng(0))
    reading = CARRIER.read(received, 16)
    assert np.array_equal(reading.bits, BITS) and reading.present is None


def test_a_picture_without_faces_is_marked_at_its_centre():
    photo = data.coffee()
    assert not detect(photo)
    changed = (marked(photo) != photo).any(2)
    assert not changed[:, :99].any() and not changed[:, 501:].any() and changed[:, 120:480].mean() > 0.6
    assert np.array_equal(CARRIER.read(marked(photo), 16).bits, BITS)


def test_a_face_at_the_border_is_marked_where_it_is_in_the_picture():
    cut = np.ascontiguousarray(PHOTO[30:, :250])
    protected = marked(cut)
    assert protected.shape == cut.shape and (protected != cut).any()
    assert np.array_equal(CARRIER.read(protected, 16).bits, BITS)


def test_the_message_of_a_lost_face_is_read_from_another_one():
    both = np.concatenate([PHOTO, PHOTO[:, ::-1]], 1)
    one, two = (marked(both, FaceBits("toy", CARRIER.codec, most)) for most in (1, 2))
    assert (two != both).any(2).sum() > 1.8 * (one != both).any(2).sum()
    two[:, :512] = both[:, :512]
    assert np.array_equal(FaceBits("toy", CARRIER.codec, 2).read(two, 16).bits, BITS)


def test_a_misplaced_square_is_corrected():
    protected = marked(PHOTO)
    (square,) = CARRIER.squares(PHOTO)
    reach = round(0.028 * square.width)
    off = Square(square.left + reach // 2, square.top - reach // 2, square.width)
    read = CARRIER._read(protected, off)
    assert np.array_equal(read < 0, BITS == 1)
    plain = CARRIER.codec.decode(off.taken(protected, 128))
    assert certainty(read) >= certainty(plain)


def test_the_residual_rises_from_the_border():
    change = np.ones((128, 128, 3), np.float32)
    top, left, part = placed(change, Square(5, 7, 128), (200, 200))
    assert (top, left) == (7, 5) and part[64, 64, 0] == 1
    assert part[0, 64, 0] == pytest.approx(0.5 / FEATHER) and part[64, -1, 0] == part[64, 0, 0]
    top, left, part = placed(change, Square(-28, 100, 128), (150, 90))
    assert (top, left, part.shape) == (100, 0, (50, 90, 3))


def test_deep_pictures_are_changed_by_as_much():
    deep = PHOTO.astype(np.uint16) * 257
    change = marked(PHOTO).astype(int) - PHOTO
    deep_change = CARRIER.embed(PHOTO, BITS).apply(deep).astype(int) - deep
    inside = (PHOTO > 60) & (PHOTO < 195)
    assert np.abs(deep_change / 257 - change)[inside].max() <= 0.51


def test_a_shorter_message_is_repeated_and_bad_arguments_are_refused():
    short = np.array([1, 0, 1], np.uint8)
    assert np.array_equal(CARRIER.read(CARRIER.embed(PHOTO, short).apply(PHOTO), 3).bits, short)
    with pytest.raises(CapacityError):
        CARRIER.embed(PHOTO, np.zeros(17, np.uint8))
    with pytest.raises(CapacityError):
        CARRIER.embed(PHOTO[:60], short)
    with pytest.raises(CodeError):
        CARRIER.embed(PHOTO, short + 2)
    with pytest.raises(UsageError):
        CARRIER.read(PHOTO, None)
    with pytest.raises(ShapeError):
        CARRIER.read(PHOTO[..., 0], 16)
    assert not CARRIER.read(PHOTO[:60], 16).soft_bits.any() and CARRIER.capacity_bits(PHOTO[:60]) == 0
