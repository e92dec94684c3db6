"""The program as people call it, with the real system: protect, edit, verify, recover; and bad input."""

import json
import os
import resource
import signal
import struct
import subprocess
import sys
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from underdrawing.demo import alter

PROGRAM = [sys.executable, "-m", "underdrawing.cli"]


def call(*arguments: object, **options) -> subprocess.CompletedProcess:
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, **options)


def first(ran: subprocess.CompletedProcess) -> dict:
    return json.loads(ran.stdout.splitlines()[0])


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """A folder with an owner's key, a trust store, and the astronaut protected and signed."""
    folder = tmp_path_factory.mktemp("desk")
    assert call("keygen", "-o", folder / "owner.pem", "--trust", folder / "trust").returncode == 0
    Image.fromarray(skimage.data.astronaut()).save(folder / "original.png")
    made = call(
        "protect", folder / "original.png", "-o", folder / "protected.png",
        "--sign", folder / "owner.pem", "--json",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    (folder / "made.json").write_text(made.stdout, encoding="utf-8")
    return folder


def made(desk: Path) -> dict:
    return json.loads((desk / "made.json").read_text(encoding="utf-8"))


def test_protected_photo_looks_the_same(desk):
    found = made(desk)
    assert found["psnr_db"] > 39
    assert found["ssim"] > 0.97
    assert found["bits"]["content"] > 1000


def test_untouched_photo_is_intact_signed_and_trusted(desk):
    ran = call("verify", desk / "protected.png", "--trust", desk / "trust", "--json")
    found = first(ran)
    assert (ran.returncode, found["status"], found["present"]) == (0, "intact", True)
    assert found["identity"] == made(desk)["identity"]
    signature = found["signature"]
    assert (signature["state"], signature["trusted"], signature["name"]) == ("valid", True, "owner")
    assert signature["key"] == made(desk)["signed_by"]
    assert found["altered_fraction"] < 0.005


def test_edited_and_recompressed_photo_is_named_marked_and_recovered(desk, tmp_path):
    original = np.asarray(Image.open(desk / "original.png"))
    altered, true_mask = alter(np.asarray(Image.open(desk / "protected.png")))
    Image.fromarray(altered).save(tmp_path / "suspect.jpg", quality=70)
    ran = call(
        "verify", tmp_path / "suspect.jpg", "-o", tmp_path / "out", "--trust", desk / "trust", "--json"
    )
    found = first(ran)
    assert (ran.returncode, found["status"]) == (1, "altered")
    assert found["identity"] == made(desk)["identity"]
    assert found["signature"]["state"] == "valid"
    flagged = np.asarray(Image.open(found["mask"])) > 127
    overlap = (flagged & true_mask).sum() / (flagged | true_mask).sum()
    assert overlap > 0.6
    recovered = np.asarray(Image.open(found["recovered"]), np.float32)
    error = np.square(recovered - original)[true_mask].mean()
    assert error < 0.6 * np.square(altered.astype(np.float32) - original)[true_mask].mean()


def test_photo_of_nobody_carries_no_mark(desk, tmp_path):
    Image.fromarray(skimage.data.coffee()[:256, :256]).save(tmp_path / "photo.png")
    ran = call("verify", tmp_path / "photo.png", "--trust", desk / "trust", "--json")
    found = first(ran)
    assert (ran.returncode, found["status"], found["present"]) == (2, "unprotected", False)
    assert found["identity"] is None
    assert found["signature"]["state"] == "absent"


def test_stranger_is_never_trusted(desk, tmp_path):
    (tmp_path / "empty").mkdir()
    found = first(call("verify", desk / "protected.png", "--trust", tmp_path / "empty", "--json"))
    assert found["signature"]["trusted"] is False
    assert found["signature"]["state"] in ("valid", "unknown")


def test_mark_moved_to_another_photo_is_found_out(desk, tmp_path):
    original, protected = (
        np.asarray(Image.open(desk / f"{name}.png"), np.int16) for name in ("original", "protected")
    )
    other = skimage.data.coffee()[:, 40:552].astype(np.int16)
    other = np.pad(other, ((0, 112), (0, 0), (0, 0)), mode="reflect")
    forged = np.clip(other + protected - original, 0, 255).astype(np.uint8)
    Image.fromarray(forged).save(tmp_path / "forged.png")
    ran = call("verify", tmp_path / "forged.png", "--trust", desk / "trust", "--json")
    assert ran.returncode in (1, 2)
    assert first(ran)["status"] != "intact"


def test_secret_hides_the_mark_from_everybody_else(tmp_path):
    secret, wrong = tmp_path / "secret", tmp_path / "wrong"
    for path in (secret, wrong):
        assert call("keygen", "--secret", path).returncode == 0
    target = tmp_path / "private.png"
    photo = tmp_path / "photo.png"
    Image.fromarray(skimage.data.chelsea()[20:276, 100:356]).save(photo)
    assert call("protect", photo, "-o", target, "--secret", secret).returncode == 0
    assert call("verify", target).returncode == 2
    assert call("verify", target, "--secret", wrong).returncode == 2
    assert call("verify", target, "--secret", secret).returncode == 0


def bad_inputs(folder: Path) -> list[Path]:
    """The bad input that people meet, each in its own file."""
    folder.mkdir()
    photo = skimage.data.astronaut()
    Image.fromarray(photo).save(folder / "whole.jpg", quality=90)
    whole = (folder / "whole.jpg").read_bytes()
    (folder / "whole.jpg").unlink()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "zero.png").write_bytes(b"")
    (folder / "text.jpg").write_text("Dear Sir or Madam,", encoding="utf-8")
    Image.fromarray(photo[:1, :1]).save(folder / "dot.png")
    Image.fromarray(photo[:63, :400]).save(folder / "narrow.png")
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    (folder / "huge.png").write_bytes(png)
    return files_below(folder)


@pytest.mark.parametrize("command", ["protect", "verify"])
def test_bad_input_is_named_and_the_batch_goes_on(desk, tmp_path, command):
    bad = bad_inputs(tmp_path / "in")
    good = tmp_path / "in" / "zz_good.png"
    good.write_bytes((desk / "protected.png").read_bytes())
    ran = call(command, tmp_path / "in", "-o", tmp_path / "out", "--json")
    assert ran.returncode == 3
    results = {Path(found["file"]).name: found for found in map(json.loads, ran.stdout.splitlines())}
    assert results[good.name]["status"] in ("protected", "intact")
    for path in bad:
        assert results[path.name]["status"] == "error"
        assert str(path) in results[path.name]["message"]
        assert "internal error" not in results[path.name]["message"]
    *errors, counts = [line for line in ran.stderr.splitlines() if "protected already" not in line]
    assert len(errors) == len(bad) and f"{len(bad)} error" in counts
    assert all("zz_good" in path.name for path in files_below(tmp_path / "out"))


def test_disk_that_fills_up_leaves_nothing_half(desk, tmp_path):
    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    ran = call("protect", desk / "original.png", "-o", tmp_path / "out", preexec_fn=little_room)
    assert ran.returncode == 3
    assert "original.png" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert files_below(tmp_path / "out") == []


def test_ctrl_c_half_way_leaves_whole_files_only(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number in range(60):
        Image.fromarray(skimage.data.astronaut()[:256, :256]).save(source / f"{number:02}.png")
    command = [*PROGRAM, "protect", str(source), "-o", str(target), "--json"]
    heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's `&` has it ignored
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, preexec_fn=heeding, **pipes) as running:
        running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    written = files_below(target)
    assert 0 < len(written) < 60
    for path in written:
        assert path.suffix == ".png"
        with Image.open(path) as image:
            image.load()


def test_reader_that_goes_away_ends_quietly():
    command = " ".join([*PROGRAM, "zoo", "--json"])
    ran = subprocess.run(f"{command} | true", shell=True, capture_output=True, text=True, timeout=60)
    assert ran.stderr == ""


def test_demo_shows_the_promise(tmp_path):
    ran = call("demo", "-o", "here", cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""})
    assert ran.returncode == 0, ran.stderr
    for word in ("Who", "Where", "How sure", "ALTERED", "signature valid"):
        assert word in ran.stdout
    with Image.open(tmp_path / "here" / "strip.png") as strip:
        assert strip.width > 4 * strip.height
