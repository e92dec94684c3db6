"""Training of the recovery transformer.

    underdrawing train hidden-code-recovery --data DIR -o runs/recovery

Random crops, free-form masks, codes of any number of scales, some with bit errors. Target tokens follow the
actual running sum: after a wrong token the target of the next scale corrects it. Time and score: README.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.attacks import tamper
from underdrawing.nets.loading import save_network
from underdrawing.nets.residual_quantizer import nearest, pool
from underdrawing.nets.token_net import TokenNet
from underdrawing.systems.hidden_code.recovery import visible_cells
from underdrawing.systems.hidden_code.recovery_net import Given, RecoveryConfig, RecoveryNet
from underdrawing.systems.hidden_code.tokens import Tokenizer
from underdrawing.train.crops import crop_batch, training_photos
from underdrawing.train.run import CropRecipe, run_recipe

_SHAPES = (tamper.free_form, tamper.free_form, tamper.blob, tamper.box)


@dataclass(frozen=True)
class Recipe(CropRecipe):
    """Settings of the training."""

    config: RecoveryConfig = field(default_factory=RecoveryConfig)
    area: tuple[float, float] = (0.05, 0.5)
    """Range of the masked share of the picture."""
    covered: float = 0.05
    """Share of the pictures with a full mask."""
    dropped: float = 0.0
    """Share of the pictures with a full mask and no code, for guidance (the paper's code base: .1)."""
    prefixes: tuple[int, ...] = (0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9)
    """Numbers of scales in the code; one is drawn for each batch."""
    wrong: float = 0.25
    """Share of the batches with bit errors in the code."""
    wrong_bits: float = 0.02
    """Bit error rate in those."""


RECIPES = {
    "cpu-40min": Recipe(),
    "paper-size": Recipe(config=RecoveryConfig(width=1024, depth=16, heads=16), minutes=2000.0, batch=64,
                         learning_rate=1e-4),
    "smoke": Recipe(config=RecoveryConfig(width=16, depth=1, heads=2, dim=8, scales=3), batch=1),
}  # fmt: skip
"""By the name that `--recipe` takes; paper-size (310 million parameters, the depth of VAR-d16) needs a
datacentre GPU."""
DEFAULT = "cpu-40min"


class RecoveryTraining:
    """The system of the training loop; the tokenizer is frozen."""

    def __init__(self, net: RecoveryNet, tokens: TokenNet, photos: list[np.ndarray], recipe: Recipe) -> None:
        self.module, self.tokens, self.photos, self.recipe = net, tokens.eval(), photos, recipe
        self.players = {"recovery": [{"params": list(net.parameters()), "lr": recipe.learning_rate}]}

    def batch(self, rng: np.random.Generator) -> Tensor:
        """Random crops (B, 3, side, side) in [0, 1]."""
        recipe = self.recipe
        picks = rng.integers(len(self.photos), size=recipe.batch)
        return crop_batch(self.photos, picks, recipe.side, recipe.shortest, rng)

    def losses(self, image: Tensor, rng: np.random.Generator) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Cross entropy, in nats, of the tokens that are in neither code nor surroundings."""
        with torch.no_grad():
            latent = self.tokens.encoder(image)
            visible = visible_cells(self._masks(image, rng))
            bare = self._dropped(len(image), rng)
            visible = visible * ~bare[:, None, None, None]
            shown, true, totals = self._tokens(latent, visible, bare, rng)
        given = Given(latent * visible, visible, shown[: self._prefix])
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.module(self.tokens.quantizer, given, shown, totals)
        losses, counts = [], []
        for scale in range(0 if bare.any() else self._prefix, len(logits)):
            unknown = (shown[scale] < 0).flatten()
            entropy = F.cross_entropy(logits[scale].flatten(0, 1), true[scale].flatten(), reduction="none")
            losses.append((entropy * unknown).sum())
            counts.append(unknown.sum())
        yield "recovery", {"tokens": torch.stack(losses).sum() / torch.stack(counts).sum().clamp_min(1)}

    def _masks(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        masks = []
        for _ in range(len(image)):
            if rng.random() < self.recipe.covered:
                masks.append(np.ones(image.shape[-2:], bool))
                continue
            shape = _SHAPES[rng.integers(len(_SHAPES))]
            masks.append(shape(*image.shape[-2:], rng, self.recipe.area))
        return torch.from_numpy(np.stack(masks))[:, None].float()

    def _dropped(self, count: int, rng: np.random.Generator) -> Tensor:
        """(count,) bool: the pictures without any condition."""
        share = self.recipe.dropped
        return torch.from_numpy(rng.random(count) < share if share else np.zeros(count, bool))

    def _tokens(
        self, latent: Tensor, visible: Tensor, bare: Tensor, rng: np.random.Generator
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """For every scale: input tokens (-1 where unknown), target tokens, and the sum of the coarser scales.

        bare: (B,) bool, pictures without code.
        """
        quantizer, recipe = self.tokens.quantizer, self.recipe
        usable = [prefix for prefix in recipe.prefixes if prefix < len(quantizer.sides)]
        self._prefix = int(usable[rng.integers(len(usable))])
        wrong = recipe.wrong_bits if rng.random() < recipe.wrong else 0.0
        total, shown, true, totals = torch.zeros_like(latent), [], [], []
        for scale, side in enumerate(quantizer.sides):
            grid = nearest(pool(latent - total, side), quantizer.codebooks[scale])
            whole = F.adaptive_avg_pool2d(visible, grid.shape[1:])[:, 0] > 1 - 1e-4
            if scale < self._prefix:
                no_code = bare[:, None, None]
                received = _flipped(grid, len(quantizer.codebooks[scale]), wrong, rng)
                grid = torch.where(no_code, grid, received)
                shown.append(torch.where(no_code, torch.full_like(grid, -1), grid))
            else:
                shown.append(torch.where(whole, grid, torch.full_like(grid, -1)))
            true.append(grid)
            totals.append(total)
            total = total + quantizer.part(grid, scale, (latent.shape[-2], latent.shape[-1]))
        return shown, true, totals


def _flipped(grid: Tensor, codes: int, share: float, rng: np.random.Generator) -> Tensor:
    """Indices with bit errors of probability `share`."""
    flips = torch.zeros_like(grid)
    for bit in range((codes - 1).bit_length()):
        flips |= torch.from_numpy(rng.random(grid.shape) < share).to(grid) << bit
    return grid ^ flips


def initial_network(recipe: Recipe, seed: int = 1) -> RecoveryNet:
    """A network with random weights that depend on the seed alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return RecoveryNet(recipe.config)


def make(recipe: Recipe, data: Path, out: Path, *, minutes: float | None, resume: bool) -> dict[str, float]:
    """Train on the released tokens; see train.run."""
    return run(training_photos(data), recipe, Tokenizer().net, out, minutes=minutes, resume=resume)


def run(
    photos: list[np.ndarray],
    recipe: Recipe,
    tokens: TokenNet,
    out: Path,
    *,
    minutes: float | None = None,
    resume: bool = False,
) -> dict[str, float]:
    """Train on photographs in memory and write out/recovery.safetensors; the log's last row."""
    return run_recipe(
        lambda _: RecoveryTraining(initial_network(recipe), tokens, photos, recipe),
        recipe,
        out,
        lambda system, metadata: save_network(system.module, out / "recovery.safetensors", metadata),
        minutes=minutes,
        resume=resume,
    )
