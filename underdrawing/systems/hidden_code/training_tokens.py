"""Training of the tokenizer.

    underdrawing train hidden-code-tokens --recipe dropout --data DIR -o runs/tokens

Principal components, k-means centres and phi are set in closed form before the first step; then encoder,
quantizer and decoder are trained jointly. The paper's addition to a residual quantizer is scale dropout: the
decoder gets the sum of a random prefix of the scales, so that a truncated code stays useful. The loss adds a
distance of classifier features (losses/features) to the squared error. Time and score: README.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.losses.features import feature_distance, load_features
from underdrawing.nets.quantizer_start import start_quantizer
from underdrawing.nets.residual_quantizer import nearest, pool
from underdrawing.nets.token_net import TokenConfig, TokenNet
from underdrawing.systems.hidden_code.tokens import save_tokens
from underdrawing.train.crops import crop_batch, training_photos
from underdrawing.train.run import CropRecipe, run_recipe

_POWER = 64.0**2  # squared levels in one unit of the quantizer's losses
_LEAST_MSE = 1e-4
_STALE = 0.02  # of the hits that a code would have if all were used alike, below which it is replaced


@dataclass(frozen=True)
class Recipe(CropRecipe):
    """Settings of the training."""

    config: TokenConfig = field(default_factory=TokenConfig)
    minutes: float = 28.0
    full: float = 0.5
    """Share of the pictures decoded from all scales, others from a random prefix; 1: no scale dropout."""
    commitment: float = 0.25
    """Weight of the commitment loss."""
    decay: float = 0.98
    """Decay of the codes' moving averages."""
    seed_crops: int = 1600
    """Crops for components, centres and phi."""
    ridge: float = 1e-3
    meaning: float = 1.0
    """Weight of the feature distance; 0: squared error only, without a feature network."""
    feature_batch: int = 6
    """Pictures of each batch, those of most scales, with a feature distance: the most expensive part."""


_SMOKE = Recipe(
    config=TokenConfig(
        dim=8, codes=16, sides=(1, 2, 4), encoder_blocks=1, decoder_blocks=1, width=16, polish=16,
    ),
    batch=1, shortest=(256, 300), seed_crops=16, meaning=0.0,
)  # fmt: skip
RECIPES = {
    "dropout": Recipe(),
    "figure-dropout": Recipe(meaning=0.0, minutes=10.0),
    "figure-no-dropout": Recipe(meaning=0.0, minutes=10.0, full=1.0),
    "single-scale": Recipe(config=TokenConfig(sides=(16,)), minutes=12.0),
    "paper-size": Recipe(
        config=TokenConfig(codes=4096, encoder_blocks=6, decoder_blocks=12, width=384, polish=96),
        minutes=600.0,
        batch=64,
    ),
    "smoke": _SMOKE,
}
"""By the name that `--recipe` takes. The two of the paper's figure 2 differ in the scale dropout alone;
single-scale is for comparison; paper-size is meant for a datacentre GPU."""
DEFAULT = "dropout"


class TokenTraining:
    """The system of the training loop."""

    def __init__(self, net: TokenNet, photos: list[np.ndarray], recipe: Recipe) -> None:
        self.photos, self.recipe = photos, recipe
        self.features = load_features() if recipe.meaning else None
        self.module = net.to(memory_format=torch.channels_last)
        books = net.quantizer.codebooks
        net.register_buffer("hits", torch.ones(books.shape[:2]))
        net.register_buffer("sums", books.clone())
        self.players = {"tokens": [{"params": list(net.parameters()), "lr": recipe.learning_rate}]}

    def batch(self, rng: np.random.Generator) -> Tensor:
        """Random crops (B, 3, side, side) in [0, 1]."""
        recipe = self.recipe
        picks = rng.integers(len(self.photos), size=recipe.batch)
        return crop_batch(self.photos, picks, recipe.side, recipe.shortest, rng)

    def losses(self, image: Tensor, rng: np.random.Generator) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Loss terms: squared error in dB, feature distance, distances of latent and running totals."""
        latent = self.module.encoder(image)
        totals, apart, commit = self._totals(latent, rng)
        many, count = len(totals), len(image)
        cut = rng.random(count) >= self.recipe.full
        prefix = torch.from_numpy(np.where(cut, rng.integers(1, many + 1, count), many))
        chosen = torch.stack(totals)[prefix - 1, torch.arange(count)].detach()
        passed = latent + (chosen - latent).detach()
        with torch.autocast("cpu", torch.bfloat16):
            decoded = self.module.decoder(passed, prefix)
        error = (decoded - image).square().mean((1, 2, 3))
        parts = {
            "decode": torch.log10(error + _LEAST_MSE).mean(),
            "fit": apart / _POWER,
            "commit": self.recipe.commitment * commit / _POWER,
        }
        if self.features is not None:
            whole = torch.argsort(prefix, descending=True, stable=True)[: self.recipe.feature_batch]
            with torch.autocast("cpu", torch.bfloat16):
                distance = feature_distance(self.features, decoded[whole], image[whole])
            parts["meaning"] = self.recipe.meaning * distance
        yield "tokens", parts

    def _totals(self, latent: Tensor, rng: np.random.Generator) -> tuple[list[Tensor], Tensor, Tensor]:
        """Running totals after each scale, and the two mean squared distances over all scales."""
        quantizer, still = self.module.quantizer, latent.detach()
        total, totals, apart, commit = torch.zeros_like(still), [], 0.0, 0.0
        for scale, side in enumerate(quantizer.sides):
            pooled = pool(still - total, side)
            tokens = nearest(pooled, quantizer.codebooks[scale])
            total = total + quantizer.part(tokens, scale, (still.shape[-2], still.shape[-1]))
            apart = apart + F.mse_loss(total, still)
            total = total.detach()
            commit = commit + F.mse_loss(latent, total)
            totals.append(total)
            self._update_codes(scale, pooled, tokens, rng)
        return totals, apart / len(totals), commit / len(totals)

    @torch.no_grad()
    def _update_codes(self, scale: int, pooled: Tensor, tokens: Tensor, rng: np.random.Generator) -> None:
        """Moving average of the vectors of each code; an unused code restarts at a random vector."""
        net, keep = self.module, self.recipe.decay
        vectors, picks = pooled.permute(0, 2, 3, 1).flatten(0, 2), tokens.flatten()
        hits = torch.zeros_like(net.hits[scale]).index_add_(0, picks, torch.ones(len(picks)))
        sums = torch.zeros_like(net.sums[scale]).index_add_(0, picks, vectors)
        net.hits[scale].mul_(keep).add_(hits, alpha=1 - keep)
        net.sums[scale].mul_(keep).add_(sums, alpha=1 - keep)
        stale = torch.nonzero(net.hits[scale] < _STALE * len(picks) / len(net.hits[scale])).flatten()[:4]
        if len(stale) and len(picks) > 1:
            fresh = vectors[torch.from_numpy(rng.integers(len(vectors), size=len(stale)))]
            net.hits[scale][stale] = len(picks) / len(net.hits[scale])
            net.sums[scale][stale] = fresh * net.hits[scale][stale, None]
        net.quantizer.codebooks[scale].copy_(net.sums[scale] / net.hits[scale].clamp_min(1e-6)[:, None])


@torch.no_grad()
def initial_network(photos: list[np.ndarray], recipe: Recipe, seed: int = 1) -> TokenNet:
    """A network with components, centres and phi set; depends on photographs and seed alone."""
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = TokenNet(recipe.config)
    picks = np.array_split(rng.integers(len(photos), size=recipe.seed_crops), max(1, recipe.seed_crops // 32))
    covariance, many = 0.0, max(1, len(picks) // 3)
    for part in picks[:many]:
        blocks = net.encoder.blocks(crop_batch(photos, part, recipe.side, recipe.shortest, rng))
        rows = blocks.permute(0, 2, 3, 1).flatten(0, 2).double()
        covariance = covariance + rows.T @ rows / len(rows) / many
    _, vectors = torch.linalg.eigh(covariance)
    basis = torch.flip(vectors, (1,))[:, : recipe.config.dim].float()
    net.encoder.analysis.weight.copy_(basis.T[:, :, None, None])
    net.decoder.synthesis.weight.copy_(basis[:, :, None, None])
    latents = [net.encoder(crop_batch(photos, part, recipe.side, recipe.shortest, rng)) for part in picks]
    start_quantizer(net.quantizer, torch.cat(latents), recipe.ridge, rng)
    return net


def make(recipe: Recipe, data: Path, out: Path, *, minutes: float | None, resume: bool) -> dict[str, float]:
    """Train on a folder of shards; see train.run."""
    return run(training_photos(data), recipe, out, minutes=minutes, resume=resume)


def run(
    photos: list[np.ndarray],
    recipe: Recipe,
    out: Path,
    *,
    minutes: float | None = None,
    resume: bool = False,
) -> dict[str, float]:
    """Train on photographs in memory and write out/tokens.safetensors; the log's last row."""
    return run_recipe(
        lambda _: TokenTraining(initial_network(photos, recipe), photos, recipe),
        recipe,
        out,
        lambda system, metadata: save_tokens(system.module, out / "tokens.safetensors", metadata),
        minutes=minutes,
        resume=resume,
    )
