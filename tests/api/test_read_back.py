"""What protect reports is what verify of the file finds; otherwise a stronger mark, a note or an error."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing import zoo
from underdrawing.api import Session
from underdrawing.api.producing import Producer
from underdrawing.api.protecting import Embedder, EncodedFile
from underdrawing.api.read_back import Reader
from underdrawing.coding.keys import Owner, TrustStore
from underdrawing.core.errors import CapacityError
from underdrawing.data.sources import read_source

PHOTO = np.ascontiguousarray(data.astronaut()[:256, 100:356])
OWNER = Owner.create()


def scan() -> np.ndarray:
    """A text page of black and white."""
    gray = np.where(data.page() > 120, 255, 0).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=2)


def flat() -> np.ndarray:
    """A smooth gradient with the noise of a sensor."""
    noise = np.random.default_rng(3).normal(0, 0.6, (300, 400))
    plane = np.clip(np.linspace(120, 150, 400) + noise, 0, 255)
    return np.repeat(np.rint(plane).astype(np.uint8)[..., None], 3, axis=2)


def small() -> np.ndarray:
    return np.ascontiguousarray(data.chelsea()[60:124, 100:196])


def jpeg(image: np.ndarray, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    store = TrustStore(tmp_path_factory.mktemp("trust"))
    store.add(OWNER.public, "owner")
    with Session(sign=OWNER, trust=store) as session:
        yield session


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize(
    "picture", [lambda: PHOTO, scan, flat, small], ids=["photo", "scan", "flat", "small"]
)
def test_the_report_is_what_verify_finds(session, tmp_path, picture, suffix):
    report = session.protect(picture(), tmp_path / f"protected{suffix}")
    verdict = session.verify(tmp_path / f"protected{suffix}").verdict
    assert verdict.identity == report.identity
    found = verdict.signature.key if verdict.signature.state == "valid" else None
    assert found == report.signed_by
    assert verdict.layers == tuple(name for name in ("base", "middle", "top") if report.bits[name])
    assert bool(report.signed_by) != any("not signed" in note for note in report.notes)


def test_a_photograph_is_signed_and_a_tiny_picture_is_not(session):
    assert session.embed(PHOTO).signed_by == OWNER.public.fingerprint
    assert session.embed(small()).signed_by is None


def test_small_pictures_hold_some_identity():
    image = np.ascontiguousarray(data.coffee()[:128, 200:328])
    model = zoo.load("photo")
    for _ in range(6):
        assert model.protect(image).identity


def producer(encode) -> Producer:
    model = zoo.load("photo")
    return Producer(Embedder(model, "photo", OWNER, None, 1.0), Reader(model, OWNER.public), encode)


def test_a_lost_second_part_is_a_note():
    made = producer(lambda report: EncodedFile(jpeg(report.protected.image, 60)))
    report, _ = made.produce(read_source(PHOTO), None, None)
    assert report.bits["top"] == 0 and report.bits["middle"]
    assert any("second part" in note for note in report.notes)


def test_what_a_file_loses_is_embedded_stronger():
    qualities = iter((20, 95))
    made = producer(lambda report: EncodedFile(jpeg(report.protected.image, next(qualities))))
    report, encoded = made.produce(read_source(PHOTO), None, None)
    assert report.signed_by == OWNER.public.fingerprint
    assert any("stronger" in note for note in report.notes)
    assert made.reader.read(encoded.data).missing(report) == ()
    assert report.psnr_db < producer(None).produce(read_source(PHOTO), None, None)[0].psnr_db - 1


def test_a_file_that_loses_everything_is_an_error():
    made = producer(lambda report: EncodedFile(jpeg(report.protected.image, 2)))
    with pytest.raises(CapacityError, match="cannot be read back"):
        made.produce(read_source(PHOTO), None, None)


def test_a_reader_names_what_is_missing(session):
    report = session.embed(PHOTO)
    reader = Reader(zoo.load("photo"), OWNER.public)
    assert reader.read(jpeg(report.protected.image, 95)).missing(report) == ()
    assert "top" in reader.read(jpeg(report.protected.image, 55)).missing(report)
    assert reader.read(PHOTO).missing(report) == ("mark",)
