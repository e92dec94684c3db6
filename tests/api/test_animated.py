"""Animated files through protect and verify, with a plain carrier of frames in place of the trained one."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing import Session, zoo
from underdrawing.api import animated, trust
from underdrawing.cli import main
from underdrawing.coding.keys import Owner
from underdrawing.core.errors import CapacityError, OutputError, PictureError, UsageError
from underdrawing.core.interfaces import FrameCarrier, Reading
from underdrawing.data.animations import Animation, encode_animation, read_animation

CELLS, BITS = 32, 128


class PlainFrames:
    """Moves the means of 32x32 cells of every frame until their correlation with a pattern a bit is right."""

    name = "plain"

    def embed_frames(self, frames_u8, bits):
        wanted = 220.0 * (2.0 * bits - 1)
        marked = np.empty_like(frames_u8)
        for out, frame in zip(marked, frames_u8, strict=True):
            change = self._inverse @ (wanted - self._patterns @ self._cells(frame))
            height, width = frame.shape[:2]
            change = cv2.resize(
                change.reshape(CELLS, CELLS), (width, height), interpolation=cv2.INTER_NEAREST
            )
            out[:] = np.rint(np.clip(frame + change[..., None], 0, 255))
        return marked

    def read_frames(self, frames_u8):
        if min(frames_u8.shape[1:3]) < 80:
            raise CapacityError("sides of 80 px or more")
        values = self._patterns @ np.mean([self._cells(frame) for frame in frames_u8], axis=0)
        even = np.abs(values).std() < 0.5 * np.abs(values).mean()
        return Reading((-values / 50).astype(np.float32), bool(even))

    @staticmethod
    def _cells(frame):
        cells = cv2.resize(frame.mean(2), (CELLS, CELLS), interpolation=cv2.INTER_AREA)
        return cells.ravel()

    @cached_property
    def _patterns(self):
        spectra = np.random.default_rng(5).choice([-1.0, 1.0], (BITS, CELLS, CELLS))
        spectra[:, :8, :8] = 0  # pictures are strong there
        return np.stack([cv2.idct(spectrum).ravel() for spectrum in spectra])

    @cached_property
    def _inverse(self):
        return np.linalg.pinv(self._patterns)


@pytest.fixture
def plain(monkeypatch):
    """PlainFrames as the system of animations."""
    carrier = PlainFrames()
    assert isinstance(carrier, FrameCarrier)
    load = zoo.load
    monkeypatch.setattr(
        animated,
        "system_of",
        lambda system: animated.SYSTEM if system in ("photo", animated.SYSTEM) else None,
    )
    monkeypatch.setattr(
        zoo, "load", lambda name="photo", *rest: carrier if name == animated.SYSTEM else load(name, *rest)
    )
    return carrier


def photo_animation(photo=None, *, alpha: bool = False, count: int = 4, step: int = 3) -> Animation:
    image = data.astronaut() if photo is None else photo
    image = np.asarray(Image.fromarray(image).resize((200, 160)))
    frames = np.stack([image[step * i : step * i + 128, step * i : step * i + 128] for i in range(count)])
    hole = None
    if alpha:
        hole = np.full(frames.shape[:3], 255, np.uint8)
        hole[:, :16, :16] = 0
    durations = (0.0, 50.0, 120.0, 80.0)[:count]
    return Animation(frames, hole, durations, 3, "GIF")


@pytest.fixture
def gif(tmp_path):
    path = tmp_path / "in.gif"
    path.write_bytes(encode_animation(photo_animation(), path).data)
    return path


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".apng"])
def test_a_protected_animation_names_its_identity_in_every_format(plain, gif, tmp_path, suffix):
    out = tmp_path / f"out{suffix}"
    with Session() as session:
        report = session.protect(gif, out)
        verdict = session.verify(out).verdict
    own, read = read_animation(gif), read_animation(out)
    assert (read.durations_ms, read.plays, read.pixels.shape) == (
        own.durations_ms,
        own.plays,
        own.pixels.shape,
    )
    assert verdict.identity == report.identity and len(report.identity) == 16
    assert verdict.status == "unvouched" and verdict.signature.state == "absent"
    assert "altered" in verdict.message and "not determined" in verdict.message
    assert report.psnr_db > 26 and report.growth is not None
    assert any("4 frames, 0.25 s" in note for note in report.notes)


def test_lost_and_reordered_frames_and_another_size_are_read(plain, gif, tmp_path):
    out = tmp_path / "out.gif"
    with Session() as session:
        identity = session.protect(gif, out, identity="00112233445566ff").identity
        read = read_animation(out)
        frames = np.stack(
            [cv2.resize(frame, (96, 100), interpolation=cv2.INTER_AREA) for frame in read.pixels]
        )
        kept = replace(read, pixels=frames[[3, 0]], durations_ms=(10.0, 10.0))
        file = encode_animation(kept, Path("x.webp")).data
        assert session.judge(file).verdict.identity == identity == "00112233445566ff"


def test_an_unmarked_animation_is_unprotected(plain, gif):
    verdict = Session().judge(gif).verdict
    assert (verdict.status, verdict.identity, verdict.present) == ("unprotected", None, False)
    assert "nor that it is not" in verdict.message


def test_transparent_areas_stay_as_they_are(plain, tmp_path):
    own = photo_animation(alpha=True)
    path = tmp_path / "in.png"
    path.write_bytes(encode_animation(own, path).data)
    report = Session().protect(path, tmp_path / "out.png")
    read = read_animation(tmp_path / "out.png")
    assert np.array_equal(read.alpha, own.alpha)
    assert np.array_equal(read.pixels[:, :16, :16], own.pixels[:, :16, :16])
    assert not np.array_equal(read.pixels, own.pixels)
    assert Session().judge(tmp_path / "out.png").verdict.identity == report.identity


def test_the_record_is_signed_and_proven_by_a_frame(plain, gif, tmp_path):
    owner, other = Owner.create(), tmp_path / "other.gif"
    registry, out = tmp_path / "r.db", tmp_path / "out.gif"
    with Session(sign=owner, registry=registry, trust=tmp_path) as session:
        report = session.protect(gif, out, facts={"source": "An agency"})
        assert report.registered == 1 and report.signed_by is None
        assert any("record is signed" in note for note in report.notes)
        found = session.verify(out)
        assert found.record["proven"] and found.record["facts"] == {"source": "An agency"}
        assert f"signed by key {owner.public.fingerprint}, not among" in found.verdict.message

        carrier = animated.load("gifguard")  # the same identity, embedded in another animation
        coffee = photo_animation(data.coffee())
        forged = carrier.protect(coffee.pixels, identity=bytes.fromhex(report.identity)).frames
        other.write_bytes(encode_animation(replace(coffee, pixels=forged), other).data)
        copied = session.verify(other)
        assert copied.verdict.identity == report.identity
        assert not copied.record["proven"] and copied.record["facts"] == {}
        assert "not proven" in copied.verdict.message

        trust.add_trusted(owner.public, "me", tmp_path)
        assert "trusted here as me" in session.verify(out).verdict.message


def test_a_second_protection_names_the_first(plain, gif, tmp_path):
    with Session() as session:
        first = session.protect(gif, tmp_path / "one.webp").identity
        assert session.protect(tmp_path / "one.webp", tmp_path / "two.webp").already == (first, None)


def test_findings_show_the_first_frame(plain, gif, tmp_path):
    report = Session().verify(gif, tmp_path / "findings")
    stored = json.loads((tmp_path / "findings" / "in.report.json").read_text())
    assert stored["details"]["animation"]["frames"] == 4
    assert report.picture.pixels.shape == (128, 128, 3)
    assert any("first frame" in note for note in stored["notes"])


def test_what_is_not_possible_with_animations_is_said(plain, gif, tmp_path):
    with pytest.raises(CapacityError, match="takes no secret"):
        Session(secret=bytes(range(32))).protect(gif, tmp_path / "out.gif")
    with pytest.raises(OutputError, match="no format of animations"):
        Session().protect(gif, tmp_path / "out.jpg")
    with pytest.raises(UsageError, match="Content Credentials"):
        Session(credentials=object()).protect(gif, tmp_path / "out.gif")
    with pytest.raises(PictureError, match="still pictures"):
        Session().examine(gif)
    with pytest.raises(PictureError, match="still pictures"):
        Session(system="imuge").verify(gif)


def test_too_many_pixels_and_tiny_animations(plain, gif):
    with pytest.raises(PictureError, match="decompression bomb"):
        Session(max_pixels=4 * 128 * 128 - 1).judge(gif)
    buffer = io.BytesIO()
    Image.new("P", (8, 8)).save(buffer, "GIF")
    with pytest.raises(PictureError.__mro__[1], match="too small"):
        Session().judge(buffer.getvalue())


def test_an_animation_without_room_for_a_mark_is_unprotected(plain):
    small = photo_animation()
    small = replace(small, pixels=np.ascontiguousarray(small.pixels[:, :72, :72]))
    verdict = Session().judge(encode_animation(small, Path("a.gif")).data).verdict
    assert verdict.status == "unprotected" and "no room" in verdict.message


def test_one_frame_is_an_animation(plain, tmp_path):
    path = tmp_path / "one.gif"
    path.write_bytes(encode_animation(photo_animation(count=1), path).data)
    report = Session().protect(path, tmp_path / "out.gif")
    assert Session().judge(tmp_path / "out.gif").verdict.identity == report.identity


def test_without_weights_animated_files_are_refused_with_the_reason(gif, monkeypatch):
    monkeypatch.setattr(animated, "system_of", lambda system: None)
    with pytest.raises(PictureError, match="gifguard"):
        Session().judge(gif)


def test_the_service_protects_and_verifies(plain, gif, tmp_path):
    from underdrawing.service.tasks import run_task

    shared = {
        "picture": str(gif),
        "strength": 1.0,
        "quality": None,
        "focus": "none",
        "identity": None,
        "facts": None,
        "system": "photo",
    }
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    with Session() as session:
        made = run_task(session, shared | {"do": "protect", "credentials": None, "folder": str(folders[0])})
        assert made["files"] == ["protected.gif"] and not made["report"]["credentials"]
        with pytest.raises(PictureError, match="not written into animations"):
            run_task(session, shared | {"do": "protect", "credentials": True, "folder": str(folders[0])})
        upload = {
            "picture": str(folders[0] / "protected.gif"),
            "name": "a.gif",
            "hard": True,
            "system": "photo",
        }
        found = run_task(session, upload | {"do": "verify", "folder": str(folders[1])})
    assert found["report"]["identity"] == made["report"]["identity"]
    assert "picture.received.jpg" in found["files"]


def test_the_commands_take_folders_with_animations(plain, gif, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["protect", str(gif.parent), "-o", str(out)]) == 0
    assert (out / "in.gif").is_file()
    assert main(["verify", str(out / "in.gif")]) == 4
    assert "UNVOUCHED: Protected as" in capsys.readouterr().out
    assert main(["protect", str(gif), "-o", str(tmp_path / "moved.webp"), "--json"]) == 0
    assert len(read_animation(tmp_path / "moved.webp").pixels) == 4
