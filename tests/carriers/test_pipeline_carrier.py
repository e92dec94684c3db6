"""Gaussian Shading in tiny diffusers pipelines with random weights: made, inverted, read. Nothing is fetched.

A random network's noise is unlike a trained one's: more curved for its size, and its pictures say less of the
noise that they came from. So inversion is measured on the latents for networks of two strengths, and on
pictures with a coder that only spreads the latents over the range of pixels.
"""

import io
import types

import numpy as np
import pytest
from PIL import Image

diffusers = pytest.importorskip("diffusers", reason='needs pip install "underdrawing[generation]"')
torch = pytest.importorskip("torch")

from underdrawing.carriers.in_generation.ddim import Ddim  # noqa: E402
from underdrawing.carriers.in_generation.gaussian_shading import GaussianShading  # noqa: E402
from underdrawing.carriers.in_generation.pipeline import PipelineCarrier  # noqa: E402
from underdrawing.core.errors import CapacityError, UsageError  # noqa: E402
from underdrawing.core.interfaces import Generator  # noqa: E402

SIDE = 16
SHADING = GaussianShading((4, SIDE, SIDE), side_copies=4)
SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


def scheduler(**options):
    return diffusers.DDIMScheduler(clip_sample=False, set_alpha_to_one=False, **(SCHEDULE | options))


def unet(spread, channels=4):
    """A tiny random network whose answers deviate by `spread` where its input deviates by 1."""
    torch.manual_seed(0)
    network = diffusers.UNet2DModel(
        sample_size=SIDE,
        in_channels=channels,
        out_channels=channels,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    ).eval()
    with torch.no_grad():
        gain = spread / network(torch.randn(1, channels, SIDE, SIDE), 500).sample.std()
        network.conv_out.weight *= gain
        network.conv_out.bias *= gain
    return network


def pipeline(network, coder=None, **options):
    return types.SimpleNamespace(unet=network, vae=coder, scheduler=scheduler(**options))


class Spreader(torch.nn.Module):
    """Latents of four channels as pixels of three: a fourth of the channels' squares below the others."""

    def __init__(self, largest):
        super().__init__()
        self.config = diffusers.configuration_utils.FrozenDict(
            block_out_channels=(1, 1), scaling_factor=float(largest)
        )

    def decode(self, latents):
        padded = torch.cat([latents, latents.new_zeros(1, 8, SIDE, SIDE)], 1)
        return types.SimpleNamespace(sample=torch.pixel_shuffle(padded, 2))

    def encode(self, pixels):
        return types.SimpleNamespace(latents=torch.pixel_unshuffle(pixels, 2)[:, :4])


def message(seed=0):
    return np.random.default_rng(seed).integers(0, 2, SHADING.room_bits, dtype=np.uint8)


@pytest.fixture(scope="module")
def noise():
    return SHADING.sample_latents(message(), np.random.default_rng(1))


def signs_kept(found, noise):
    return float(np.mean((found > 0) == (noise > 0)))


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_a_step_is_the_schedulers_own(noise, prediction):
    made = pipeline(unet(1.0), prediction_type=prediction)
    ddim, own = Ddim(made, 10), made.scheduler
    own.set_timesteps(10)
    x = torch.from_numpy(noise)[None]
    with torch.no_grad():
        for time in own.timesteps:
            x = own.step(made.unet(x, time).sample, time, x).prev_sample
    assert np.allclose(ddim.sample(noise), x[0].numpy(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("spread", "usual", "exact"), [(1.0, 0.93, 1.0), (2.0, 0.80, 0.999)], ids=["calm", "curved"]
)
def test_usual_and_exact_inversion_of_latents(noise, spread, usual, exact, record_property):
    ddim = Ddim(pipeline(unet(spread)), steps=20)
    clean = ddim.sample(noise)
    once, solved = ddim.invert(clean), ddim.invert(clean, rounds=40)
    shares = signs_kept(once.latents, noise), signs_kept(solved.latents, noise)
    record_property("signs kept by the usual and the exact inversion", shares)
    assert usual < shares[0] < 0.99
    assert shares[1] >= exact
    assert solved.residual < 1e-3 < 0.05 < once.residual
    for found in (once, solved):
        reading = SHADING.read_latents(found.latents, SHADING.room_bits)
        assert np.array_equal(reading.bits, message()) and reading.present
    assert np.abs(solved.latents - noise).max() < 2e-3


def test_more_steps_make_the_usual_inversion_closer(noise):
    shares = []
    for steps in (4, 12, 30):
        ddim = Ddim(pipeline(unet(2.0)), steps)
        shares.append(signs_kept(ddim.invert(ddim.sample(noise)).latents, noise))
    assert shares[0] + 0.05 < shares[1] < shares[2]


def test_an_inversion_that_does_not_settle_reports_it(noise):
    ddim = Ddim(pipeline(unet(12.0)), steps=5)
    assert ddim.invert(ddim.sample(noise), rounds=10).residual > 1


@pytest.fixture(scope="module")
def carrier():
    network = unet(1.0)
    clean = Ddim(pipeline(network), 10).sample(SHADING.sample_latents(message(), np.random.default_rng(2)))
    largest = 4 * clean.std()
    coder = Spreader(largest)
    return PipelineCarrier(pipeline(network, coder), SHADING, steps=10, rounds=30)


def jpeg(image, quality):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=0)
    return np.asarray(Image.open(buffer))


def test_a_picture_states_its_message(carrier, record_property):
    assert isinstance(carrier, Generator)
    picture = carrier.generate(message(), np.random.default_rng(3))
    assert picture.shape == (2 * SIDE, 2 * SIDE, 3) and picture.dtype == np.uint8
    assert carrier.capacity_bits(picture) == SHADING.room_bits
    accuracies = {}
    for name, received in {"png": picture, "jpeg90": jpeg(picture, 90)}.items():
        reading = carrier.read(received, SHADING.room_bits)
        accuracies[name] = float(np.mean(reading.bits == message()))
        assert reading.present and reading.evidence.shape == (2 * SIDE, 2 * SIDE)
    record_property("bit accuracy from the picture", accuracies)
    assert accuracies["png"] == 1 and accuracies["jpeg90"] > 0.95
    assert carrier.read(255 - picture[::-1], SHADING.room_bits).present is False
    with pytest.raises(CapacityError, match="got 65"):
        carrier.generate(np.zeros(65, np.uint8), np.random.default_rng(0))


def test_a_pipeline_that_takes_latents_makes_the_picture_itself():
    class TextToImage(diffusers.DiffusionPipeline):
        """As text-to-image pipelines are: conditions, latents, a list of pictures."""

        def __init__(self, unet, vae, scheduler):
            super().__init__()
            self.register_modules(unet=unet, vae=vae, scheduler=scheduler)

        def __call__(self, prompt, latents, num_inference_steps, output_type):
            assert prompt == "a cat" and output_type == "np"
            self.given = latents
            return types.SimpleNamespace(images=[np.full((2 * SIDE, 2 * SIDE, 3), 0.5, np.float32)])

    torch.manual_seed(0)
    network = diffusers.UNet2DConditionModel(
        sample_size=SIDE, layers_per_block=1, block_out_channels=(8, 16), norm_num_groups=4,
        cross_attention_dim=8, attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ).eval()  # fmt: skip
    coder = diffusers.AutoencoderKL(
        block_out_channels=(8, 8), latent_channels=4, norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    ).eval()  # fmt: skip
    made = TextToImage(network, coder, scheduler())
    conditions = {"encoder_hidden_states": torch.zeros(1, 4, 8)}
    carrier = PipelineCarrier(made, SHADING, 4, call={"prompt": "a cat"}, conditions=conditions)
    picture = carrier.generate(message(), np.random.default_rng(4))
    assert (picture == 128).all()
    assert np.array_equal(SHADING.read_latents(made.given[0].numpy(), SHADING.room_bits).bits, message())
    larger = carrier.read(np.asarray(Image.fromarray(picture).resize((96, 80))), SHADING.room_bits)
    assert larger.soft_bits.shape == (SHADING.room_bits,) and larger.evidence.shape == (80, 96)
    assert larger.present is False


def test_the_decoder_can_be_inverted_beyond_the_encoders_answer(noise):
    torch.manual_seed(1)
    coder = diffusers.AutoencoderKL(
        block_out_channels=(8,), latent_channels=4, norm_num_groups=4, layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",), up_block_types=("UpDecoderBlock2D",),
    ).eval()  # fmt: skip
    ddim = Ddim(pipeline(unet(1.0), coder), steps=4)
    picture = ddim.decode(noise)
    errors = [np.abs(ddim.decode(ddim.encode(picture, r)).astype(float) - picture).mean() for r in (0, 60)]
    assert errors[1] < 0.7 * errors[0]


def test_what_cannot_be_inverted_is_refused():
    flow = types.SimpleNamespace(transformer=unet(1.0), scheduler=diffusers.FlowMatchEulerDiscreteScheduler())
    with pytest.raises(UsageError, match="FlowMatchEulerDiscreteScheduler cannot be inverted by DDIM"):
        Ddim(flow)
    with pytest.raises(UsageError, match="expected a unet"):
        Ddim(types.SimpleNamespace(scheduler=scheduler()))
