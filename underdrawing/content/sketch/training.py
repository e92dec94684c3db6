"""Training of the weights of the sketch.

    underdrawing train photo-sketch --data DIR --minutes 16 -o runs/sketch

DIR holds tar shards of photographs. Analysis and synthesis are the principal components of lapped blocks,
the token scales are k-means centres with a least-squares phi: all in closed form, before the first step. The
rest of the decoder is trained by gradient, on symbols quantized as by the coder: rounded with a bias to zero,
alone or refining a coarser layer. (Joint training with an encoder and a rate term for 15 minutes on two cores
did not reach the closed form: 29.1 against 29.7 dB at a step of 60, 26.0 against 25.9 dB at 160.)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.content.sketch.parameters import BLOCK, STEP_REFERENCE, Config
from underdrawing.content.sketch.sketch_net import SketchNet, conditions
from underdrawing.data.shards import random_crop
from underdrawing.nets.lapped import mix_borders
from underdrawing.nets.quantizer_start import start_quantizer
from underdrawing.train.checkpoint import save_checkpoint
from underdrawing.train.crops import training_photos
from underdrawing.train.run import Recipe, run_recipe


@dataclass(frozen=True)
class SketchRecipe(Recipe):
    """Settings of the decoder's training; `batches` replaces `batch`."""

    batches: tuple[tuple[int, int], ...] = ((256, 4), (128, 16))
    """(side in pixels, crops) of a batch; one of them is drawn at each step."""
    shortest: tuple[int, int] = (128, 416)
    """Range of the photo's short side, in pixels, that a crop is cut from."""
    steps_px: tuple[float, float] = (72.0, 600.0)
    """Range of the finest step, in levels, drawn log-uniformly."""
    tokens_only: float = 0.12
    """Share of the samples that are decoded from a prefix of token scales alone."""
    base_scales: int = 4
    """Token scales below the symbols."""
    deadzone: tuple[float, float] = (0.32, 0.44)
    """Values are quantized by floor(|v| + deadzone); drawn for each sample."""
    coarser: float = 0.35
    """Share of the samples whose symbols refine a layer of a coarser step."""
    ratio: tuple[float, float] = (1.5, 5.0)
    """Range of the coarser step over the finer."""
    learning_rate: float = 6e-4
    seed_crops: int = 2400
    """Crops from which components, codebooks and phi are set."""
    ridge: float = 1e-3
    """Weight of phi's size in its least squares, relative to the mean power of its input."""


RECIPES = {"default": SketchRecipe()}
DEFAULT = "default"


class SketchTraining:
    """The system that the loop trains: see the file's head."""

    def __init__(self, net: SketchNet, photos: list[np.ndarray], recipe: SketchRecipe):
        self.photos, self.recipe, self.config = photos, recipe, net.config
        self.module = net.requires_grad_(False).to(memory_format=torch.channels_last)
        learned = [p for name, p in net.decoder.named_parameters() if not name.startswith("synthesis")]
        for parameter in learned:
            parameter.requires_grad_(True)
        self.players = {"decoder": [{"params": learned, "lr": recipe.learning_rate}]}

    def batch(self, rng: np.random.Generator) -> Tensor:
        """Random crops: (B, 3, side, side) float in levels."""
        side, count = self.recipe.batches[rng.integers(len(self.recipe.batches))]
        picks = rng.integers(len(self.photos), size=count)
        crops = np.stack([random_crop(self.photos[i], side, self.recipe.shortest, rng) for i in picks])
        images = torch.from_numpy(crops).permute(0, 3, 1, 2).float()
        return images.contiguous(memory_format=torch.channels_last)

    def losses(self, image: Tensor, rng: np.random.Generator) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Squared error, divided by the step so that coarse codes do not dominate."""
        count, recipe = len(image), self.recipe
        usable = sum(side * BLOCK <= image.shape[-1] for side in self.config.sides)
        only = rng.random(count) < recipe.tokens_only
        prefix = torch.from_numpy(
            np.where(only, rng.integers(1, usable + 1, count), min(usable, recipe.base_scales))
        )
        step = np.where(only, 0.0, _log_uniform(recipe.steps_px, count, rng))
        base = np.where(
            rng.random(count) < recipe.coarser, step * _log_uniform(recipe.ratio, count, rng), 0.0
        )
        with torch.no_grad():
            latent = self.module.encoder(image)
            totals = self.module.quantizer.quantize(latent[:, : self.config.token_dim], usable)[1]
            stack = torch.stack((torch.zeros_like(totals[0]), *totals))
            token_latent = self.module.widen(stack[prefix, torch.arange(count)])
            deadzone = torch.from_numpy(rng.uniform(*recipe.deadzone, count)).float()
            coarse = quantized(latent - token_latent, torch.from_numpy(base).float(), deadzone)
            fine = quantized(latent - token_latent - coarse, torch.from_numpy(step).float(), deadzone)
        steps = torch.from_numpy(step).float()
        condition = conditions(steps, prefix, len(self.config.sides))
        decoded = self.module.decoder(token_latent + coarse + fine, coarse + fine, steps, condition)
        error = (decoded - image).square().flatten(1).mean(1)
        yield "decoder", {"distortion": (error / torch.where(steps > 0, steps, 4 * STEP_REFERENCE)).mean()}


def quantized(value: Tensor, step: Tensor, deadzone: Tensor) -> Tensor:
    """Multiples of each sample's step nearest to (B, C, h, w), biased to zero; zeros where the step is 0."""
    width = step[:, None, None, None]
    scaled = value / width.clamp_min(1.0)
    return scaled.sign() * (scaled.abs() + deadzone[:, None, None, None]).floor() * width


def _log_uniform(span: tuple[float, float], count: int, rng: np.random.Generator) -> np.ndarray:
    return np.exp(rng.uniform(np.log(span[0]), np.log(span[1]), count))


def fresh(config: Config, generator: torch.Generator) -> SketchNet:
    """A net whose random weights come from the generator alone."""
    net = SketchNet(config)
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear) and module.weight.abs().max() > 0:
            fan = module.weight[0].numel()
            with torch.no_grad():
                module.weight.normal_(0, (1.6 / fan) ** 0.5, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
    return net


@torch.no_grad()
def set_start(
    net: SketchNet, photos: list[np.ndarray], recipe: SketchRecipe, rng: np.random.Generator
) -> None:
    """Set analysis and synthesis to principal components, and the codebooks to k-means centres, of random
    crops."""
    side = max(256 if min(photo.shape[:2]) >= 200 else 128 for photo in photos)
    latents, covariance = [], torch.zeros(3 * BLOCK * BLOCK, 3 * BLOCK * BLOCK, dtype=torch.float64)
    picks = rng.integers(len(photos), size=recipe.seed_crops)
    parts = np.array_split(picks, max(1, len(picks) // 64))

    def crops(part: np.ndarray) -> Tensor:
        pixels = np.stack([random_crop(photos[i], side, recipe.shortest, rng) for i in part])
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).float()

    for part in parts[: max(1, len(parts) // 4)]:
        mixed = F.pixel_unshuffle(mix_borders(crops(part) - 128.0, net.encoder.overlap), BLOCK)
        rows = mixed.permute(0, 2, 3, 1).flatten(0, 2).double()
        covariance += rows.T @ rows / len(rows)
    power, vectors = torch.linalg.eigh(covariance / max(1, len(parts) // 4))
    channels = net.config.channels
    basis = torch.flip(vectors, (1,))[:, :channels].T.float()
    net.encoder.analysis.weight.copy_(basis[:, :, None, None])
    net.decoder.synthesis.weight.copy_(basis.T[:, :, None, None])
    deviation = torch.flip(power, (0,))[:channels].clamp_min(1.0).sqrt().float()
    net.decoder.deviation.copy_(deviation)
    for part in parts:
        latents.append(net.encoder(crops(part))[:, : net.config.token_dim])
    start_quantizer(net.quantizer, torch.cat(latents), recipe.ridge, rng)


def make(
    recipe: SketchRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train on a folder of shards; see train.run. `photo-sketch-code` exports out/checkpoint.pt."""
    photos = training_photos(data)
    net = fresh(Config(), torch.Generator().manual_seed(1))
    if not resume:
        set_start(net, photos, recipe, np.random.default_rng(1))
        save_checkpoint(out / "start.pt", {"module": net.state_dict(), "average": {}})
    system = SketchTraining(net, photos, recipe)
    return run_recipe(lambda _: system, recipe, out, lambda *_: None, minutes=minutes, resume=resume)
