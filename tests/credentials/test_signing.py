"""Signing: every format, other keys, a history that is kept, and what cannot be signed."""

import io
import json
from datetime import UTC, datetime

import c2pa
import pytest
from credential_files import IDENTITY, encoded
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from PIL import Image

from underdrawing.core.errors import CredentialsError, KeyFileError
from underdrawing.credentials.reading import read
from underdrawing.credentials.signing import CredentialSigner, Original
from underdrawing.credentials.trial import issue


def manifest_of(data: bytes) -> dict:
    with c2pa.Reader(io.BytesIO(data)) as reader:
        return reader.get_active_manifest()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_every_format_holds_credentials(signer, original, astronaut, anchors, format):
    plain = encoded(astronaut, format)
    data, store = signer.sign(plain, format, identity=IDENTITY, system="photo", original=original)
    found = read(data, IDENTITY, anchors)
    assert (found.state, found.issuer, found.signer) == ("valid", "Test Agency", "Trial Signer")
    assert found.actions == ("c2pa.opened", "c2pa.watermarked.bound") and found.problems == ()
    assert (found.soft_binding.algorithm, found.soft_binding.value) == ("underdrawing.photo.1", IDENTITY)
    assert found.soft_binding.agrees is True
    assert len(data) - len(plain) < 2 * len(store)
    before, after = (Image.open(io.BytesIO(file)) for file in (plain, data))
    assert before.tobytes() == after.tobytes()


def test_manifest_is_as_the_specification_wants_it(signed):
    report = manifest_of(signed[0])
    actions, binding = (assertion["data"] for assertion in report["assertions"])
    opened, marked = actions["actions"]
    assert report["ingredients"][0]["relationship"] == "parentOf"
    assert report["ingredients"][0]["title"] == report["title"] == "astronaut.jpg"
    assert opened["parameters"]["ingredients"][0]["url"].endswith("c2pa.ingredient.v3")
    assert marked["softwareAgent"]["name"] == "underdrawing"
    assert abs((datetime.fromisoformat(marked["when"]) - datetime.now(UTC)).total_seconds()) < 600
    assert binding == {"alg": "underdrawing.photo.1", "blocks": [{"scope": {}, "value": IDENTITY}]}
    assert "thumbnail" not in report


def test_system_without_identity_claims_no_binding(signer, original, astronaut):
    data, _ = signer.sign(encoded(astronaut), "JPEG", identity=None, system="imuge", original=original)
    found = read(data, None)
    assert found.actions[-1] == "c2pa.watermarked.unbound" and found.soft_binding is None


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ],
)
def test_other_kinds_of_keys_sign(tmp_path, original, astronaut, key):
    other = issue(tmp_path, organization="Test Agency", key=key)
    signer = CredentialSigner.load(other.chain, other.key)
    data, _ = signer.sign(encoded(astronaut), "JPEG", identity=IDENTITY, system="photo", original=original)
    assert read(data, IDENTITY, other.root.read_text()).state == "valid"


def test_history_of_the_original_is_kept(signer, signed, astronaut, tmp_path):
    camera = issue(tmp_path, organization="Camera Works")
    first = CredentialSigner.load(camera.chain, camera.key)
    before, _ = first.sign(
        encoded(astronaut), "JPEG", identity="ff" * 8, system="photo", original=Original(None, b"", "JPEG")
    )
    original = Original("dsc.jpg", before, "JPEG")
    data, _ = signer.sign(encoded(astronaut), "JPEG", identity=IDENTITY, system="photo", original=original)
    with c2pa.Reader("image/jpeg", io.BytesIO(data)) as reader:
        manifests = json.loads(reader.json())["manifests"]
    assert {report["signature_info"]["issuer"] for report in manifests.values()} == {
        "Test Agency",
        "Camera Works",
    }
    found = read(data, IDENTITY)
    assert found.issuer == "Test Agency" and found.soft_binding.value == IDENTITY


@pytest.mark.parametrize("damage", [lambda d: d[:900], lambda d: d.replace(b"c2pa.claim", b"c2pa.clxxm")])
def test_broken_history_does_not_stop_the_new_manifest(signer, signed, astronaut, anchors, damage):
    original = Original("odd.jpg", damage(signed[0]), "JPEG")
    data, _ = signer.sign(encoded(astronaut), "JPEG", identity=IDENTITY, system="photo", original=original)
    found = read(data, IDENTITY, anchors)
    assert found.state == "valid" and found.soft_binding.agrees


class TestWhatCannotSign:
    def test_key_of_another_certificate(self, issued, tmp_path):
        with pytest.raises(KeyFileError, match=r"not the key of the first certificate"):
            CredentialSigner.load(issued.chain, issue(tmp_path, organization="Test Agency").key)

    def test_certificate_that_has_ended(self, tmp_path):
        ended = issue(tmp_path, organization="Test Agency", days=1)
        with pytest.raises(KeyFileError, match="not valid today"):
            CredentialSigner.load(ended.chain, ended.key)

    def test_certificate_for_another_purpose(self, tmp_path, original, astronaut):
        other = issue(tmp_path, organization="Test Agency", purpose=ExtendedKeyUsageOID.SERVER_AUTH)
        signer = CredentialSigner.load(other.chain, other.key)
        with pytest.raises(CredentialsError, match="cannot be signed"):
            signer.sign(encoded(astronaut), "JPEG", identity=IDENTITY, system="photo", original=original)

    @pytest.mark.parametrize("swapped", [True, False])
    def test_files_that_are_none(self, issued, tmp_path, swapped):
        odd = tmp_path / "odd.pem"
        odd.write_bytes(b"-----BEGIN NOTHING-----")
        pair = (odd, issued.key) if swapped else (issued.chain, odd)
        with pytest.raises(KeyFileError, match=r"odd\.pem"):
            CredentialSigner.load(*pair)
        with pytest.raises(KeyFileError, match="missing"):
            CredentialSigner.load(tmp_path / "missing.pem", issued.key)

    def test_password_is_asked_for(self, issued, tmp_path):
        key = serialization.load_pem_private_key(issued.key.read_bytes(), None)
        locked = tmp_path / "locked.pem"
        hide = serialization.BestAvailableEncryption(b"letmein")
        locked.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hide)
        )
        assert CredentialSigner.load(issued.chain, locked, b"letmein").algorithm == "ES256"
        for wrong in (None, b"other"):
            with pytest.raises(KeyFileError, match="password"):
                CredentialSigner.load(issued.chain, locked, wrong)

    def test_short_rsa_keys_and_odd_curves(self, tmp_path):
        for number, key in enumerate(
            (rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP256K1()))
        ):
            other = issue(tmp_path / str(number), organization="Test Agency", key=key)
            with pytest.raises(KeyFileError, match="expected a key"):
                CredentialSigner.load(other.chain, other.key)

    def test_format_without_a_place_for_it(self, signer, original, astronaut):
        with pytest.raises(CredentialsError, match="BMP"):
            signer.sign(
                encoded(astronaut, "PNG"), "BMP", identity=IDENTITY, system="photo", original=original
            )
