"""A picture that is protected already: said, and named by the mark and the record that take its place."""

import hashlib
import json

import numpy as np
import pytest
import skimage.data
from PIL import Image

from underdrawing import Session, cli
from underdrawing.attacks.channel import Jpeg
from underdrawing.coding.keys import Owner
from underdrawing.registry.record import Record
from underdrawing.systems.photo.model import Photo

FIRST, SECOND = "0123456789abcdef", "fedcba9876543210"


@pytest.fixture(scope="module")
def agency() -> Owner:
    return Owner.create()


@pytest.fixture(scope="module")
def protected(agency) -> np.ndarray:
    return Session(sign=agency).embed(skimage.data.astronaut(), identity=FIRST).protected.image


def test_the_second_mark_and_record_name_the_first(protected, agency, tmp_path):
    other = Owner.create()
    with Session(sign=other, registry=tmp_path / "photos.db", trust=tmp_path / "trust") as session:
        report = session.protect(protected, tmp_path / "second.png", identity=SECOND)
        key = agency.public.fingerprint[:8]  # all that the mark has room for
        assert report.already == (FIRST, key)
        assert report.to_json()["already"] == {"identity": FIRST, "signed_by": key}
        assert report.record.previous == (FIRST, key)
        assert Record.from_text(report.record.to_text()).previous == (FIRST, key)
        assert report.record.signature_state() == "valid"
        verdict = session.judge(tmp_path / "second.png").verdict
    assert verdict.identity == SECOND and verdict.signature.key == other.public.fingerprint
    assert verdict.previous == (FIRST, key) and FIRST in verdict.message


def test_a_copy_that_was_compressed_and_edited_is_known(protected):
    received = Jpeg(70).attack(protected, np.random.default_rng(0))[0].copy()
    received[200:300, 200:300] = 90
    assert Photo().earlier(received).identity.hex() == FIRST


def test_others_were_not_protected_before(protected):
    for image in (skimage.data.astronaut(), skimage.data.coffee(), np.zeros((128, 128, 3), np.uint8)):
        assert Photo().earlier(image) is None
    assert Session().embed(skimage.data.coffee()).to_json()["already"] is None


def test_a_private_mark_is_known_to_its_holders_only(protected):
    secret = hashlib.sha256(b"a secret of the house").digest()
    image = skimage.data.astronaut()
    private = Session(secret=secret).embed(image, identity=FIRST).protected.image
    assert Photo().earlier(private) is None
    assert Photo().earlier(private, secret=secret).identity.hex() == FIRST
    assert Photo().earlier(protected, secret=secret).identity.hex() == FIRST


def test_the_command_line_warns_on_stderr(protected, agency, tmp_path, capsys):
    Image.fromarray(protected).save(tmp_path / "first.png")
    command = ["protect", str(tmp_path / "first.png"), "-o", str(tmp_path / "second.png"), "--json"]
    assert cli.main(command) == 0
    said = capsys.readouterr()
    assert f"protected already as {FIRST}, signed by key {agency.public.fingerprint[:8]}" in said.err
    assert json.loads(said.out)["already"]["identity"] == FIRST
