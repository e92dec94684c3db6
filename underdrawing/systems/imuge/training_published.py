"""How the published networks are trained (sec. 3.3 to 3.5): stages, decoupling, critics, equations 3 to 9."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.data.shards import random_crop
from underdrawing.losses import adversarial
from underdrawing.nets.patch_critic import PatchCritic
from underdrawing.systems.imuge import losses
from underdrawing.systems.imuge.attacking import Attacked, Layer
from underdrawing.systems.imuge.networks import STAGES
from underdrawing.systems.imuge.published import PublishedNetworks
from underdrawing.systems.imuge.recipes import PublishedRecipe
from underdrawing.systems.imuge.samples import crops_tensor, grid, residual_picture

Terms = Iterator[tuple[str, dict[str, Tensor]]]
_MEMORY = 0.99  # of the running mean of the classification loss


class Players(nn.Module):
    """All that is learned, and the running mean that lifts the decoupling: one state to keep."""

    def __init__(self, recipe: PublishedRecipe) -> None:
        super().__init__()
        self.networks = PublishedNetworks(recipe.networks)
        self.critic_container = PatchCritic(recipe.critic_width)
        self.critic_recovered = PatchCritic(recipe.critic_width)
        self.register_buffer("classified", torch.tensor(1.0))
        self.register_buffer("lifted", torch.tensor(False))


class PublishedTraining:
    """The system that the loop trains."""

    def __init__(self, photos: list[np.ndarray], recipe: PublishedRecipe, device: torch.device) -> None:
        self.photos, self.recipe, self.device = photos, recipe, device
        self.module = Players(recipe).to(device)
        self.nets, self.layer = self.module.networks, Layer(recipe.attacks)
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
        """Where the run stands: stage, fading and decoupling follow it."""
        self.progress = progress
        self.module.train()

    @property
    def stage(self) -> int:
        """Of progressive recovery, 1 to 4."""
        if not self.recipe.progressive:
            return STAGES
        return min(STAGES, 1 + int(self.progress / self.recipe.stage + 1e-9))

    @property
    def fade(self) -> float:
        """How far the newest segments are faded in, 0 to 1."""
        if not self.recipe.progressive or self.stage == 1:
            return 1.0
        since = self.progress / self.recipe.stage - (self.stage - 1)
        return float(np.clip(since / self.recipe.fade, 0.0, 1.0))

    @property
    def coupled(self) -> bool:
        """Whether the decoder works by the predicted mask and all networks are trained in one go."""
        if self.nets.verifier is None or self.stage < STAGES:
            return False
        return not self.recipe.decoupling or bool(self.module.lifted) or self.progress >= self.recipe.lift

    def batch(self, rng: np.random.Generator) -> Tensor:
        """Random crops (B, 3, side, side)."""
        recipe = self.recipe
        picks = rng.integers(len(self.photos), size=recipe.batch)
        crops = [random_crop(self.photos[pick], recipe.side, recipe.shortest, rng) for pick in picks]
        return crops_tensor(crops, self.device)

    def losses(self, image: Tensor, rng: np.random.Generator) -> Terms:
        """Verifying network, critics, and the networks that they judge, in this order."""
        immunized = self.nets.immunize(image)
        attacked = self.layer(immunized, image, rng)
        decoupled = self.nets.verifier is not None and self.stage == STAGES and not self.coupled
        if decoupled:
            cls = losses.classification(self.nets.locate(attacked.received.detach()), attacked.mask)
            self._remember(cls)
            yield "verifier", {"classify": cls}
        cls, mask = torch.zeros((), device=self.device), attacked.mask
        if self.coupled:
            logits = self.nets.locate(attacked.received)
            cls, mask = losses.classification(logits, attacked.mask), torch.sigmoid(logits)
        seen = mask if self.nets.verifier is not None else torch.zeros_like(mask)
        small = self._at_stage(attacked, seen)
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
        if recipe.hinge_db is not None:  # the authors' code: silent once the container is good enough
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
        """What the decoder sees and is asked for at the sides of the present stage."""
        return Attacked(*(self._shrink(x) for x in (attacked.received, mask, attacked.original)))

    def _shrink(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2 ** (STAGES - self.stage)) if self.stage < STAGES else x

    @torch.no_grad()
    def _remember(self, cls: Tensor) -> None:
        """Lift the decoupling where the classification loss has converged."""
        self.module.classified.lerp_(cls.detach(), 1 - _MEMORY)
        limit = self.recipe.lift_below
        if limit is not None and float(self.module.classified) < limit:
            self.module.lifted.fill_(True)

    @torch.no_grad()
    def samples(self) -> np.ndarray:
        """Original, immunized, residual, received, true and predicted mask, recovered: four photographs."""
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
        return grid([image, immunized, residual_picture(image, immunized), attacked.received,
                     attacked.mask, prob, recovered])  # fmt: skip
