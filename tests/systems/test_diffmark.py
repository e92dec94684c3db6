"""DiffMark: schedule, respacing, DDIM, condition, tokens of bits, plain code, reading, guidance."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import nn

from underdrawing.nets.loading import save_network
from underdrawing.nets.unet import from_levels
from underdrawing.systems.diffmark import guidance, model
from underdrawing.systems.diffmark.autoencoded import Autoencoded
from underdrawing.systems.diffmark.blocks import CIF, HEADS, BitEmbedding, SelfAttention
from underdrawing.systems.diffmark.diffusion import Schedule, ddim_step, diffused, first_noise, sample
from underdrawing.systems.diffmark.network import LARGE, RELEASED, Config, DiffMark
from underdrawing.systems.diffmark.training import RECIPES

SMALL = RECIPES["smoke"].network
SCHEDULE = Schedule()


def face(row: int = 0) -> np.ndarray:
    """(128, 128, 3) uint8: the astronaut's face, in one of several squares."""
    top, left, side = ((50, 160, 128), (40, 150, 140), (30, 140, 160), (60, 165, 110))[row]
    square = Image.fromarray(data.astronaut()[top : top + side, left : left + side])
    return np.array(square.resize((128, 128), Image.Resampling.BICUBIC))


def made(config: Config, moved: float = 0.0) -> DiffMark:
    """A network; moved: deviation of what is added to its parameters, so that no learned part is zero."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = DiffMark(config).eval()
        with torch.no_grad():
            for parameter in [*network.unet.parameters(), *network.decoder.parameters()]:
                parameter.add_(moved * torch.randn_like(parameter))
    return network.requires_grad_(False)


def random_bits(length: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, length, dtype=np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A weight file of the released architecture, with learned parts that are not zero."""
    path = tmp_path_factory.mktemp("diffmark") / "diffmark.safetensors"
    others = {model.SCALE: torch.tensor([0.5])}
    save_network(made(RELEASED, 0.01), path, {}, prefix=model.PREFIX, others=others)
    return path


def test_the_betas_are_scaled_to_the_steps():
    assert SCHEDULE.betas[[0, -1]] == pytest.approx([0.05, 0.20])
    assert np.diff(SCHEDULE.betas) == pytest.approx(0.15 / 99)
    assert Schedule(1000).betas[[0, -1]] == pytest.approx([0.005, 0.02])
    assert SCHEDULE.abar[1] == pytest.approx(0.95 * (1 - SCHEDULE.betas[1]))
    assert SCHEDULE.abar[-1] < 1e-5 and (np.diff(SCHEDULE.abar) < 0).all()


def test_the_sampling_visits_every_tenth_timestep():
    assert SCHEDULE.respaced().tolist() == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert Schedule(20).respaced(5).tolist() == [0, 4, 8, 12, 16]


def test_a_ddim_step_keeps_the_noise_and_changes_its_share():
    rng = np.random.default_rng(1)
    x0, noise = rng.standard_normal((2, 1, 3, 4, 4))
    x = diffused(x0, noise, 0.3)
    assert np.allclose(ddim_step(x, x0, 0.3, 0.8), diffused(x0, noise, 0.8))
    assert np.allclose(ddim_step(x, x0, 0.3, 1.0), x0)  # after the last step there is no noise
    # an error of the prediction is not multiplied by the level alone
    found = ddim_step(x, x0 + 0.1, 0.3, 0.8) - diffused(x0, noise, 0.8)
    assert np.allclose(found, 0.1 * (0.8**0.5 - 0.2**0.5 * (0.3 / 0.7) ** 0.5))


@pytest.mark.parametrize(("as_released", "expected"), [(False, range(90, -1, -10)), (True, range(9, -1, -1))])
def test_the_network_gets_the_timestep_of_the_noise_unless_as_released(as_released, expected):
    face, times, conditions, inputs = np.full((1, 3, 2, 2), 0.5), [], [], []

    def predict(x, condition, t):
        times.append(t)
        conditions.append(float(condition.flat[0] / 0.5))
        inputs.append(x)
        return face

    noise = np.full_like(face, 2.0)
    result = sample(predict, face, noise, SCHEDULE, as_released=as_released)
    assert times == list(expected)
    # the noise level, and with it x_t and x_c, is that of 90, 80, .., 0 in both cases
    visited = np.arange(90, -1, -10)
    assert conditions == pytest.approx([1.0, *SCHEDULE.face_weights[visited[1:]]])
    assert np.array_equal(inputs[0], noise) and np.allclose(result, face)
    share = (inputs[1] - SCHEDULE.abar[80] ** 0.5 * face) / SCHEDULE.face_weights[80]
    kept = (noise - SCHEDULE.abar[90] ** 0.5 * face) / SCHEDULE.face_weights[90]
    assert np.allclose(share, kept)


def test_the_first_noise_is_the_same_every_time():
    assert np.array_equal(first_noise(16), first_noise(16)) and first_noise(16).dtype == np.float32
    assert abs(float(first_noise(128).std()) - 1) < 0.02


def test_bit_i_of_value_b_is_row_i_plus_b_l():
    tokens = BitEmbedding(4, 8)
    bits = torch.tensor([[-1.0, -1, -1, -1], [1, 1, 1, 1], [1, -1, -1, 1]])
    assert tokens.indices(bits).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [4, 1, 2, 7]]
    assert tokens(bits).shape == (3, 4, 8)
    assert torch.equal(tokens(bits)[2, 3], tokens.table.weight[7])
    network = DiffMark(replace(SMALL, bits=4))
    assert network.unet.tokens.table.num_embeddings == 8


def test_cif_takes_channels_as_tokens():
    """By the definition: head by head, a softmax over the bits for each channel."""
    torch.manual_seed(2)
    fusion = CIF(channels=6, side=4, width=5, groups=2)
    x, tokens = torch.randn(2, 6, 4, 4), torch.randn(2, 3, 5)
    assert torch.equal(fusion(x, tokens), x)  # the identity at the start
    nn.init.normal_(fusion.leave.weight)
    query = fusion.query(fusion.norm(x).flatten(2))  # (2, 6, 16)
    key, value = fusion.key(tokens), fusion.value(tokens)  # (2, 3, 16)
    size, parts = 16 // HEADS, []
    for head in range(HEADS):
        part = slice(head * size, (head + 1) * size)
        weight = (query[..., part] @ key[..., part].transpose(1, 2) / size**0.5).softmax(2)
        assert weight.shape == (2, 6, 3)
        parts.append(weight @ value[..., part])
    expected = x + fusion.leave(torch.cat(parts, 2)).reshape(x.shape)
    assert torch.allclose(fusion(x, tokens), expected, atol=1e-5)


def test_self_attention_takes_positions_as_tokens():
    torch.manual_seed(2)
    attention = SelfAttention(channels=8, groups=2)
    nn.init.normal_(attention.leave.weight)
    x = torch.randn(1, 8, 3, 5)
    order = torch.randperm(15)
    moved = x.flatten(2)[..., order].reshape(x.shape)
    expected = attention(x).flatten(2)[..., order].reshape(x.shape)
    assert torch.allclose(attention(moved), expected, atol=1e-5)


def test_attention_and_fusion_stand_at_the_published_sides():
    network = DiffMark(Config(base=16, groups=8))
    sides = [side for side in (128, 64, 32, 16, 8) for _ in range(2)][::-1]
    fused = [side for side, part in zip(sides, network.unet.fusion, strict=True) if isinstance(part, CIF)]
    assert fused == [8, 8, 16, 16] and network.unet.down.side == 8
    attends = [isinstance(part, SelfAttention) for part in network.unet.down.attention]
    assert attends == [False, False, False, True, True]
    assert Config().widths == (16, 32, 64, 128, 256) and LARGE.widths == (16, 32, 64, 128, 256, 512)
    assert network.unet.fusion[0].query.in_features == 64 and network.unet.fusion[2].query.in_features == 256


def test_the_released_size():
    count = sum(parameter.numel() for parameter in DiffMark(RELEASED).parameters())
    assert count == 1_221_392 and 2 * count < 2.5e6  # bytes at half precision


def test_the_decoder_compares_the_classes_of_each_bit():
    network = made(SMALL)
    logits = torch.zeros(1, 8, 16)
    logits[0, 2, 2], logits[0, 3, 11], logits[0, 4, 0] = 5.0, 4.0, 9.0
    network.classes = lambda received: logits
    found = network.read(torch.zeros(1, 3, 64, 64))
    # a class of another bit, which the released rule would read as a 0 or a 1, counts for nothing
    assert found.tolist() == [[0, 0, -5, 4, 0, 0, 0, 0]]


@pytest.mark.parametrize("t", [0, 50, 99])
def test_the_start_is_the_face_and_the_plain_code_for_every_timestep(t):
    network, rng = made(SMALL), torch.Generator().manual_seed(1)
    x = 2 * torch.rand(2, 3, 64, 64, generator=rng) - 1
    bits = torch.ones(2, 8)
    x_c = float(SCHEDULE.face_weights[t]) * x
    found = network.denoise(torch.randn(x.shape, generator=rng), x_c, torch.full((2,), float(t)), bits)
    assert torch.allclose(found, x + network.code.residual(x, bits), atol=1e-5)


def test_patterns_are_orthonormal_waves_of_chroma():
    code = made(RELEASED).code
    patterns = code.write.flatten(1)
    assert torch.allclose(patterns @ patterns.T, torch.eye(30), atol=1e-5)
    residual = code.residual(torch.zeros(1, 3, 128, 128), torch.ones(1, 30))
    assert residual.sum(1).abs().max() < 1e-5  # no change of R + G + B
    assert torch.allclose(code.correlations(residual), code.margin.expand(1, 30), atol=1e-4)


@pytest.mark.parametrize("row", range(4))
def test_at_the_start_bits_of_a_real_face_survive_jpeg_and_most_an_autoencoder(row):
    network, image, bits = made(RELEASED), face(row), random_bits(30, row)
    levels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    marked = network.encode(levels, torch.from_numpy(model.signed(bits)))
    stored = marked[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()
    error = np.square(stored.astype(float) - image).mean()
    assert 10 * np.log10(255**2 / error) > 36
    file = io.BytesIO()
    Image.fromarray(stored).save(file, "JPEG", quality=50)  # 4:2:0
    for received, errors in (
        (stored, 0),
        (np.asarray(Image.open(file)), 0),
        (Autoencoded().redraw(stored), 9),
    ):
        read = network.read(torch.from_numpy(received).permute(2, 0, 1)[None].float())
        assert int(((read[0].numpy() > 0) != bits).sum()) <= errors
    unmarked = network.read(levels)[0].numpy() > 0
    assert 5 <= int((unmarked != bits).sum()) <= 25  # the face alone has none of the bits


def test_the_codec_without_pytorch_is_the_network(weights):
    network, image, bits = made(RELEASED, 0.01), face(), random_bits(30)
    network.load_state_dict({name: value.half().float() for name, value in network.state_dict().items()})
    codec = model.DiffMarkCodec(weights)
    levels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    expected = network.encode(levels, torch.from_numpy(model.signed(bits))) - levels
    change = codec.encode(image, bits)
    assert change.shape == (128, 128, 3) and change.dtype == np.float32
    assert np.abs(change - expected[0].permute(1, 2, 0).numpy()).max() < 1e-2
    assert np.array_equal(change, codec.encode(image, bits))
    soft_bits = codec.decode(image)
    assert np.allclose(soft_bits, -0.5 * network.read(levels)[0].numpy(), atol=1e-3)
    released = model.DiffMarkCodec(weights, as_released=True).encode(image, bits)
    assert np.abs(released - change).max() > 0.01


def test_the_carrier_reads_what_it_embeds_in_a_photograph(weights):
    carrier, photo, bits = model.carrier(weights), data.astronaut(), random_bits(30)
    marked = carrier.embed(photo, bits).apply(photo)
    assert np.array_equal(carrier.read(marked, 30).bits, bits)


def test_guidance_is_the_gradient_of_the_likelihood_of_the_bits():
    """Against differences of the likelihood, for a deepfake whose change is constant."""
    network = made(SMALL, 0.05)
    rng = np.random.default_rng(3)
    x = torch.from_numpy(rng.standard_normal((1, 3, 64, 64))).float()
    x_c, t, bits = 0.5 * torch.tanh(x.roll(7, 2)), torch.tensor([30.0]), torch.ones(1, 8)

    def likelihood(x_t):
        logits = network.classes(127.5 * (network.denoise(x_t, x_c, t, bits) + 1))
        wanted = network.unet.tokens.indices(bits)[..., None]
        return float(logits.double().log_softmax(2).gather(2, wanted).sum())

    x_t = x.clone().requires_grad_()
    x0 = network.denoise(x_t, x_c, t, bits)
    exact = (127.5 * (x0.detach() + 1))[0].permute(1, 2, 0).numpy()
    found = guidance.score(network, x0, x_t, bits, lambda levels: exact)
    direction = found / found.norm()
    step = 0.05
    slope = (likelihood(x + step * direction) - likelihood(x - step * direction)) / (2 * step)
    assert float(found.norm()) > 1e-4 and slope == pytest.approx(float(found.norm()), rel=0.05)


def test_guidance_moves_the_noise_and_leaves_the_last_step(weights):
    network, x = made(SMALL, 0.05), torch.zeros(1, 3, 64, 64)
    bits, x_c = torch.ones(1, 8), torch.full((1, 3, 64, 64), 0.1)
    guided = guidance.guided(network, bits, lambda levels: levels, strength=10.0)
    assert torch.equal(guided(x, x_c, 0), network.denoise(x, x_c, torch.zeros(1), bits))
    plain = network.denoise(x, x_c, torch.full((1,), 40.0), bits)
    x_t = x.clone().requires_grad_()
    x0 = network.denoise(x_t, x_c, torch.full((1,), 40.0), bits)
    towards = 10 * guidance.score(network, x0, x_t, bits, lambda levels: levels)
    abar = SCHEDULE.abar[40]

    def noise(x0):
        return (x - abar**0.5 * x0) / (1 - abar) ** 0.5

    moved = noise(guided(x, x_c, 40)) - noise(plain)
    assert torch.allclose(moved, -float((1 - abar) ** 0.5) * towards, atol=1e-5) and moved.abs().max() > 0


def test_the_guided_codec_marks_a_face(weights):
    image, bits = face(), random_bits(30)
    change = model.GuidedCodec(weights).encode(image, bits)
    assert change.shape == (128, 128, 3) and np.isfinite(change).all()
    assert np.abs(change - model.DiffMarkCodec(weights).encode(image, bits)).max() > 1e-3
    assert from_levels(torch.tensor([0.0, 255.0])).tolist() == [-1, 1]
