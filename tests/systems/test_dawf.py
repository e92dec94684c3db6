"""DAWF: alignment by hand, the plain code and its networks, a photograph of three faces from end to end."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from underdrawing.attacks.channel import Jpeg
from underdrawing.attacks.face_forgery import KINDS, Face
from underdrawing.coding.short_identity import short_identity
from underdrawing.core.errors import CapacityError, ShapeError, WeightsError
from underdrawing.faces import CONTEXT, crop, paste, regions
from underdrawing.faces.regions import Square
from underdrawing.losses.localization import regional_loss
from underdrawing.nets.loading import save_network
from underdrawing.systems.dawf import patterns
from underdrawing.systems.dawf.model import Dawf, localization
from underdrawing.systems.dawf.network import Config, Mean
from underdrawing.systems.dawf.network import Dawf as Networks
from underdrawing.systems.dawf.training import RECIPES, DawfTraining
from underdrawing.train import face_groups
from underdrawing.train.face_groups import align, same, spread
from underdrawing.train.loop import Run, train
from underdrawing.train.real_faces import Faces

IDENTITIES = [0xA54001, 0x123456, 0x000F0F]
SMALL = Config(bits=30, width=8, token=16)
LOSSES = [0.0542, 0.2027]
"""Payload terms of the first steps of the smoke recipe."""


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        yield


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The system before any training."""
    path = tmp_path_factory.mktemp("dawf") / "dawf.safetensors"
    others = {"calibration.scale": [0.5], "calibration.offset": [0.0], "calibration.payload.scale": [1.5]}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        save_network(
            Networks(), path, {}, prefix="network.", others={n: torch.tensor(v) for n, v in others.items()}
        )
    return Dawf(path)


def photograph():
    """Three faces of one person: left, mirrored and smaller, and with other colours."""
    person = data.astronaut()[:330, 60:390]
    picture = cv2.resize(data.coffee(), (1000, 420)).copy()
    picture[60:390, 20:350] = person
    picture[100:360, 380:640] = cv2.resize(person, (260, 260), interpolation=cv2.INTER_AREA)[:, ::-1]
    picture[80:380, 680:980] = cv2.resize(person, (300, 300), interpolation=cv2.INTER_AREA)[..., [1, 0, 2]]
    return picture


@pytest.fixture(scope="module")
def marked(plain):
    """The photograph, its faces and the marked one, with an identity each."""
    picture = photograph()
    faces = plain.faces(picture)
    assert len(faces) == 3
    return picture, faces, plain.mark_faces(picture, faces, IDENTITIES).apply(picture)


def named(plain, faces, received):
    """Readings in the order of the faces."""
    readings = plain.read_faces(received)
    assert len(readings) == len(faces)
    return [min(readings, key=lambda r: abs(r.box[0] - face.box[0])) for face in faces]


def brute_force(picture, square, side):
    """RoIAlign by its definition: the mean of bilinear samples in each cell."""
    step, result = square.side / side, np.zeros((side, side))
    count = int(np.ceil(step))
    for row in range(side):
        for col in range(side):
            values = []
            for i in range(count):
                for j in range(count):
                    y = square.top + (row + (i + 0.5) / count) * step - 0.5
                    x = square.left + (col + (j + 0.5) / count) * step - 0.5
                    y, x = np.clip(y, 0, len(picture) - 1), np.clip(x, 0, picture.shape[1] - 1)
                    top, left = min(int(y), len(picture) - 2), min(int(x), picture.shape[1] - 2)
                    part, a, b = picture[top : top + 2, left : left + 2, 0], y - top, x - left
                    values.append([1 - a, a] @ part @ [1 - b, b])
            result[row, col] = np.mean(values)
    return result


@pytest.mark.parametrize("square", [Square(2.3, 1.6, 17.0), Square(-3.0, 4.0, 9.5), Square(5, 5, 4)])
def test_two_matrix_products_are_the_alignment_of_regions(square):
    picture = np.random.default_rng(1).uniform(0, 255, (24, 20, 1))
    np.testing.assert_allclose(
        regions.aligned(picture, square, 6)[0], brute_force(picture, square, 6), atol=1e-3
    )


def test_what_is_pasted_is_found_by_the_alignment_and_nothing_is_changed_beside_it():
    smooth = cv2.resize(np.random.default_rng(1).standard_normal((8, 8)).astype(np.float32), (128, 128))
    total, square = np.zeros((300, 320, 1), np.float32), Square(40.4, 60.7, 161.0)
    regions.pasted(smooth[None], square, total)
    found = regions.aligned(total, square)[0]
    assert np.abs(found - smooth)[4:-4, 4:-4].max() < 0.1
    total[60:222, 40:202] = 0
    assert not total.any()


def test_the_networks_align_and_paste_as_numpy_does():
    rng, squares = np.random.default_rng(1), [Square(-4.0, 9.5, 60.0), Square(30, 20, 41.0)]
    pictures = rng.uniform(0, 255, (1, 3, 80, 70)).astype(np.float32)
    faces = align(torch.from_numpy(pictures), np.array([0, 0]), squares)
    for face, square in zip(faces.numpy(), squares, strict=True):
        np.testing.assert_allclose(
            face[:3], regions.aligned(pictures[0].transpose(1, 2, 0), square), atol=1e-2
        )
        np.testing.assert_allclose(face[3], regions.visible(square, 80, 70), atol=1e-6)
    residuals, total = (
        rng.standard_normal((2, 3, 128, 128)).astype(np.float32),
        np.zeros((80, 70, 3), np.float32),
    )
    for residual, square in zip(residuals, squares, strict=True):
        regions.pasted(residual, square, total)
    found = spread(torch.from_numpy(residuals), np.array([0, 0]), squares, torch.from_numpy(pictures))
    np.testing.assert_allclose(found[0].permute(1, 2, 0).numpy(), total, atol=1e-4)


def test_patterns_are_orthonormal_and_lie_around_the_face():
    rows = patterns.payload_patterns(64)
    np.testing.assert_allclose(rows.reshape(65, -1) @ rows.reshape(65, -1).T, np.eye(65), atol=1e-4)
    inner = patterns.ellipse((0.2, 0.25)) > 0.5
    assert (rows[:, inner] ** 2).sum() / 65 < 0.01 and inner.mean() > 0.1


def test_the_detail_of_the_networks_is_that_of_numpy_and_needs_no_contrast():
    rng, network = np.random.default_rng(1), Networks(SMALL)
    luma = cv2.resize(rng.uniform(0, 255, (20, 20)).astype(np.float32), (64, 64))
    faces = torch.from_numpy(luma).repeat_interleave(2, 0).repeat_interleave(2, 1).expand(1, 3, 128, 128)
    z, gain = network.reader.detail(torch.cat([faces, torch.ones(1, 1, 128, 128)], 1))
    expected = patterns.detail(luma, np.ones((64, 64), np.float32))
    np.testing.assert_allclose(z[0, 0].numpy(), expected, atol=2e-3)
    half = network.reader.detail(torch.cat([faces / 2, torch.ones(1, 1, 128, 128)], 1))[0]
    assert (half - z).abs().max() < 0.35 < z.abs().max() / 3
    assert Mean(2.0)(torch.ones(1, 1, 9, 9)).sub(1).abs().max() < 1e-5 and (gain > 0).all()


def test_one_residual_brings_every_bit_and_the_agreement_to_their_margins():
    network = Networks().embedder
    picture = data.astronaut()[:300, 60:360]
    square = Square(20, 10, 260)
    faces = align(torch.from_numpy(picture.transpose(2, 0, 1).copy()).float()[None], np.array([0]), [square])
    bits = torch.from_numpy(np.random.default_rng(1).choice([-1.0, 1.0], (1, 64))).float()
    with torch.no_grad():
        for _ in range(3):
            faces[:, :3] += network(faces, bits, torch.ones(1))
        z, _ = network.detail(faces)
        found = (z.flatten(1) @ network.patterns.flatten(1).T)[0]
        agreement = network.near(z * network.field)[0, 0][network.inside > 0.99]
    assert (bits[0] * found[:-1] > 0.4).all() and found[-1] > 6
    assert agreement.min() > 0.03 and agreement.mean() > 0.15


def test_faces_of_other_pictures_have_no_effect():
    network, rng = Networks(SMALL).reader, np.random.default_rng(1)
    for name, value in network.named_parameters():
        if "film" in name or "learned" in name:
            torch.nn.init.normal_(value, std=0.1)
    faces = torch.from_numpy(rng.uniform(0, 255, (3, 4, 128, 128))).float()
    alone, together = network(faces[:2])[0], network(faces, same(np.array([0, 0, 1])))[0]
    torch.testing.assert_close(alone, together[:2], atol=1e-3, rtol=1e-3)
    assert (network(faces)[0][:2] - alone).abs().max() > 1e-3


def test_the_loss_is_inside_the_boxes_alone_and_both_classes_weigh_the_same():
    logits, labels = torch.zeros(1, 4, 4, requires_grad=True), -torch.ones(1, 4, 4)
    labels[0, 1:3, 1:3] = 0
    labels[0, 1, 1] = 1
    regional_loss(logits, labels).backward()
    gradient = logits.grad[0]
    assert not gradient[labels[0] < 0].any()
    assert gradient[1, 1] == pytest.approx(-0.25) and gradient[2, 2] == pytest.approx(0.25 / 3)


def test_labels_of_the_map_are_those_of_the_mask_in_the_box():
    mask = np.zeros((100, 100), np.float32)
    mask[:, 50:] = 1
    labels = face_groups.map_labels(mask, Square(10, 10, 80), 32)
    assert (labels[8:24, 17:24] == 1).all() and (labels[8:24, 8:15] == 0).all() and (labels[:4] == -1).all()


def test_every_face_carries_its_own_identity_through_jpeg_50(plain, marked):
    picture, faces, protected = marked
    for received in (protected, Jpeg(50)(protected, np.random.default_rng(0))):
        readings = named(plain, faces, received)
        assert [reading.identity for reading in readings] == IDENTITIES
        assert not any(reading.forged for reading in readings)
    change = np.abs(protected.astype(int) - picture)
    assert change[:20].max() == 0 and 0 < change.mean() < 3


def test_a_replaced_face_is_found_and_still_names_its_owner(plain, marked):
    _, faces, protected = marked
    target = crop(protected, faces[0], 256, CONTEXT)
    donor = crop(
        np.ascontiguousarray(data.astronaut()[:, ::-1]),
        plain.faces(data.astronaut()[:, ::-1].copy())[0],
        256,
        CONTEXT,
    )
    forged = KINDS["swap"](
        Face(target.image, target.landmarks), Face(donor.image, donor.landmarks), np.random.default_rng(3)
    )
    received = Jpeg(75)(paste(protected, target, forged.image), np.random.default_rng(0))
    readings = named(plain, faces, received)
    assert [reading.forged for reading in readings] == [True, False, False]
    assert [reading.identity for reading in readings] == IDENTITIES
    located = localization(readings, received.shape[:2])
    x, y, width, height = (round(value) for value in faces[0].box)
    inside = located.tampered_prob[y : y + height, x : x + width] > 0.5
    assert inside.mean() > 0.25 and (located.tampered_prob > 0.5).sum() < 1.2 * inside.sum()


def test_unmarked_faces_have_neither_identity_nor_map(plain):
    for picture in (photograph(), data.astronaut()):
        for reading in plain.read_faces(picture):
            assert reading.identity is None and reading.forged_prob is None and reading.forged is None


def test_a_payload_with_too_many_errors_is_refused():
    code, rng = short_identity(64), np.random.default_rng(1)
    word = code.encode(IDENTITIES[0])
    for wrong in (3, 4, 5, 8):
        received = word.copy()
        received[rng.choice(64, wrong, replace=False)] ^= 1
        read = code.decode(received)
        assert (read is None) if wrong > 4 else (read.number == IDENTITIES[0])


def test_a_picture_without_faces_is_marked_in_its_middle(plain):
    picture = np.asarray(Image.fromarray(data.coffee()).resize((300, 200)))
    bits = np.random.default_rng(1).integers(0, 2, 64, np.uint8)
    received = Jpeg(75)(plain.embed(picture, bits).apply(picture), np.random.default_rng(0))
    assert (plain.read(received, 64).bits == bits).mean() > 0.9
    assert not plain.read_faces(picture)


def test_bad_input(plain, tmp_path):
    picture = photograph()
    faces = plain.faces(picture)
    with pytest.raises(ShapeError):
        plain.mark_faces(picture, faces, IDENTITIES[:2])
    with pytest.raises(ShapeError):
        plain.mark_faces(picture, [], [])
    with pytest.raises(ShapeError):
        plain.read_faces(picture[..., 0])
    with pytest.raises(CapacityError):
        plain.embed(picture[:20, :20], np.zeros(8, np.uint8))
    with pytest.raises(WeightsError):
        Dawf(tmp_path / "none.safetensors")
    assert plain.read_faces(np.zeros((1, 1, 3), np.uint8)) == []


def three_faces():
    """A set of one face, its mirror image and a darker one."""
    picture = data.astronaut()
    landmarks = np.float32([[95, 110], [150, 108], [124, 140], [100, 168], [148, 166]])
    face = cv2.resize(picture[0:220, 110:330], (256, 256))
    return Faces(
        np.stack([face, face // 2, 255 - face // 2]),
        np.stack([landmarks] * 3),
        ("a", "b", "c"),
        ("train",) * 3,
    )


def test_the_log_of_a_seeded_training(tmp_path):
    recipe = RECIPES["smoke"]
    system = DawfTraining(Networks(recipe.network), three_faces(), recipe)
    rows = train(system, Run(steps=2), tmp_path)
    assert [row["payload"] for row in rows] == pytest.approx(LOSSES, rel=0.3)
    assert all(np.isfinite(row["map"]) and row["picture"] > 0 for row in rows)
