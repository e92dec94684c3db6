"""The signature of a mark that a registry keeps: what it brings, and what is said without the registry."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from underdrawing import Session, cli
from underdrawing.attacks.channel import Jpeg
from underdrawing.coding.keys import Owner
from underdrawing.core.errors import UsageError
from underdrawing.registry.store import open_registry
from underdrawing.report.reports import ProtectReport

OWNER = Owner.create()
PHOTO = np.ascontiguousarray(skimage.data.astronaut()[:256, 40:296])


def session(folder: Path, **options) -> Session:
    """Of a verifier who trusts nobody, or of the owner; without a rendition, which would tell all."""
    return Session(trust=folder / "trust", rendition_px=0, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("registered")


@pytest.fixture(scope="module")
def made(folder) -> ProtectReport:
    with session(folder, sign=OWNER, registry=folder / "photos.db", signing="registry") as owner:
        return owner.protect(PHOTO, folder / "made.png")


def test_the_content_gets_the_room_of_the_signature(made, folder):
    with session(folder, sign=OWNER) as owner:
        signed = owner.embed(PHOTO)
    assert made.signed_by == OWNER.public.fingerprint and made.record.format == 3
    assert made.bits["content"] + made.bits["cells"] >= signed.bits["content"] + signed.bits["cells"] + 150
    assert made.psnr_db > signed.psnr_db - 0.1
    assert any("kept in the registry" in note for note in made.notes)


def test_with_the_registry_the_signature_holds_also_after_a_codec(made, folder):
    received = Jpeg(70)(made.protected.image, np.random.default_rng(1))
    with session(folder, registry=folder / "photos.db") as verifier:
        verdict = verifier.judge(received).verdict
        (match,) = verifier.retrieve(received)
    assert (verdict.signature.state, verdict.signature.key) == ("valid", OWNER.public.fingerprint)
    assert verdict.signature.registered and verdict.status in ("intact", "unvouched")
    assert match.sure and match.record.identity == made.identity


def test_without_it_nothing_is_vouched_for_and_the_message_names_the_reason(made, folder):
    with session(folder) as verifier:
        verdict = verifier.judge(folder / "made.png").verdict
    assert (verdict.status, verdict.signature.state) == ("unvouched", "unknown")
    assert verdict.signature.key == OWNER.public.fingerprint[:8]
    assert "in a registry that is not at hand" in verdict.message
    assert "lies in a registry" in verdict.assurance.witness("signed content").message


def test_a_known_key_does_not_replace_the_signature(made, folder, tmp_path):
    """Nor does a registry that lacks the record."""
    with session(tmp_path, sign=OWNER, registry=tmp_path / "others.db") as owner:
        owner.protect(skimage.data.coffee())
        verdict = owner.judge(folder / "made.png").verdict
    assert (verdict.status, verdict.signature.state) == ("unvouched", "unknown")


def test_the_signature_of_another_mark_is_refused(made, folder, tmp_path):
    """A record under the same identity, whose owner signed something else."""
    with open_registry(tmp_path / "forged.db", create=True) as registry:
        forged = replace(made.record, mark_signature=OWNER.sign(b"something else"), signature=None)
        registry.add([forged.signed(OWNER)])
        with session(folder, registry=registry) as verifier:
            verdict = verifier.judge(folder / "made.png").verdict
    assert (verdict.status, verdict.signature.state) == ("unvouched", "invalid")


def test_by_itself_the_registry_gets_the_signatures_that_have_no_room(folder, tmp_path):
    """A cut-out on a light ground: its mark has room for a hash and the start of a sketch."""
    cut_out = np.full((256, 256, 3), 235, np.uint8)
    cut_out[80:200, 60:200] = skimage.data.astronaut()[:120, 150:290]
    with session(tmp_path, sign=OWNER, registry=tmp_path / "photos.db") as owner:
        photo, made = owner.protect(PHOTO), owner.protect(cut_out)
    assert photo.record.mark_signature is None and photo.record.format == 2
    assert made.record.mark_signature is not None and made.signed_by == OWNER.public.fingerprint
    with session(tmp_path, sign=OWNER) as owner:
        assert owner.embed(cut_out).signed_by is None


def test_a_place_that_cannot_keep_it_is_refused(tmp_path, capsys):
    for options in ({"signing": "registry"}, {"signing": "elsewhere"}):
        with pytest.raises(UsageError, match=r"registry"):
            Session(**options)
    flags = ["protect", str(tmp_path), "-o", str(tmp_path / "out"), "--signature-in", "registry"]
    assert cli.main(flags) == 64
    assert "name a registry" in capsys.readouterr().err
