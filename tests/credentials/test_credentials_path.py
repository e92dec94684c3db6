"""The whole path, with the real system: protect with credentials, strip and recompress, verify, recover."""

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from underdrawing import api, cli
from underdrawing.api.retrieving import manifest_files
from underdrawing.core.errors import UsageError
from underdrawing.credentials.repository import ManifestRepository, beside
from underdrawing.credentials.trial import Issued, issue


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
    report = found["credentials"]
    assert found["status"] == "unvouched" and report["state"] == "valid" and report["issuer"] == "Test Agency"
    assert report["actions"] == ["c2pa.opened", "c2pa.watermarked.bound"] and report["title"] == "photo.png"
    assert report["soft_binding"] == {
        "algorithm": "underdrawing.photo.1", "value": found["identity"], "agrees": True,
    }  # fmt: skip
    assert report["recovered"] is None and found["manifest"] is None
    with api.open_registry(desk / "photos.db") as registry:
        (entry,) = registry
    assert entry.record.protected.file == hashlib.sha256((desk / "protected.jpg").read_bytes()).hexdigest()


def test_stripped_and_recompressed_photo_gets_its_manifest_back(desk, capsys, tmp_path):
    lost = stripped(desk / "protected.jpg", tmp_path / "posted.jpg")
    arguments = [lost, "--trust", desk / "trust"]
    assert verified(capsys, *arguments)["credentials"]["recovered"] is None
    found = verified(capsys, *arguments, "--registry", desk / "photos.db", "-o", tmp_path / "out")
    report = found["credentials"]
    assert report["state"] == "none" and report["recovered"]["state"] == "valid"
    assert report["recovered"]["issuer"] == "Test Agency" and report["recovered"]["soft_binding"]["agrees"]
    (kept,) = ManifestRepository(beside(desk / "photos.db")).by_identity(found["identity"])
    assert Path(found["manifest"]).read_bytes() == kept and kept in (desk / "protected.jpg").read_bytes()
    assert "Test Agency" in Path(found["html"]).read_text(encoding="utf-8")
    capsys.readouterr()
    run("verify", *arguments, "--registry", desk / "photos.db")
    said = capsys.readouterr().out
    assert "no Content Credentials" in said and "registry gives back" in said and "Test Agency" in said


def test_edited_file_with_its_old_manifest_is_invalid(desk, capsys, tmp_path, issued):
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
    report = verified(capsys, moved, "--trust", desk / "trust")["credentials"]
    assert report["state"] == "invalid" and report["soft_binding"]["agrees"] is False
    assert "ANOTHER identity" in report["message"]


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
    other: Issued = issue(tmp_path / "other", organization="Test Agency")
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


class TestRetrieving:
    """What was kept comes back with the record, however the record was found."""

    def retrieved(self, capsys, *arguments: object) -> dict:
        capsys.readouterr()
        self.code = run("retrieve", *arguments, "--json")
        return json.loads(capsys.readouterr().out)

    @pytest.fixture
    def own(self, desk) -> bytes:
        """The manifest that was signed with the photograph."""
        (kept,) = (desk / "photos.db.credentials").rglob("*.c2pa")
        return kept.read_bytes()

    def test_by_identity_it_is_written_out(self, desk, own, capsys, tmp_path):
        lost = stripped(desk / "protected.jpg", tmp_path / "posted.jpg")
        arguments = [
            lost,
            "--registry",
            desk / "photos.db",
            "--trust",
            desk / "trust",
            "-o",
            tmp_path / "out",
        ]
        (match,) = self.retrieved(capsys, *arguments)["matches"]
        assert self.code == 0 and match["by"] == "identity"
        assert match["credentials"]["state"] == "valid" and match["credentials"]["issuer"] == "Test Agency"
        assert match["manifest"] == str(tmp_path / "out" / "posted.c2pa")
        assert Path(match["manifest"]).read_bytes() == own
        capsys.readouterr()
        assert run("retrieve", *arguments) == 3
        assert "exists already" in capsys.readouterr().err
        assert run("retrieve", *arguments, "--force") == 0
        said = capsys.readouterr().out
        assert "Test Agency" in said and "posted.c2pa" in said

    def test_by_what_it_shows_too(self, desk, own, tmp_path):
        unmarked = Image.fromarray(skimage.data.astronaut()).resize((400, 400))
        (match,) = api.retrieve(
            np.asarray(unmarked), desk / "photos.db", tmp_path, trust=desk / "trust", limit=1
        )
        assert (match.by, match.sure) == ("embedding", True)
        assert match.credentials.state == "valid" and match.credentials.manifest == own
        assert Path(match.manifest) == tmp_path / "picture.c2pa" and Path(match.manifest).read_bytes() == own

    def test_nearest_record_is_listed_and_not_written(self, desk, own, tmp_path):
        (match,) = api.retrieve(skimage.data.coffee(), desk / "photos.db", tmp_path / "out", limit=1)
        assert not match.sure and match.credentials.state == "untrusted" and match.manifest is None
        assert not (tmp_path / "out").exists()

    def test_changed_or_planted_ones_are_not_given_back(self, desk, own, capsys, tmp_path):
        with api.open_registry(desk / "photos.db") as registry:
            identity = registry.get([1])[0].record.identity
        folder = tmp_path / "kept"
        arguments = [desk / "protected.jpg", "--registry", desk / "photos.db", "--manifests", folder]
        arguments += ["-o", tmp_path / "out"]
        states = []
        for store in (
            None,
            own.replace(b"photo.png", b"other.png"),
            own.replace(identity.encode(), b"f" * 16),
            own,
        ):
            if store is not None:
                ManifestRepository(folder).add(identity, store)
            (match,) = self.retrieved(capsys, *arguments)["matches"]
            states.append((match["credentials"]["state"], bool(match["manifest"])))
        assert states == [("none", False), ("invalid", False), ("invalid", False), ("untrusted", True)]
        assert [path.read_bytes() for path in (tmp_path / "out").iterdir()] == [own]

    def test_two_photographs_in_one_get_two_files(self, desk):
        with api.open_registry(desk / "photos.db") as registry:
            (match,) = api.retrieve(desk / "protected.jpg", registry)
        one, other = (
            replace(match, entry=replace(match.entry, record=replace(match.record, identity=identity)))
            for identity in ("a" * 16, "b" * 16)
        )
        unsure = replace(match, sure=False)
        stored = match.credentials.manifest
        assert manifest_files([unsure, one, other, one], "posted") == {
            "a" * 16: ("posted.c2pa", stored),
            "b" * 16: (f"posted.{'b' * 16}.c2pa", stored),
        }

    def test_without_a_folder_nobody_looked(self, desk, tmp_path):
        with api.open_registry(desk / "photos.db") as registry:
            match = api.retrieve(desk / "protected.jpg", registry)[0]
            assert match.credentials.state == "untrusted"  # the folder is beside the open registry, too

            class Elsewhere:
                find_key, by_identity, rendition = registry.find_key, registry.by_identity, registry.rendition

            match = api.retrieve(desk / "protected.jpg", Elsewhere())[0]
            assert match.credentials is None and match.to_json()["credentials"] is None
        with pytest.raises(TypeError, match="manifest"):
            api.retrieve(desk / "protected.jpg", desk / "photos.db", manifest=tmp_path)
