"""Training of the published networks (sec. 3.3 to 3.5): stages, decoupling, critics, equations 3 to 9."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.attacks.training_layer import Attacked, AttackingLayer
from underdrawing.losses import adversarial
from underdrawing.nets.patch_critic import PatchCritic
from underdrawing.systems.imuge import losses
from underdrawing.systems.imuge.network_published import STAGES, PublishedNetworks
from underdrawing.systems.imuge.recipes import PublishedRecipe
from underdrawing.train.crops import crop_batch
from underdrawing.train.sample_grid import amplified_residual, sample_grid

Terms = Iterator[tuple[str, dict[str, Tensor]]]
_MEMORY = 0.99  # of the running mean of the classification loss


class Players(nn.Module):
    """All networks, and the state of the task decoupling."""

    def __init__(self, recipe: PublishedRecipe) -> None:
        super().__init__()
        self.networks = PublishedNetworks(recipe.networks)
        self.critic_container = PatchCritic(recipe.critic_width)
        self.critic_recovered = PatchCritic(recipe.critic_width)
        self.register_buffer("mean_cls", torch.tensor(1.0))
        self.register_buffer("converged", torch.tensor(False))


class PublishedTraining:
    """The system of the training loop."""

    def __init__(self, photos: list[np.ndarray], recipe: PublishedRecipe, device: torch.device) -> None:
        self.photos, self.recipe, self.device = photos, recipe, device
        self.module = Players(recipe).to(device)
        self.nets, self.layer = self.module.networks, AttackingLayer(recipe.attacks)
        self.progress = 0.0
        critics = [*self.module.critic_container.parameters(), *self.module.critic_recovered.parameters()]
        self.players = {
            "generator": self._group(list(self.nets.parameters())),
            "critics": self._group(critics),
        }
        if self.nets.verifier is not None:
            self.players["verifier"] = self._group(list(self.nets.verifier.parameters()))

    def _group(self, parameters: list[nn.Parameter]) -> list[dict]:
        return [{"params": parameters, "lr": self.recipe.learning_rate, "betas": self.recipe.betas}]

    def begin(self, step: int, progress: float) -> None:
        """Set the progress, which determines stage, fade and decoupling."""
        self.progress = progress
        self.module.train()

    @property
    def stage(self) -> int:
        """Stage of progressive recovery, 1 to 4."""
        if not self.recipe.progressive:
            return STAGES
        return min(STAGES, 1 + int(self.progress / self.recipe.stage + 1e-9))

    @property
    def fade(self) -> float:
        """Blend of the newest segments, 0 to 1."""
        if not self.recipe.progressive or self.stage == 1:
            return 1.0
        since = self.progress / self.recipe.stage - (self.stage - 1)
        return float(np.clip(since / self.recipe.fade, 0.0, 1.0))

    @property
    def coupled(self) -> bool:
        """Whether the decoder gets the predicted mask and all networks are trained jointly."""
        if self.nets.verifier is None or self.stage < STAGES:
            return False
        return (
            not self.recipe.decoupling
            or bool(self.module.converged)
            or self.progress >= self.recipe.decoupled_until
        )

    def batch(self, rng: np.random.Generator) -> Tensor:
        """Random crops (B, 3, side, side)."""
        recipe = self.recipe
        picks = rng.integers(len(self.photos), size=recipe.batch)
        return crop_batch(self.photos, picks, recipe.side, recipe.shortest, rng).to(self.device)

    def losses(self, image: Tensor, rng: np.random.Generator) -> Terms:
        """Loss terms of the verifying network, the critics and the generator, in this order."""
        immunized = self.nets.immunize(image)
        attacked = self.layer(immunized, image, rng)
        decoupled = self.nets.verifier is not None and self.stage == STAGES and not self.coupled
        if decoupled:
            cls = losses.classification(self.nets.locate(attacked.received.detach()), attacked.mask)
            self._track_convergence(cls)
            yield "verifier", {"classify": cls}
        cls, mask = torch.zeros((), device=self.device), attacked.mask
        if self.coupled:
            logits = self.nets.locate(attacked.received)
            cls, mask = losses.classification(logits, attacked.mask), torch.sigmoid(logits)
        decoder_mask = mask if self.nets.verifier is not None else torch.zeros_like(mask)
        small = self._at_stage(attacked, decoder_mask)
        recovered = self.nets.recover(small.received, small.mask, self.stage, self.fade)
        truth = self._shrink(attacked.mask)
        if self.recipe.critics:
            yield "critics", self._judge(image, immunized.detach(), small.original, recovered.detach())
        rec, container = (
            losses.recovery(small.original, recovered, truth),
            losses.container(image, immunized),
        )
        yield "generator", self._overall(rec, container, cls, immunized, recovered)

    def _overall(
        self, rec: Tensor, container: Tensor, cls: Tensor, immunized: Tensor, recovered: Tensor
    ) -> dict[str, Tensor]:
        """The terms of equation 3 by name; their sum is L_G."""
        recipe = self.recipe
        counts = 1.0
        if recipe.hinge_db is not None:  # the authors' code
            counts = float(container.detach() / 4 > 10 ** (-recipe.hinge_db / 10))
        terms = {"recover": rec, "hide": recipe.gamma * counts * container}
        if self.coupled:
            terms["classify"] = recipe.alpha * cls
        if recipe.critics:
            fool = adversarial.least_squares_fool if recipe.least_squares else adversarial.entropy_fool
            real = fool(self.module.critic_container(immunized))
            terms["fool"] = recipe.beta * losses.discrimination(
                fool(self.module.critic_recovered(recovered)), counts * real, recipe.theta
            )
        return terms

    def _judge(
        self, image: Tensor, immunized: Tensor, original: Tensor, recovered: Tensor
    ) -> dict[str, Tensor]:
        """Equation 9 for D_C and D_S."""
        loss = adversarial.least_squares_critic if self.recipe.least_squares else adversarial.entropy_critic
        container, rest = self.module.critic_container, self.module.critic_recovered
        return {
            "critic_container": loss(container(image), container(immunized)),
            "critic_recovered": loss(rest(original), rest(recovered)),
        }

    def _at_stage(self, attacked: Attacked, mask: Tensor) -> Attacked:
        """Input and target of the decoder at the sides of the present stage."""
        return Attacked(*(self._shrink(x) for x in (attacked.received, mask, attacked.original)))

    def _shrink(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2 ** (STAGES - self.stage)) if self.stage < STAGES else x

    @torch.no_grad()
    def _track_convergence(self, cls: Tensor) -> None:
        """End the decoupling early when the classification loss has converged."""
        self.module.mean_cls.lerp_(cls.detach(), 1 - _MEMORY)
        limit = self.recipe.converged_cls
        if limit is not None and float(self.module.mean_cls) < limit:
            self.module.converged.fill_(True)

    @torch.no_grad()
    def samples(self) -> np.ndarray:
        """Columns: original, immunized, residual, received, true and predicted mask, recovered."""
        rng = np.random.default_rng(7)
        image = self.batch(rng)[:4]
        self.module.eval()
        immunized = self.nets.immunize(image)
        attacked = self.layer(immunized, image, rng)
        known = attacked.mask if self.nets.verifier is not None else torch.zeros_like(attacked.mask)
        prob = known if self.nets.verifier is None else torch.sigmoid(self.nets.locate(attacked.received))
        small = self._at_stage(attacked, known)
        recovered = self.nets.recover(small.received, small.mask, self.stage, self.fade)
        recovered = F.interpolate(recovered, image.shape[-2:], mode="nearest")
        self.module.train()
        return sample_grid([image, immunized, amplified_residual(image, immunized), attacked.received,
                     attacked.mask, prob, recovered])  # fmt: skip
