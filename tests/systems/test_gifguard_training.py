"""Training of GIFGuard: its material, channels in the loop, gradients, a seeded log."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from underdrawing.core.errors import UsageError
from underdrawing.systems.gifguard import training
from underdrawing.systems.gifguard.network import GIFGuard
from underdrawing.train import clip_material
from underdrawing.train.clip_material import read_material
from underdrawing.train.loop import train

SMOKE = training.RECIPES["smoke"]
LOG = [[0.3139, 0.0351], [0.3139, 0.2201], [0.3128, 0.1062], [0.312, 0.2421]]
"""Picture and bits of four steps."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photographs and one animation."""
    path = tmp_path_factory.mktemp("material")
    Image.fromarray(data.coffee()).save(path / "a.jpg", quality=95)
    Image.fromarray(data.astronaut()).save(path / "b.png")
    frames = [Image.fromarray(data.chelsea()[40:240, n : n + 240]) for n in range(0, 60, 12)]
    frames[0].save(path / "c.webp", save_all=True, append_images=frames[1:], quality=90)
    (path / "d.gif").write_bytes(b"GIF89a and no more")
    (path / "e.txt").write_text("no picture")
    return path


def system(folder, **changes) -> training.ClipTraining:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        recipe = replace(SMOKE, **changes)
        return training.ClipTraining(GIFGuard(recipe.network), read_material(folder), recipe)


def test_material_is_read_from_animations_and_photographs(folder):
    found = read_material(folder)
    assert [m.frames.shape for m in found["val"]] == [(1, 288, 432, 3)]
    assert [m.frames.shape for m in found["train"]] == [(1, 288, 288, 3), (5, 200, 240, 3)]
    face, cat = found["train"]
    assert cat.landmarks is None and face.landmarks.shape == (1, 5, 2)
    clip, points = face.draw(3, 128, np.random.default_rng(2))
    assert clip.shape == (3, 128, 128, 3) and points.shape == (3, 5, 2)
    clip, points = cat.draw(3, 128, np.random.default_rng(2))
    assert clip.shape == (3, 128, 128, 3) and points is None
    assert len(cat.draw(9, 128, np.random.default_rng(2))[0]) == 5


def test_a_face_set_is_material_by_its_splits(face_set):
    found = read_material(face_set)
    assert (len(found["train"]), len(found["val"])) == (12, 6)
    assert all(m.landmarks.shape == (1, 5, 2) for m in found["train"])


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no animation or photograph"):
        read_material(tmp_path)


def test_a_crop_is_put_back_where_it_was():
    frames = data.coffee()[None, :128, :128]
    back, mask = training.cropped(frames, 0.5, np.random.default_rng(3))
    inside = mask > 0
    assert 0.4 < inside.mean() < 1 and back.shape == (1, 128, 128, 3)
    assert np.abs(back[0][inside] - frames[0][inside]).mean() < 0.5


@pytest.mark.parametrize("kind", ["quantizer", "retimed", "signal", "crop", "forged"])
def test_the_start_reads_bits_after_every_kind_of_channel(folder, kind):
    made, rng = system(folder, kinds=((kind, 1.0),), frames=4, worst_of=1), np.random.default_rng(6)
    clips = made.draw("train", 4, 1, rng)
    with torch.no_grad():
        marked = made.network.encode(clips.frames, clips.bits)
        (sent,) = clip_material.sent_clips(clips, marked)
        received, mask = made._received(sent, marked, rng)
        wrong = (made.network.decode(received, mask) * clips.bits < 0).float().mean()
    assert wrong <= 0.08  # a crop leaves a part of each group


def test_a_step_reaches_every_parameter(folder):
    made, rng = system(folder, batch=1), np.random.default_rng(5)
    noise = torch.Generator().manual_seed(1)
    for parameter in made.network.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=noise)
    ((player, terms),) = made.losses(made.draw("train", 2, 1, rng), rng)
    assert player == "codec" and set(terms) == {"picture", "bits"}
    torch.stack(list(terms.values())).sum().backward()
    assert [n for n, p in made.network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_the_log_of_a_seeded_training(folder, tmp_path):
    rows = train(system(folder), replace(SMOKE.run_length(), steps=4), tmp_path)
    found = [[round(row["picture"], 4), round(row["bits"], 4)] for row in rows]
    assert np.allclose(found, LOG, rtol=0.1, atol=0.03), found
