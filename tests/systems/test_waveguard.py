"""WaveGuard: sizes as published, the plain code on real faces, SC-GNN as graph and as stencil, SimAM."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from underdrawing import faces
from underdrawing.core.errors import UsageError, WeightsError
from underdrawing.metrics.quality import psnr_db
from underdrawing.nets.dual_tree import DualTreeBands
from underdrawing.ops import dual_tree
from underdrawing.systems.waveguard import blocks, consistency, model, network, plain


def real_faces():
    """Crops of 128 px: a detected face, its mirror image, and two other squares around it."""
    astronaut = data.astronaut()
    face = faces.crop(astronaut, faces.detect(astronaut)[0], 128).image
    return np.stack(
        [face, face[:, ::-1], data.astronaut()[20:148, 150:278], data.astronaut()[0:256:2, 100:356:2]]
    )


def tensor(images):
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float()


def saved(images, **options):
    """Written by a real codec and decoded."""
    decoded = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, **options)
        decoded.append(np.array(Image.open(file)))
    return np.stack(decoded)


@pytest.fixture(scope="module")
def released():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return network.WaveGuard(network.RELEASED).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def marked(released):
    """Faces, their bits, and the marked faces as 8-bit pictures."""
    images = real_faces()
    rng = np.random.default_rng(3)
    bits = torch.from_numpy(rng.choice([-1.0, 1.0], (len(images), 30)).astype(np.float32))
    levels = released.encode(tensor(images), bits).round().clamp(0, 255)
    return images, bits, levels.byte().permute(0, 2, 3, 1).numpy()


def errors(head, received, bits):
    return float(((head(tensor(received)) > 0) != (bits > 0)).float().mean())


@pytest.mark.parametrize("options", [
    {"format": "PNG"},
    {"format": "JPEG", "quality": 50, "subsampling": 0},
    {"format": "JPEG", "quality": 50},
])  # fmt: skip
def test_the_plain_code_is_read_from_real_faces_after_jpeg_50(released, marked, options):
    _, bits, pictures = marked
    received = saved(pictures, **options)
    assert errors(released.heads["tracer"], received, bits) == 0
    assert errors(released.heads["detector"], received, bits) <= 0.1


def test_the_plain_code_costs_less_than_38_db_of_rgb(marked):
    images, _, pictures = marked
    assert np.mean([psnr_db(a, b) for a, b in zip(images, pictures, strict=True)]) > 38


def test_a_replaced_face_takes_the_bits_of_the_detector_and_not_those_of_the_tracer(released, marked):
    images, bits, pictures = marked
    forged = pictures.copy()
    forged[:, 36:108, 36:92] = images[::-1, 36:108, 36:92]
    assert errors(released.heads["tracer"], forged, bits) == 0
    assert errors(released.heads["detector"], forged, bits) > 0.4


def test_the_detector_has_no_bits_where_the_mark_inside_the_face_is_weaker_than_beside_it(released, marked):
    """Bits that survive an attenuation are erasures: logits of exactly 0 at the start."""
    images, bits, pictures = marked
    weaker = tensor(pictures)
    weaker[:, :, 32:112, 32:96] += 0.85 * (tensor(images) - weaker)[:, :, 32:112, 32:96]
    assert errors(released.heads["tracer"], weaker.round().byte().permute(0, 2, 3, 1).numpy(), bits) == 0
    assert (released.heads["detector"](weaker) == 0).float().mean() > 0.8


def test_only_u_changes(marked):
    images, _, _ = marked
    with torch.no_grad():
        net = network.WaveGuard(network.RELEASED)
        change = (net.encode(tensor(images), torch.ones(len(images), 30)) - tensor(images)).numpy()
    rgb = change.transpose(0, 2, 3, 1)
    assert np.abs(rgb @ np.float32([0.299, 0.587, 0.114])).max() < 0.01  # Y
    assert np.abs(rgb[..., 0]).max() == 0  # V is 0.877 (R - Y)
    assert np.abs(rgb[..., 2]).max() > 5


def test_only_the_real_parts_of_bands_1_and_3_of_the_last_level_are_written():
    side, levels = 64, 2
    change = torch.randn(1, 2, side >> levels, side >> levels, generator=torch.Generator().manual_seed(1))
    bands = np.zeros((6, side >> levels, side >> levels), complex)
    bands[0], bands[2] = change[0].numpy()
    first = np.zeros((6, side // 2, side // 2), complex)
    expected = dual_tree.inverse(dual_tree.Pyramid(np.zeros((side // 2, side // 2)), (first, bands)))
    found = DualTreeBands(side, levels).synthesise(change)[0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("side", "levels"), [(32, 1), (64, 2), (128, 3)])
def test_the_bands_of_pytorch_are_those_of_numpy(side, levels):
    picture = np.random.default_rng(1).standard_normal((side, side))
    found = DualTreeBands(side, levels).analyse(torch.from_numpy(picture)[None].float())[0].numpy()
    expected = dual_tree.forward(picture, levels).bands[-1][[0, 2, 3, 5]].real
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_published_sizes():
    net = network.WaveGuard()
    sizes = [sum(p.numel() for p in part.parameters()) for part in (net.encoder, *net.heads.values())]
    assert sizes[0] / 1e6 == pytest.approx(1.73, abs=0.005)
    assert [size / 1e6 for size in sizes[1:]] == pytest.approx([1.67, 1.67], abs=0.005)
    assert [stage.layers[2].in_channels for stage in net.encoder.stages] == [68, 136, 204]
    assert [layer.in_channels for layer in net.encoder.head if hasattr(layer, "in_channels")] == [
        268,
        256,
        128,
        64,
        4,
    ]
    assert (
        net.heads["tracer"].features[0].in_channels == 4
        and net.heads["detector"].features[0].in_channels == 2
    )


def test_the_released_size():
    size = sum(p.numel() for p in network.WaveGuard(network.RELEASED).parameters())
    assert 2 * size < 2.5e6  # bytes at half precision


def test_the_learned_parts_add_nothing_at_first_and_learn(released, marked):
    images, bits, _ = marked
    net = network.WaveGuard(network.RELEASED)
    levels = net.encode(tensor(images), bits)
    loss = (levels - tensor(images)).square().mean() + sum(
        torch.nn.functional.softplus(-bits * head(levels)).mean() for head in net.heads.values()
    )
    loss.backward()
    assert torch.allclose(levels, released.encode(tensor(images), bits), atol=1e-3)
    for layer in (net.encoder.head[-1], *(head.linear for head in net.heads.values())):
        assert not layer.weight.any() and layer.weight.grad.abs().max() > 0
    assert net.encoder.plain.write.grad.abs().max() > 0


def test_patterns_write_one_coefficient_each():
    read, write = plain.patterns(128, 3, 30)
    tree = DualTreeBands(128, 3)
    change = tree.synthesise(torch.from_numpy(write).view(60, 2, 16, 16))
    again = tree.analyse(change)[:, :2].flatten(1) @ torch.from_numpy(read).T
    torch.testing.assert_close(again, torch.eye(60), atol=1e-3, rtol=0)


def test_a_bit_is_in_one_coefficient_beside_the_face_and_in_one_inside_it():
    writer, tree = plain.PlainWriter(128, 3, 30), DualTreeBands(128, 3)
    bits = torch.from_numpy(np.random.default_rng(1).choice([-1.0, 1.0], (5, 30)).astype(np.float32))
    with torch.no_grad():
        received = tree.analyse(tree.synthesise(writer(torch.zeros(5, 2, 16, 16), bits)))[:, :2]
        stored = received.flatten(1) @ writer.read.T
        for part in writer.coefficients(received):
            torch.testing.assert_close(part, plain.AMPLITUDE * bits, atol=1e-3, rtol=0)
    assert torch.equal(stored[:, 30:].sign(), bits.roll(-15, 1)), "not the bit of the neighbouring place"


def test_the_tracer_reads_what_is_inside_the_face_only_as_far_as_it_agrees():
    beside = torch.ones(1, 30)
    beside[0, 0] = -0.1  # lost, and kept inside
    agrees, replaced = torch.ones(1, 30), torch.ones(1, 30)
    replaced[0, 1:] = torch.tensor([1.0, -1.0] * 15)[:29]
    reader = plain.PlainTracer(128, 3, 30)
    found = []
    for inside in (agrees, replaced):
        reader.coefficients = lambda bands, inside=inside: (beside, inside)
        found.append(reader(torch.zeros(1)))
    assert found[0][0, 0] > 0 and found[1][0, 0] < 0
    assert plain.agreement(beside, beside) == pytest.approx(1, abs=0.01)
    assert abs(float(plain.agreement(beside, replaced))) < 0.1
    assert float(plain.amplitude(beside, 0.5 * beside)) == pytest.approx(
        0.5 * float(plain.amplitude(beside, beside)), rel=1e-4
    )


@pytest.mark.parametrize(("side", "count"), [(64, 30), (128, 41)])
def test_sizes_without_room_are_refused(side, count):
    with pytest.raises(UsageError):
        network.WaveGuard(network.Config(side=side, levels=3, bits=count, plain=True))


def test_simam():
    """Formula of the paper of SimAM, eq. 5, one map at a time."""
    maps = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = blocks.simam(maps)
    for one, attended in zip(maps.flatten(0, 1), found.flatten(0, 1), strict=True):
        inverse = (one - one.mean()) ** 2 / (4 * (one.var() + 1e-4)) + 0.5
        torch.testing.assert_close(attended, one / (1 + torch.exp(-inverse)))


def test_the_stencil_equals_the_graph():
    before, after = torch.randn(2, 3, 9, 12, generator=torch.Generator().manual_seed(1))
    graph, stencil = consistency.GraphConsistency(), consistency.StencilConsistency()
    torch.testing.assert_close(graph.response(before), stencil.response(before))
    assert float(graph(before, after)) == pytest.approx(float(stencil(before, after)), rel=1e-4)
    assert float(graph(before, after)) > 1e-3


def test_the_graph_convolution_is_that_of_kipf_and_welling():
    """By dense matrices: D^-1/2 (A + I) D^-1/2 with the edges into a node."""
    height, width = 4, 5
    edges = np.eye(height * width)
    for row in range(height):
        for column in range(width):
            for y, x in ((row, column + 1), (row + 1, column)):
                if y < height and x < width:
                    edges[y * width + x, row * width + column] = 1
    scale = np.diag(edges.sum(1) ** -0.5)
    layer = consistency.GraphConsistency()
    plane = np.random.default_rng(1).standard_normal((height, width)).astype(np.float32)
    hidden = np.maximum(0, (scale @ edges @ scale @ plane.ravel())[:, None] * layer.first.numpy())
    expected = scale @ edges @ scale @ hidden @ layer.second.numpy()
    found = layer.response(torch.from_numpy(plane)[None])[0].numpy().ravel()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_weights_that_are_none_are_refused(tmp_path):
    with pytest.raises(WeightsError):
        model.carrier(tmp_path / "missing.safetensors")


@pytest.mark.parametrize(("head", "value"), [("tracer", 1.0), ("detector", -2.0)])
def test_a_codec_reads_by_the_head_that_it_is_made_for(head, value, monkeypatch):
    logits = {model.TRACER: 1.0, model.DETECTOR: -2.0}

    def graph(path, weights, prefix, _gate=None):
        return lambda received: [np.full((1, 30), logits[path], np.float32)]

    monkeypatch.setattr(model, "Graph", graph)
    monkeypatch.setattr(
        model,
        "read_tensors",
        lambda *_: {f"{name}.scale": np.float32([3]) for name in ("tracer", "detector")},
    )
    codec = model.WaveGuardCodec(head=head)
    assert codec.decode(np.zeros((128, 128, 3), np.uint8)) == pytest.approx(np.full(30, -3 * value))
