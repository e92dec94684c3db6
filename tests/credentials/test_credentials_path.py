"""The whole path, with the real system: protect with credentials, strip and recompress, verify, recover."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from certificates import Issued, issue
from PIL import Image

from underdrawing import api, cli
from underdrawing.core.errors import UsageError
from underdrawing.credentials.repository import ManifestRepository, beside


@pytest.fixture(scope="module")
def desk(tmp_path_factory, issued) -> Path:
    """A photograph that was protected with credentials and registered, and a trust store with its root."""
    folder = tmp_path_factory.mktemp("desk")
    Image.fromarray(skimage.data.astronaut()).save(folder / "photo.png")
    api.add_anchors(issued.root, "agency", folder / "trust")
    arguments = [
        "--credentials",
        issued.chain,
        "--credentials-key",
        issued.key,
        "--registry",
        folder / "photos.db",
    ]
    assert run("protect", folder / "photo.png", "-o", folder / "protected.jpg", *arguments) == 0
    return folder


def run(*arguments: object) -> int:
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


def verified(capsys, *arguments: object) -> dict:
    capsys.readouterr()
    run("verify", *arguments, "--json")
    return json.loads(capsys.readouterr().out)


def stripped(path: Path, target: Path, quality: int = 80) -> Path:
    """What a platform makes of a photo: recompressed, without any metadata."""
    Image.fromarray(np.asarray(Image.open(path).convert("RGB"))).save(target, "JPEG", quality=quality)
    assert b"c2pa" not in target.read_bytes()
    return target


def test_protected_file_vouches_for_itself(desk, capsys):
    found = verified(capsys, desk / "protected.jpg", "--trust", desk / "trust")
    told = found["credentials"]
    assert found["status"] == "intact" and told["state"] == "valid" and told["issuer"] == "Test Agency"
    assert told["actions"] == ["c2pa.opened", "c2pa.watermarked.bound"] and told["title"] == "photo.png"
    assert told["soft_binding"] == {
        "algorithm": "underdrawing.photo.1", "value": found["identity"], "agrees": True,
    }  # fmt: skip
    assert told["recovered"] is None and found["manifest"] is None
    with api.open_registry(desk / "photos.db") as registry:
        (entry,) = registry
    assert entry.record.protected.file == hashlib.sha256((desk / "protected.jpg").read_bytes()).hexdigest()


def test_stripped_and_recompressed_photo_gets_its_manifest_back(desk, capsys, tmp_path):
    lost = stripped(desk / "protected.jpg", tmp_path / "posted.jpg")
    arguments = [lost, "--trust", desk / "trust"]
    assert verified(capsys, *arguments)["credentials"]["recovered"] is None
    found = verified(capsys, *arguments, "--registry", desk / "photos.db", "-o", tmp_path / "out")
    told = found["credentials"]
    assert told["state"] == "none" and told["recovered"]["state"] == "valid"
    assert told["recovered"]["issuer"] == "Test Agency" and told["recovered"]["soft_binding"]["agrees"]
    (kept,) = ManifestRepository(beside(desk / "photos.db")).by_identity(found["identity"])
    assert Path(found["manifest"]).read_bytes() == kept and kept in (desk / "protected.jpg").read_bytes()
    assert "Test Agency" in Path(found["html"]).read_text(encoding="utf-8")
    capsys.readouterr()
    run("verify", *arguments, "--registry", desk / "photos.db")
    said = capsys.readouterr().out
    assert "no Content Credentials" in said and "registry gives back" in said and "Test Agency" in said


def test_edited_file_that_kept_its_manifest_is_told(desk, capsys, tmp_path, issued):
    """The forger pastes over the picture and puts the manifest back in."""
    from jumbf import embed

    pixels = np.asarray(Image.open(desk / "protected.jpg").convert("RGB")).copy()
    pixels[150:330, 60:260] = skimage.data.coffee()[:180, :200]
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    (kept,) = (desk / "photos.db.credentials").rglob("*.c2pa")
    (tmp_path / "forged.jpg").write_bytes(embed(buffer.getvalue(), kept.read_bytes()))
    found = verified(
        capsys, tmp_path / "forged.jpg", "--trust", desk / "trust", "--registry", desk / "photos.db"
    )
    assert found["status"] == "altered" and found["credentials"]["state"] == "invalid"
    assert "not the one that was signed" in found["credentials"]["message"]
    assert found["credentials"]["recovered"]["state"] == "valid"


def test_manifest_moved_to_another_protected_photo_disagrees(desk, capsys, tmp_path):
    from jumbf import embed

    (kept,) = (desk / "photos.db.credentials").rglob("*.c2pa")
    api.protect(skimage.data.coffee(), tmp_path / "other.jpg")
    moved = tmp_path / "moved.jpg"
    moved.write_bytes(embed((tmp_path / "other.jpg").read_bytes(), kept.read_bytes()))
    told = verified(capsys, moved, "--trust", desk / "trust")["credentials"]
    assert told["state"] == "invalid" and told["soft_binding"]["agrees"] is False
    assert "ANOTHER identity" in told["message"]


def test_planted_manifest_of_another_identity_is_not_given_back(desk, capsys, tmp_path):
    lost = stripped(desk / "protected.jpg", tmp_path / "posted.jpg")
    identity = verified(capsys, lost, "--trust", desk / "trust")["identity"]
    (kept,) = (desk / "photos.db.credentials").rglob("*.c2pa")
    planted = ManifestRepository(tmp_path / "kept")
    planted.add(identity, kept.read_bytes().replace(identity.encode(), b"ff" * 8))
    planted.add(identity, b"rubbish")
    arguments = [lost, "--trust", desk / "trust", "--manifests", tmp_path / "kept"]
    assert verified(capsys, *arguments)["credentials"]["recovered"] is None
    planted.add(identity, kept.read_bytes())
    assert verified(capsys, *arguments)["credentials"]["recovered"]["state"] == "valid"


def test_arrays_have_no_credentials(desk, issued, tmp_path):
    image = np.asarray(Image.open(desk / "protected.jpg").convert("RGB"))
    assert api.verify(image, trust=tmp_path).to_json()["credentials"] is None
    signer = api.load_credentials(issued.chain, issued.key)
    with pytest.raises(UsageError, match="give an output"):
        api.protect(image, credentials=signer)
    api.protect(image, tmp_path / "array.png", credentials=signer)
    assert api.verify(tmp_path / "array.png", trust=tmp_path).credentials.state == "untrusted"


def test_trust_command_takes_certificates(issued, tmp_path, capsys):
    assert run("trust", issued.root, "--name", "agency", "--trust", tmp_path) == 0
    assert capsys.readouterr().out == "certificates      agency\n"
    other: Issued = issue(tmp_path / "other")
    assert run("trust", other.root, "--name", "agency", "--trust", tmp_path) == 3
    assert "another already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--credentials", "{chain}"], "belong together"),
        (["--credentials-key", "{key}"], "belong together"),
        (["--credentials", "missing.pem", "--credentials-key", "{key}"], "missing.pem"),
        (["--credentials", "{chain}", "--credentials-key", "{chain}"], "not a private key"),
    ],
)
def test_wrong_usage_ends_before_the_first_file(desk, issued, tmp_path, capsys, arguments, said):
    filled = [text.format(chain=issued.chain, key=issued.key) for text in arguments]
    assert run("protect", desk / "photo.png", "-o", tmp_path / "out.jpg", *filled) == 64
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out.jpg").exists()


def test_format_that_holds_none_writes_nothing(desk, issued, tmp_path, capsys):
    arguments = ["--credentials", issued.chain, "--credentials-key", issued.key]
    assert run("protect", desk / "photo.png", "-o", tmp_path / "out.bmp", *arguments) == 3
    assert "BMP" in capsys.readouterr().err and not (tmp_path / "out.bmp").exists()
