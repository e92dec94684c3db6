"""The study of marks of animations, with a carrier whose errors are known."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing import zoo
from underdrawing.attacks.clip_channels import GIF, FrameDrop
from underdrawing.bench.harness.photographs import Photo
from underdrawing.bench.harness.render import render
from underdrawing.bench.harness.run import Run
from underdrawing.bench.studies.animations import study, tables
from underdrawing.bench.studies.animations.clips import SIDES, Clip, spread
from underdrawing.core.errors import PictureError, UsageError
from underdrawing.core.interfaces import Reading

PROTOCOL = replace(study.PROTOCOL, clip_sets=("people",), frames=3, unmarked=2)


class LowestBits:
    """128 bits in the lowest bits of pixels: kept by lossless files and by other timing alone."""

    name = "lowest"

    def embed_frames(self, frames_u8, bits):
        marked = frames_u8.copy()
        marked[:, 0, :128, 0] = (marked[:, 0, :128, 0] & 254) | bits
        return marked

    def read_frames(self, frames_u8):
        return Reading(1.0 - 2.0 * (frames_u8[0, 0, :128, 0] & 1), None)


@pytest.fixture
def people(tmp_path):
    """A photograph with a face, and an animated WebP without loss."""
    (tmp_path / "people").mkdir()
    face = data.astronaut()[:300, 60:360]
    Image.fromarray(face).save(tmp_path / "people/a.png")
    frames = [Image.fromarray(face[n : n + 140, 90:230]) for n in range(8)]
    frames[0].save(tmp_path / "people/b.webp", save_all=True, append_images=frames[1:], lossless=True)
    return tmp_path


@pytest.fixture
def measured(face_set, people, monkeypatch):
    monkeypatch.setattr(zoo, "load", lambda name: LowestBits())
    monkeypatch.setattr(study, "QUANTIZERS", (GIF,))
    monkeypatch.setattr(study, "CHANNELS", {"timing": (FrameDrop(0.3),)})
    monkeypatch.setattr(study, "DEEPFAKES", study.DEEPFAKES[:1])
    run = Run(people / "results", people, settings={"faces": str(face_set)})
    study.run(run, PROTOCOL)
    return study.STUDY.store(people / "results")


def test_figures_of_a_mark_that_only_a_lossless_file_keeps(measured):
    figures = {key: value["mean"] for key, value in measured.figures.items()}
    for part in ("own", "small"):
        assert figures[f"{part}/apng-file/ber"] == 0 and figures[f"{part}/apng-file/identity"] == 1
        assert 0.3 < figures[f"{part}/gif-file/ber"] < 0.7 and figures[f"{part}/gif-file/identity"] == 0
        assert 0.3 < figures[f"{part}/drop30%/ber"] < 0.7
        assert figures[f"{part}/psnr_db"] > 60
    assert figures["own/swap/ber"] == figures["own/deepfakes/ber"] > 0.3
    assert measured.figures["unmarked/accepted"] == pytest.approx(
        {"mean": 0, "low95": 0, "high95": 0.49, "n": 4}, abs=0.01
    )


def test_tables_show_groups_and_channels(measured):
    shown = render(tables.groups(measured))
    assert "| accepted unmarked clips | 0 of 4 |" in shown and "| 0.011 |" in shown
    assert "| deepfakes | " in shown and "| palettes of GIF |" in shown
    measured.figures["own/deepfakes/ber"]["n"] = 1
    assert "| deepfakes, of 1 and 2 clips |" in render(tables.groups(measured))
    assert "| own size, 200 to 320 px | 128 px | paper |" in shown
    every = render(tables.channels(measured))
    assert "| apng-file | 0.00 (0.0, 0.0) / 100.0 | 0.00 (0.0, 0.0) / 100.0 |" in every
    assert "| swap |" in every and "| deepfakes |" not in every


def test_tables_without_results_are_empty(tmp_path):
    assert all(make(study.STUDY.store(tmp_path)) is None for make in study.STUDY.tables.values())


def test_clips_are_of_files_as_they_are_and_of_photographs_in_motion(people):
    still, moving = (Photo("x", people / "people" / name) for name in ("a.png", "b.webp"))
    of_file = Clip.of(moving, 3, 0, np.random.default_rng(1)).frames
    assert of_file.shape == (3, 140, 140, 3)
    assert np.array_equal(of_file[1], data.astronaut()[2:142, 150:290])
    assert Clip.of(moving, 9, 128, np.random.default_rng(1)).frames.shape == (4, 128, 128, 3)
    own = Clip.of(still, 3, 0, np.random.default_rng(1)).frames
    assert own.shape[1] == own.shape[2] and own.shape[1] in {*SIDES, 300}
    assert [len(spread([still] * 9, most)) for most in (4, 20)] == [4, 9]


def test_a_forgery_changes_the_face_alone(people):
    clip = Clip(np.stack([data.astronaut()[:300, 60:360]] * 2))
    forged = clip.forged(clip.frames, "blend", clip.donor(), 1)
    changed = (forged != clip.frames).any(-1)
    assert changed[0].any() and np.array_equal(forged[0], forged[1])
    left, top, width, height = clip.faces[0].box
    rows, cols = np.nonzero(changed[0])
    assert (
        abs(rows.mean() - top - height / 2) < height / 2 and abs(cols.mean() - left - width / 2) < width / 2
    )
    assert not changed[0][-40:].any()
    nobody = Clip(np.stack([data.coffee()[:200, :200]]))
    assert nobody.donor() is None and nobody.forged(nobody.frames, "blend", None, 1) is None


def test_a_run_without_data_or_a_set_is_refused(tmp_path):
    with pytest.raises(UsageError, match="--data"):
        study.run(Run(tmp_path))
    with pytest.raises(PictureError, match="no folder"):
        study.run(Run(tmp_path, tmp_path, settings={"faces": "nothing"}))
