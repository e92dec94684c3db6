"""Content Credentials in bulk: one valid signed file a picture, kept and registered, whatever was killed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from archive import SEED, fill, here, photo, shard, tree, unpacked
from PIL import Image

from underdrawing import api, cli
from underdrawing.bulk.run import BulkRun
from underdrawing.bulk.settings import BulkSettings
from underdrawing.core.errors import UsageError
from underdrawing.credentials.repository import ManifestRepository, beside
from underdrawing.credentials.trial import Issued, issue
from underdrawing.data.pictures import load_picture

pytest.importorskip("c2pa", reason="the extra 'credentials' is not installed")
NAMES = ("000.jpg", "002.jpg", "deep/001.jpg", "part-000.tar")


@pytest.fixture(scope="module")
def issued(tmp_path_factory) -> Issued:
    return issue(tmp_path_factory.mktemp("agency"), organization="Test Agency")


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    return fill(tmp_path_factory.mktemp("archive") / "in")


@pytest.fixture
def signed_by(issued) -> dict[str, str]:
    return {"credentials": str(issued.chain), "credentials_key": str(issued.key)}


def run(source: Path, target: Path, most: int | None = None, **options) -> list[dict]:
    """Do a job, or `most` units of it."""
    settings = BulkSettings(
        options.pop("action", "protect"), str(source), str(target), **({"seed": SEED} | options)
    )
    with BulkRun(settings, f"{target}.journal") as job:
        return list(islice(job.run(1, here), most))


def pictures(folder: Path) -> dict[str, bytes]:
    """Every picture file below, those in shards as SHARD::NAME; not what a killed write left half done."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".tar":
            inside = unpacked(path.read_bytes()).items()
            found |= {f"{name}::{key}": data for key, data in inside if key.endswith(".jpg")}
        elif path.is_file() and path.suffix != ".part":
            found[name] = path.read_bytes()
    return found


def check(target: Path, unsigned: Path, registry: Path, trust: Path) -> None:
    """That each picture is there once: signed, registered, its manifest kept, its pixels as without."""
    signed, plain = pictures(target), pictures(unsigned)
    assert signed.keys() == plain.keys() and signed
    kept = ManifestRepository(beside(registry))
    with api.open_registry(registry) as records:
        assert len(records) == len(signed) and records.audit().ok
        for name, data in signed.items():
            assert np.array_equal(load_picture(data).pixels, load_picture(plain[name]).pixels), name
            report = api.verify(data, trust=trust)
            fields = report.credentials
            assert (fields.state, fields.soft_binding.agrees) == ("valid", True), (name, fields.message)
            (entry,) = records.by_identity(report.verdict.identity)
            assert entry.record.protected.file == hashlib.sha256(data).hexdigest()
            assert entry.record.protected.place.endswith(name)
            stores = kept.by_identity(report.verdict.identity)
            assert stores and stores[0] in data  # the latest that is kept is the one in the file


@pytest.fixture(scope="module")
def trust(issued, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trust")
    api.add_anchors(issued.root, "agency", folder)
    return folder


def test_every_picture_is_signed_kept_and_registered(archive, signed_by, trust, tmp_path):
    run(archive, tmp_path / "plain")
    registry = tmp_path / "photos.db"
    lines = run(archive, tmp_path / "out", registry=str(registry), **signed_by)
    assert {line["status"] for line in lines} == {"done"}
    check(tmp_path / "out", tmp_path / "plain", registry, trust)
    fields = unpacked((tmp_path / "out" / "part-000.tar").read_bytes())["a.jpg.underdrawing.json"]
    assert json.loads(fields)["credentials"] is True
    assert len(list((tmp_path / "photos.db.credentials").rglob("*.c2pa"))) == 5


def test_what_is_signed_is_not_signed_again(archive, signed_by, tmp_path):
    options = {"registry": str(tmp_path / "photos.db"), **signed_by}
    run(archive, tmp_path / "out", **options)
    before, kept = tree(tmp_path / "out"), tree(tmp_path / "photos.db.credentials")
    (tmp_path / "out.journal").unlink()  # as if every line had been lost
    lines = run(archive, tmp_path / "out", **options)
    assert {line["status"] for line in lines} == {"done"}
    assert tree(tmp_path / "out") == before and tree(tmp_path / "photos.db.credentials") == kept
    assert {line["sha256"] for line in lines} == set(before.values())
    with api.open_registry(tmp_path / "photos.db") as registry:
        assert len(registry) == 5


def test_a_shard_that_was_cut_off_before_its_line_keeps_what_it_has(archive, signed_by, tmp_path):
    """Pictures that failed stand in the shard as reports, and do not shift those that follow."""
    (tmp_path / "in").mkdir()
    buffer = io.BytesIO()
    Image.open(io.BytesIO(photo(5))).quantize(200).save(buffer, "PNG")  # its report has a note
    samples = [("a.jpg", b"none"), ("b.txt", b"1"), ("c.jpg", photo(3)), ("d.jpg", photo(4)), ("e.jpg", b"")]
    samples.append(("f.png", buffer.getvalue()))
    (tmp_path / "in" / "s.tar").write_bytes(shard(samples))
    run(tmp_path / "in", tmp_path / "out", **signed_by)
    before = tree(tmp_path / "out")
    (tmp_path / "out.journal").unlink()
    assert run(tmp_path / "in", tmp_path / "out", **signed_by)[0]["counts"] == {"protected": 3, "error": 2}
    assert tree(tmp_path / "out") == before


def other_picture(data: bytes, _issued: Issued, _folder: Path) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(photo(7))).save(buffer, "JPEG")
    return buffer.getvalue()


def without_credentials(data: bytes, _issued: Issued, _folder: Path) -> bytes:
    """The JPEG file less its APP11 segments; the pixels stay."""
    left, at = data[:2], 2
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        left += b"" if data[at + 1] == 0xEB else data[at:end]
        at = end
    left += data[at:]
    assert b"c2pa" not in left
    return left


def signed_by_another(data: bytes, _issued: Issued, folder: Path) -> bytes:
    other = issue(folder / "other", organization="Test Agency")
    signer = api.load_credentials(other.chain, other.key)
    identity = api.verify(data).verdict.identity
    from underdrawing.credentials.signing import Original

    plain = without_credentials(data, other, folder)
    fields = {"identity": identity, "system": "photo", "original": Original("000.jpg", plain, "JPEG")}
    return signer.sign(plain, "JPEG", **fields)[0]


def of_another_identity(data: bytes, issued: Issued, folder: Path) -> bytes:
    from underdrawing.credentials.signing import Original

    plain = without_credentials(data, issued, folder)
    fields = {"identity": "ab" * 8, "system": "photo", "original": Original("000.jpg", plain, "JPEG")}
    return api.load_credentials(issued.chain, issued.key).sign(plain, "JPEG", **fields)[0]


@pytest.mark.parametrize(
    "change", [other_picture, without_credentials, signed_by_another, of_another_identity]
)
def test_what_this_job_did_not_sign_is_neither_kept_nor_overwritten(
    archive, signed_by, issued, trust, tmp_path, change
):
    target = tmp_path / "out"
    run(archive, target, most=1, **signed_by)
    foreign = change((target / "000.jpg").read_bytes(), issued, tmp_path)
    (target / "000.jpg").write_bytes(foreign)
    Path(f"{target}.journal").unlink()
    (line,) = run(archive, target, most=1, **signed_by)
    assert line["status"] == "error" and "exists already" in line["message"]
    assert (target / "000.jpg").read_bytes() == foreign
    assert run(archive, target, most=1, overwrite=True, **signed_by)[0]["status"] == "done"
    assert api.verify(target / "000.jpg", trust=trust).credentials.state == "valid"


def test_another_signer_is_another_job(archive, signed_by, tmp_path):
    run(archive, tmp_path / "out", most=1, **signed_by)
    other = issue(tmp_path / "other", organization="Test Agency")
    with pytest.raises(UsageError, match="another run, with credentials"):
        run(archive, tmp_path / "out", credentials=str(other.chain), credentials_key=str(other.key))
    with pytest.raises(UsageError, match="another run, with credentials"):
        run(archive, tmp_path / "out")


def test_verifying_in_bulk_gives_back_what_was_stripped(archive, signed_by, trust, tmp_path):
    registry = str(tmp_path / "photos.db")
    run(archive, tmp_path / "out", most=1, registry=registry, **signed_by)
    (tmp_path / "posted").mkdir()
    data = (tmp_path / "out" / "000.jpg").read_bytes()
    (tmp_path / "posted" / "000.jpg").write_bytes(without_credentials(data, None, tmp_path))
    run(tmp_path / "posted", tmp_path / "found", action="verify", trust=str(trust), registry=registry)
    report = json.loads((tmp_path / "found" / "000.jpg.report.json").read_text())
    assert report["manifest"] == "000.jpg.c2pa" and report["credentials"]["recovered"]["state"] == "valid"
    assert (tmp_path / "found" / "000.jpg.c2pa").read_bytes() in data


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--credentials", "{chain}"], "belong together"),
        (["--credentials", "{chain}", "--credentials-key", "missing.pem"], "missing.pem"),
    ],
)
def test_wrong_usage_ends_with_64(archive, issued, tmp_path, capsys, arguments, said):
    filled = [text.format(chain=issued.chain) for text in arguments]
    assert cli.main(["bulk", "protect", str(archive), "-o", str(tmp_path / "out"), *filled]) == 64
    assert said in capsys.readouterr().err and not (tmp_path / "out").exists()


PHOTOS = 24


def test_killed_job_ends_with_one_signed_file_for_each_picture(issued, trust, tmp_path):
    """The program as people call it, killed twice with all its processes."""
    source, target, registry = tmp_path / "in", tmp_path / "out", tmp_path / "photos.db"
    source.mkdir()
    for number in range(PHOTOS):
        (source / f"{number:03}.jpg").write_bytes(photo(number, 96))
    (source / "part.tar").write_bytes(shard((f"{n}.jpg", photo(n, 96)) for n in range(100, 104)))
    command = [sys.executable, "-m", "underdrawing.cli", "bulk", "protect", str(source), "-o", str(target)]
    command += ["--credentials", str(issued.chain), "--credentials-key", str(issued.key)]
    command += ["--registry", str(registry), "--seed", SEED, "--jobs", "2", "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "start_new_session": True}
    before: dict[str, bytes] = {}
    for lines in (4, 6):
        with subprocess.Popen(command, **pipes) as running:
            for _ in range(lines):
                running.stdout.readline()
            os.killpg(running.pid, signal.SIGKILL)
        time.sleep(0.2)
        before |= {name: data for name, data in pictures(target).items() if name not in before}
        noted = Path(f"{target}.journal").read_bytes().count(b'"done"')
    assert 10 <= noted < PHOTOS and len(before) >= noted
    ran = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1])["done before"] == noted
    now = pictures(target)
    assert not list(target.rglob("*.part"))
    assert all(now[name] == data for name, data in before.items())  # no file was signed a second time

    run(source, tmp_path / "plain")
    check(target, tmp_path / "plain", registry, trust)
    lines = [json.loads(line) for line in Path(f"{target}.journal").read_text().splitlines()[1:]]
    hashes = tree(target)
    assert sorted(hashes) == sorted(line["file"] for line in lines)  # every unit noted once, no other file
    assert all(hashes[line["file"]] == line["sha256"] for line in lines)
