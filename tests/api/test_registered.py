"""The registered original as a witness: what verify says with a registry, and whose facts it shows."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from underdrawing.api import Session
from underdrawing.attacks.channel import Jpeg
from underdrawing.attacks.geometry import Crop
from underdrawing.coding.keys import Owner
from underdrawing.core.types import REFERENCE, UNTOUCHED
from underdrawing.metrics.quality import psnr_db

RNG = np.random.default_rng(3)
EDIT = np.s_[100:120, 90:112]  # .7 % of the frame


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    return [
        np.ascontiguousarray(photo[:256, 40:296])
        for photo in (skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea())
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("desk")


@pytest.fixture(scope="module")
def session(folder) -> Iterator[Session]:
    with Session(sign=Owner.create(), trust=folder / "trust", registry=folder / "photos.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def protected(session, photos) -> list[np.ndarray]:
    """The first two photographs, registered by the owner."""
    pairs = ((photos[0], "An astronaut."), (photos[1], "A cup."))
    return [session.protect(p, facts={"caption": text}).protected.image for p, text in pairs]


def edited(picture: np.ndarray, donor: np.ndarray) -> np.ndarray:
    result = picture.copy()
    result[EDIT] = donor[EDIT]
    return result


def test_untouched_picture_agrees_and_shows_its_facts(session, protected):
    for received in (protected[0], Jpeg(70)(protected[0], RNG), Crop(0.7)(protected[0], RNG)):
        report = session.judge(received)
        witness = report.verdict.assurance.witness("registered original")
        assert (report.verdict.status, witness.state, witness.binding) == ("intact", "agrees", True)
        assert witness.share > 0.98 and 0 < witness.least_area < 0.01
        assert report.record["proven"] and report.record["facts"] == {"caption": "An astronaut."}
        assert "agrees with the registered original" in report.verdict.message


def test_edit_is_found_and_recovered_from_the_original(session, protected, photos):
    received = Jpeg(70)(edited(protected[0], protected[1]), RNG)
    verdict = session.judge(received).verdict
    assert verdict.status == "altered"
    assert verdict.assurance.witness("registered original").state == "contradicts"
    assert verdict.mask[EDIT].mean() > 0.95 and verdict.altered_fraction < 0.02
    assert (verdict.source_map[EDIT] == REFERENCE).mean() > 0.95
    assert psnr_db(verdict.recovered[EDIT], photos[0][EDIT]) > 30
    assert (verdict.confidence[verdict.source_map == REFERENCE] > 0.9).all()
    assert "shown from it" in verdict.message


def test_edit_under_a_mark_that_was_written_again_is_found(session, protected, folder):
    """The attacker protects the edited picture under the same identity, with this software."""
    identity = session.judge(protected[0]).verdict.identity
    with Session(trust=folder / "trust") as attacker:
        forged = attacker.embed(edited(protected[0], protected[1]), identity=identity).protected.image
    verdict = session.judge(forged).verdict
    assert verdict.status == "altered" and verdict.mask[EDIT].mean() > 0.95


def test_strangers_picture_under_the_identity_gets_no_facts(session, protected, photos, folder):
    identity = session.judge(protected[0]).verdict.identity
    with Session(trust=folder / "trust") as stranger:
        forged = stranger.embed(photos[2], identity=identity).protected.image
    report = session.judge(forged)
    witness = report.verdict.assurance.witness("registered original")
    assert (report.verdict.status, witness.state) == ("altered", "contradicts")
    assert "another picture" in report.verdict.message
    assert report.record == {
        "identity": identity, "registered": report.record["registered"], "size": None, "owner": None,
        "facts": {}, "proven": False,
    }  # fmt: skip


def test_without_a_rendition_an_unsigned_mark_proves_no_record(photos, folder):
    with Session(trust=folder / "trust", registry=folder / "bare.db", rendition_px=0) as bare:
        made = bare.protect(photos[2], facts={"caption": "A cat."})
        report = bare.judge(made.protected.image)
    assert report.record["facts"] == {} and not report.record["proven"]
    assert "withheld" in report.verdict.message
    assert report.verdict.assurance.witness("registered original") is None


def test_works_without_a_mark(session, protected, photos):
    verdict = session.judge(photos[1]).verdict
    assert not verdict.present and verdict.identity is None
    assert verdict.status == "unvouched"  # signed, but by a key that is not trusted here
    assert (verdict.source_map == UNTOUCHED).all()
    report = session.judge(edited(photos[1], photos[2]))
    assert report.verdict.status == "altered" and report.verdict.mask[EDIT].mean() > 0.95
    assert report.record["facts"] == {"caption": "A cup."}
    assert report.verdict.message.startswith("No mark was found, but the picture is registered as")
    session._trust.add(session.owner.public, "agency")
    assert session.judge(photos[1]).verdict.status == "intact"


def test_an_unrelated_picture_stays_unprotected(session, protected):
    report = session.judge(np.ascontiguousarray(skimage.data.rocket()[:256, :256]))
    assert report.verdict.status == "unprotected" and report.record is None


def test_an_earlier_registration_by_another_owner_is_named(session, protected, photos, folder):
    first = session.owner.public.fingerprint
    with Session(sign=Owner.create(), trust=folder / "trust", registry=folder / "photos.db") as second:
        taken = second.protect(protected[1]).protected.image
        report = second.judge(taken)
    assert f"registered earlier as {report.verdict.details['registered']['earlier']} by key {first}" in (
        report.verdict.message
    )


def test_damaged_rendition_is_silent(photos, folder, monkeypatch):
    with Session(trust=folder / "trust", registry=folder / "damaged.db") as damaged:
        made = damaged.protect(photos[2])
        monkeypatch.setattr(type(damaged._registry()), "rendition", lambda self, number: b"")
        verdict = damaged.judge(made.protected.image).verdict
    assert verdict.present and verdict.assurance.witness("registered original") is None
