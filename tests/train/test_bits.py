"""Training of bits in faces, with a small network that starts as spread spectrum."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import nn

from underdrawing.attacks.channel import Jpeg
from underdrawing.attacks.face_channels import BENIGN, DEEPFAKES, Through
from underdrawing.core.errors import UsageError
from underdrawing.data.face_set import SQUARES
from underdrawing.nets.weights import read_metadata
from underdrawing.train import bits
from underdrawing.train.marked_faces import MarkedFaces, to_u8
from underdrawing.train.real_faces import Faces

SIDE, LENGTH = 64, 4
RECIPE = bits.BitsRecipe(
    batch=4, side=SIDE, bits=LENGTH, steps=4, learning_rate=0.05, average=0.5, target_psnr_db=34.0,
    channels=bits.Ramp(1, 1), deepfakes=bits.Ramp(0.5, 0.5),
)  # fmt: skip
MILD = (Through(Jpeg(90, subsampling=0)), Through(Jpeg(70)))


class SpreadSpectrum(nn.Module):
    """A pattern of squares of 4 px for each bit, and its correlator."""

    def __init__(self, names=("decoder",)):
        super().__init__()
        signs = torch.randint(
            0, 2, (LENGTH, 1, SIDE // 4, SIDE // 4), generator=torch.Generator().manual_seed(1)
        )
        pattern = (signs.float() * 2 - 1).repeat_interleave(4, 2).repeat_interleave(4, 3)
        self.register_buffer("pattern", pattern)
        self.gain = nn.Parameter(torch.tensor(8.0))
        self.heads = nn.ModuleDict({name: Correlator(pattern) for name in names})

    def encode(self, images, sent):
        return images + self.gain * torch.einsum("bl,lchw->bchw", sent, self.pattern)


class Correlator(nn.Module):
    def __init__(self, pattern):
        super().__init__()
        self.weight = nn.Parameter(pattern.mean(1).flatten(1) / 80)

    def forward(self, images):
        plane = images.mean(1)
        plane = plane - nn.functional.avg_pool2d(plane[:, None], 9, 1, 4, count_include_pad=False)[:, 0]
        return plane.flatten(1) @ self.weight.T


def training(face_set, recipe=RECIPE, **changes):
    return bits.BitsTraining(SpreadSpectrum(), Faces.read(face_set), recipe, **changes)


def test_a_ramp_is_linear_between_its_ends():
    ramp = bits.Ramp(0.0, 2.0, 0.2, 0.6)
    assert [ramp.at(p) for p in (0, 0.2, 0.4, 0.6, 1)] == pytest.approx([0, 0, 1, 2, 2])
    assert bits.Ramp(1.0, 3.0).at(0.0) == 3.0


def test_batches_are_of_one_split_with_partners_of_other_people(face_set):
    faces = Faces.read(face_set)
    held_out = MarkedFaces(faces, "val", SIDE, LENGTH)
    assert len(held_out.rows) == 6 and {faces.splits[row] for row in held_out.rows} == {"val"}
    batch = held_out.draw(np.random.default_rng(1), 6)
    assert batch.images.shape == (6, 3, SIDE, SIDE) and set(batch.bits.unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(batch.images, batch.images.round())
    for row, partners in held_out._partners.items():
        assert len(partners) and all(faces.identities[p] != faces.identities[row] for p in partners)
        assert all(faces.splits[p] == "val" for p in partners)
    with pytest.raises(UsageError, match="no real faces"):
        MarkedFaces(faces, "nowhere", SIDE, LENGTH)


def test_landmarks_follow_the_crop_and_its_mirror_image(face_set):
    """A bright dot at the left eye of a dark face is found at the landmark of the crop."""
    faces = Faces.read(face_set)
    crops = np.zeros_like(faces.crops)
    for image, points in zip(crops, faces.landmarks, strict=True):
        x, y = points[0].astype(int)
        image[y - 2 : y + 3, x - 2 : x + 3] = 255
    dotted = MarkedFaces(replace(faces, crops=crops), "train", 128, LENGTH)
    rng, sides = np.random.default_rng(3), set()
    for _ in range(4):
        batch = dotted.draw(rng, 4)
        for image, points in zip(to_u8(batch.images), batch.landmarks, strict=True):
            y, x = (image[..., 0] > 128).nonzero()
            found = np.array([x.mean() + 0.5, y.mean() + 0.5])
            distances = np.linalg.norm(points[:2] - found, axis=1)
            sides.add(int(distances.argmin()))
            assert distances.min() < 1.5
    assert sides == {0, 1}  # mirrored: the eye on the left of the face lies on the right


def test_received_faces_are_real_pictures_and_the_gradient_passes_them(face_set):
    system = training(face_set)
    rng = np.random.default_rng(0)
    batch = system.batch(rng)
    marked = system.marked(batch)
    received = system.receive(marked, batch, rng)
    assert len(received.benign) == 2 and received.is_forged.any() and not received.is_forged.all()
    for one in (*received.benign, received.forged):
        assert torch.equal(one, one.round()) and one.min() >= 0 and one.max() <= 255
    assert (received.forged[received.is_forged] != received.benign[0][received.is_forged]).any()
    assert torch.equal(received.forged[~received.is_forged], received.benign[0][~received.is_forged])
    passed = bits.through(marked, received.forged)
    assert torch.equal(passed.detach(), received.forged)
    (slope,) = torch.autograd.grad(passed.sum(), marked)
    assert torch.equal(slope, torch.ones_like(slope))


def test_the_worst_channel_of_each_face_is_trained_on(face_set):
    system = training(face_set)
    batch = system.batch(np.random.default_rng(0))
    good, bad = system.marked(batch).detach(), system.network.encode(batch.images, -batch.bits).detach()
    first = torch.cat([good[:2], bad[2:]])
    second = torch.cat([bad[:2], good[2:]])
    read = system.network.heads["decoder"]
    assert torch.equal(system._worst(read, [first, second], batch.bits), bad)


def test_a_fragile_head_is_pushed_to_nothing_after_deepfakes_alone(face_set):
    heads = (bits.Head("tracer"), bits.Head("detector", deepfakes=False, fragility=0.5))
    recipe = replace(RECIPE, heads=heads)
    network = SpreadSpectrum(("tracer", "detector"))
    system = bits.BitsTraining(network, Faces.read(face_set), recipe)
    batch = system.batch(np.random.default_rng(0))
    terms = system.bit_terms(system.marked(batch), batch, np.random.default_rng(0))
    assert set(terms) == {"tracer", "detector", "detector_fragility"}
    assert terms["detector_fragility"] > 0
    with pytest.raises(UsageError, match="heads"):
        bits.BitsTraining(network, Faces.read(face_set), RECIPE)


def test_squares_of_photographs_are_drawn_for_training_alone(face_set):
    faces = Faces.read(face_set)
    sources = tuple(SQUARES if n % 2 else "photo" for n in range(len(faces.splits)))
    mixed = MarkedFaces(replace(faces, sources=sources), "train", SIDE, LENGTH)
    assert len(mixed.rows) == 6
    batch = mixed.draw(np.random.default_rng(0), 64)
    assert 6 <= sum(donor is None for donor in batch.donors) <= 28
    assert all(donor is not None for donor in mixed.fixed(np.random.default_rng(0), 0, 6).donors)


def test_a_misplaced_square_is_one_in_two():
    picture = torch.rand(64, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 255
    moved = bits.misplaced(picture, 1.0, np.random.default_rng(0))
    same = (moved - picture).abs().amax((1, 2, 3)) < 0.01
    assert 20 < same.sum() < 44
    assert torch.equal(bits.misplaced(picture, 0.0, np.random.default_rng(0)).round(), picture.round())
    flat = torch.full((8, 3, 32, 32), 77.0)
    assert (bits.misplaced(flat, 2.0, np.random.default_rng(0)) - 77).abs().max() < 1e-3


def test_the_stages_raise_picture_and_channels(face_set):
    recipe = replace(RECIPE, picture=bits.Ramp(0.1, 1, 0.2, 0.4), channels=bits.Ramp(0, 1, 0.5, 0.6),
                     deepfakes=bits.Ramp(0, 1, 0.5, 0.6))  # fmt: skip
    system = training(face_set, recipe)
    batch = system.batch(np.random.default_rng(0))
    marked, pictures = system.marked(batch), []
    for progress in (0.0, 1.0):
        system.begin(0, progress)
        pictures.append(system.picture_terms(marked, batch)["picture"].item())
        received = system.receive(marked, batch, np.random.default_rng(0))
        assert received.is_forged.any() == (progress == 1)
        plain = torch.equal(received.benign[0], marked.detach().round().clamp(0, 255))
        assert plain == (progress == 0)
    assert pictures[1] == pytest.approx(10 * pictures[0])


def test_a_training_writes_calibrated_weights_and_scores(face_set, tmp_path):
    def build(faces):
        return bits.BitsTraining(SpreadSpectrum(), faces, RECIPE, benign=MILD, deepfakes=DEEPFAKES[1:2])

    scores = bits.run(build, RECIPE, face_set, tmp_path / "one/toy.safetensors")
    assert {"picture", "decoder", "psnr_db", "decoder/jpeg70", "decoder/benign", "decoder/deepfakes"} <= set(
        scores
    )
    assert scores["decoder/benign"] < 0.1 and 20 < scores["psnr_db"] < 45
    tensors = load_file(tmp_path / "one/toy.safetensors")
    assert tensors["calibration.decoder.scale"] > 0 and "network.gain" in tensors
    stored = read_metadata(tmp_path / "one/toy.safetensors")
    assert json.loads(stored["scores"])["psnr_db"] == pytest.approx(scores["psnr_db"], abs=1e-4)
    assert len(json.loads(stored["curve"])) == 4 and stored["steps"] == "4"
    again = bits.run(build, RECIPE, face_set, tmp_path / "two/toy.safetensors")
    assert again["decoder"] == pytest.approx(scores["decoder"], rel=1e-4)


@pytest.mark.parametrize("channel", [*BENIGN, *DEEPFAKES], ids=lambda channel: channel.name)
def test_a_channel_repeats_itself_and_keeps_the_size(face_set, channel):
    faces = MarkedFaces(Faces.read(face_set), "train", 128, LENGTH)
    batch = faces.fixed(np.random.default_rng(1), 0, 1)
    (sent,) = batch.sent(batch.images + 6)
    before = sent.marked.copy()
    received = channel(sent, np.random.default_rng(5))
    assert received.dtype == np.uint8 and received.shape == sent.marked.shape
    assert np.array_equal(received, channel(sent, np.random.default_rng(5)))
    assert np.array_equal(sent.marked, before)
    assert channel.name == "none" or not np.array_equal(received, sent.marked)
